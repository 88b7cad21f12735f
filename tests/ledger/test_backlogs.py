"""What a lane has to do is told truly, though only a few rows are read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete

from ledger import backlogs as asked
from ledger import queries
from ledger.backlogs import Backlog, backlogs
from ledger.database import reading, writing
from ledger.intake import insert_new
from ledger.queries import Filter, list_rows, states_of_group
from ledger.states import FINAL, OPEN, State
from ledger.tables import CANCELLATION, TRANSITION
from ledger.walk import QUEUED, lanes_in
from tests.ledger.build import HOUR, LANE, NOW, add, new, progress

LANES = [("akinon", "a"), ("akinon", "b"), ("ithink", "a")]
GROUPS = [None, "g", "h"]
ORDERS = ["x", "y"]
ON_ONE_LEDGER = settings(
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)


@dataclass(frozen=True)
class One:
    """A cancellation: its lane, its state, its group and its times in hours.

    Its order is its key too, if it may be and no other of the lane has that key.
    """

    lane: tuple[str, str]
    state: State
    group: str | None
    accepted: int
    waited: int
    order: str
    is_key: bool

    @property
    def opened(self) -> int:
        """Hours before ``NOW``; to come, where it is negative."""
        return self.accepted - self.waited


ones = st.builds(
    One,
    st.sampled_from(LANES),
    # Many of one state, or no page of them is ever full.
    st.sampled_from([State.QUEUED] * 9 + list(State)),
    st.sampled_from(GROUPS),
    st.integers(0, 50),
    st.integers(0, 60),
    st.sampled_from(ORDERS),
    st.booleans(),
)


def fill(engine: Engine, given_ones: Sequence[One]) -> list[tuple[str, One]]:
    """A ledger that holds these, and their ids, the newest first."""
    with writing(engine) as connection:
        for table in (TRANSITION, CANCELLATION):
            connection.execute(delete(table))
        kept, taken = [], set()
        for number, one in enumerate(sorted(given_ones, key=lambda one: -one.accepted)):
            opened = NOW - one.opened * HOUR
            path = (*one.lane, one.order)
            row = new(
                one.order,
                key=one.order if one.is_key and path not in taken else str(number),
                lane=one.lane,
                group=one.group,
                opened_at=opened,
                progress=progress(one.state),
            )
            insert_new(connection, [row], NOW - one.accepted * HOUR)
            taken.add(row.path)
            kept.append((row.id, one))
    return kept[::-1]


@given(given_ones=st.lists(ones, max_size=25), most=st.none() | st.integers(1, 4))
@ON_ONE_LEDGER
def test_backlogs_are_what_counting_every_row_comes_to(
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


@given(
    given_ones=st.lists(ones, max_size=25),
    states=st.lists(st.sampled_from(State), max_size=3, unique=True),
    lane=st.tuples(
        st.sampled_from([None, "akinon", "ithink", "x"]),
        st.sampled_from([None, "a", "b"]),
    ),
    group=st.sampled_from(GROUPS),
    order=st.sampled_from([None, *ORDERS]),
    before=st.none() | st.integers(0, 24),
    limit=st.integers(1, 30),
    most_lanes=st.sampled_from([1, 200]),
)
@ON_ONE_LEDGER
def test_a_list_is_what_reading_every_row_comes_to(
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    given_ones: list[One],
    states: list[State],
    lane: tuple[str | None, str | None],
    group: str | None,
    order: str | None,
    before: int | None,
    limit: int,
    most_lanes: int,
) -> None:
    monkeypatch.setattr(queries, "MOST_LANES", most_lanes)
    kept = fill(engine, given_ones)
    last = None if before is None or before >= len(kept) else kept[before][0]
    wanted = Filter([str(one) for one in states], *lane, group, order)
    with reading(engine) as connection:
        found = [row.id for row in list_rows(connection, wanted, limit, last)]
    fits = [
        id_
        for id_, one in kept
        if (not states or one.state in states)
        and lane[0] in (None, one.lane[0])
        and lane[1] in (None, one.lane[1])
        and group in (None, one.group)
        and order in (None, one.order)
        and (last is None or id_ < last)
    ]
    assert found == fits[:limit]


@given(given_ones=st.lists(ones, max_size=25))
@ON_ONE_LEDGER
def test_a_groups_states_are_what_counting_every_row_comes_to(
    engine: Engine, given_ones: list[One]
) -> None:
    fill(engine, given_ones)
    for group in ("g", "h"):
        with reading(engine) as connection:
            found = states_of_group(connection, group)
        assert found == Counter(o.state for o in given_ones if o.group == group)


def test_a_lane_whose_work_has_ended_is_not_among_the_open_ones(engine: Engine) -> None:
    for order, state in enumerate(FINAL):
        add(engine, state, order=str(order), lane=LANES[0])
    add(engine, lane=LANES[1])
    add(engine, order="2", lane=LANE)
    with reading(engine) as connection:
        assert [*lanes_in(connection, QUEUED)] == [LANES[1], LANE]
        assert set(backlogs(connection, NOW)) == {LANES[1], LANE}


def test_only_what_an_index_holds_by_lane_is_walked(engine: Engine) -> None:
    with reading(engine) as connection, pytest.raises(ValueError, match="no index by"):
        next(lanes_in(connection, "polls > 0"))
