"""A list equals a read of every row, though only a few are read."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from rescind.browse import browse_ranges, browsing
from rescind.browse.browsing import browse, list_rows
from rescind.browse.wanted import Wanted
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading
from tests.ledger.build import add
from tests.ledger.filled import GROUPS, ON_ONE_LEDGER, One, fill, ones

OTHER = ("ithink", "b")


def listed(engine: Engine, limit: int = 100, **wanted: Any) -> list[str]:
    with reading(engine) as connection:
        return [one.order_id for one in list_rows(connection, Wanted(**wanted), limit)]


def test_lists_are_newest_first_filtered_and_limited(engine: Engine) -> None:
    add(engine, order="a", group="g")
    add(engine, State.CANCELLED, order="b", lane=OTHER, group="g")
    add(engine, State.FAILED, order="c", lane=("ithink", "default"))
    assert listed(engine) == ["c", "b", "a"]
    assert listed(engine, limit=2) == ["c", "b"]
    assert listed(engine, group="g") == ["b", "a"]
    assert listed(engine, provider="ithink") == ["c", "b"]
    assert listed(engine, provider="ithink", account="b") == ["b"]
    assert listed(engine, states=("failed", "queued")) == ["c", "a"]
    assert listed(engine, states=("failed",), group="g") == []


@given(
    given_ones=st.lists(ones, max_size=25),
    states=st.lists(st.sampled_from(State), max_size=3, unique=True),
    lane=st.tuples(
        st.sampled_from([None, "akinon", "ithink", "x"]),
        st.sampled_from([None, "a", "b"]),
    ),
    group=st.sampled_from(GROUPS),
    limit=st.integers(1, 30),
    most_lanes=st.sampled_from([1, 200]),
    scanned=st.sampled_from([1, browsing.SCANNED]),
)
@ON_ONE_LEDGER
def test_a_list_equals_a_read_of_every_row(
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    given_ones: list[One],
    states: list[State],
    lane: tuple[str | None, str | None],
    group: str | None,
    limit: int,
    most_lanes: int,
    scanned: int,
) -> None:
    monkeypatch.setattr(browse_ranges, "MOST_LANES", most_lanes)
    monkeypatch.setattr(browsing, "LEAST", 1)
    bounded = partial(browse, scanned=scanned)
    monkeypatch.setattr(browsing, "browse", bounded)
    kept = fill(engine, given_ones)
    wanted = Wanted([str(one) for one in states], *lane, group)
    with reading(engine) as connection:
        found = [row.id for row in list_rows(connection, wanted, limit)]
    fits = [
        id_
        for id_, one in kept
        if (not states or one.state in states)
        and lane[0] in (None, one.lane[0])
        and lane[1] in (None, one.lane[1])
        and group in (None, one.group)
    ]
    assert found == fits[:limit]
