"""A lane's backlog is exact, though only a few rows are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from rescind.ledger.reading import backlogs as asked
from rescind.ledger.reading.backlogs import Backlog, backlogs
from rescind.ledger.reading.index_walk import QUEUED, lanes_in
from rescind.ledger.states import FINAL, OPEN, State
from rescind.ledger.storage.transactions import reading
from tests.ledger.build import HOUR, LANE, NOW, add
from tests.ledger.filled import LANES, ON_ONE_LEDGER, One, fill, ones


@given(given_ones=st.lists(ones, max_size=25), most=st.none() | st.integers(1, 4))
@ON_ONE_LEDGER
def test_backlogs_equal_a_count_of_every_row(
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    given_ones: list[One],
    most: int | None,
) -> None:
    monkeypatch.setattr(asked, "AT_ONCE", 2)
    fill(engine, given_ones)
    with reading(engine) as connection:
        found = backlogs(connection, NOW, most)
    assert found == {
        lane: counted([o for o in given_ones if o.lane == lane], most)
        for lane in {one.lane for one in given_ones if one.state in OPEN}
    }


def counted(of_lane: Sequence[One], most: int | None) -> Backlog:
    states = Counter(str(one.state) for one in of_lane if one.state in OPEN)
    waiting = [
        one.opened
        for one in of_lane
        if one.state in OPEN - {State.SCHEDULED} and one.opened >= 0
    ]
    return Backlog(
        {s: n if most is None else min(n, most) for s, n in states.items()},
        NOW - max(waiting) * HOUR if waiting else None,
        frozenset(s for s, n in states.items() if most is not None and n > most),
    )


def test_a_lane_whose_work_has_ended_has_no_backlog(engine: Engine) -> None:
    for order, state in enumerate(FINAL):
        add(engine, state, order=str(order), lane=LANES[0])
    add(engine, lane=LANES[1])
    add(engine, order="2", lane=LANE)
    with reading(engine) as connection:
        assert lanes_in(connection, QUEUED) == [LANES[1], LANE]
        assert set(backlogs(connection, NOW)) == {LANES[1], LANE}


def test_lanes_are_read_only_from_indexes_by_lane(engine: Engine) -> None:
    with reading(engine) as connection, pytest.raises(ValueError, match="no index by"):
        lanes_in(connection, "polls > 0")
