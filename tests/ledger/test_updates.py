"""A list of changes holds every change once, in order, and reads one index."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from rescind.browse import updates
from rescind.browse.listing import Filter, list_rows
from rescind.browse.updates import Place, changed
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading
from tests.ledger.build import add
from tests.ledger.filled import GROUPS, ON_ONE_LEDGER, One, fill, ones
from tests.ledger.plans import assert_by_index, plans


@given(
    given_ones=st.lists(ones, max_size=15),
    states=st.lists(st.sampled_from(State), max_size=3, unique=True),
    group=st.sampled_from(GROUPS),
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
    since: float,
    limit: int,
    looked_at: int,
) -> None:
    monkeypatch.setattr(updates, "LOOKED_AT_ONCE", looked_at)
    fill(engine, given_ones)
    wanted = Filter([str(one) for one in states], group=group)
    with reading(engine) as connection:
        rows = list_rows(connection, Filter(), 100)
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
    ]
    assert found == [id_ for _, id_ in sorted(fits)]


def test_changes_are_read_by_their_index(engine: Engine) -> None:
    add(engine, order="a")
    with reading(engine) as connection, plans(connection) as found:
        changed(connection, Filter(provider="notpanel"), Place(0), 10)
    assert_by_index(found, "ix_updated")
