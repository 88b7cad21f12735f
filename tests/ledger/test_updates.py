"""A list of changes holds every change once, in order, and reads one index."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from rescind.browse import updates
from rescind.browse.browsing import list_rows
from rescind.browse.updates import Place, changed
from rescind.browse.wanted import Wanted
from rescind.ledger.id_times import first_id, time_of_id
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading
from tests.ledger.build import BY, REASONS, add
from tests.ledger.filled import GROUPS, ON_ONE_LEDGER, ORDERS, One, fill, ones
from tests.ledger.plans import assert_by_index, plans


@given(
    given_ones=st.lists(ones, max_size=15),
    states=st.lists(st.sampled_from(State), max_size=3, unique=True),
    group=st.sampled_from(GROUPS),
    order=st.sampled_from([None, None, *ORDERS]),
    reason=st.sampled_from([None, None, *map(str, REASONS.values())]),
    by=st.sampled_from([[], [BY], ["token:ann", BY], ["token:ann"]]),
    period=st.tuples(st.none() | st.integers(0, 3), st.none() | st.integers(1, 5)),
    since=st.floats(0, 1),
    limit=st.integers(1, 6),
    looked_at=st.integers(1, 8),
)
@ON_ONE_LEDGER
def test_the_pages_hold_each_matching_change_once(
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    given_ones: list[One],
    states: list[State],
    group: str | None,
    order: str | None,
    reason: str | None,
    by: list[str],
    period: tuple[int | None, int | None],
    since: float,
    limit: int,
    looked_at: int,
) -> None:
    monkeypatch.setattr(updates, "LOOKED_AT_ONCE", looked_at)
    fill(engine, given_ones)
    with reading(engine) as connection:
        rows = list_rows(connection, Wanted(), 100)
        accepted = min((time_of_id(row.id) or 0 for row in rows), default=0)
        begin, end = (None if one is None else accepted + one for one in period)
        wanted = Wanted(
            [str(one) for one in states],
            group=group,
            order=order,
            reason=reason,
            by=by,
            since=begin,
            until=end,
        )
        times = sorted(row.updated_at for row in rows) or [0]
        start = times[int(since * (len(times) - 1))]
        found: list[str] = []
        place: Place | None = Place(start)
        while place is not None:
            page, place = changed(connection, wanted, place, limit)
            assert len(page) <= limit
            found += [row.id for row in page]
    fits = [
        (row.updated_at, row.id)
        for row in rows
        if row.updated_at >= start
        and (not states or row.state in states)
        and group in (None, row.group_name)
        and order in (None, row.order_id)
        and reason in (None, row.reason)
        and (not by or row.submitted_by in by)
        and (begin is None or row.id >= first_id(begin))
        and (end is None or row.id < first_id(end))
    ]
    assert found == [id_ for _, id_ in sorted(fits)]


@pytest.mark.parametrize(
    "wanted",
    [
        {"provider": "notpanel"},
        {"reason": "refused"},
        {"by": [BY]},
        {"order": "a"},
        {"since": 1, "until": 2**46},
    ],
)
def test_changes_are_read_by_their_index(
    engine: Engine, wanted: dict[str, Any]
) -> None:
    add(engine, order="a")
    with reading(engine) as connection, plans(connection) as found:
        changed(connection, Wanted(**wanted), Place(0), 10)
    assert_by_index(found, "ix_updated")
