"""A group's counts equal a count of its rows."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from rescind.ledger.reading.group_summary import summary_of
from rescind.ledger.storage.transactions import reading
from tests.ledger.filled import ON_ONE_LEDGER, One, fill, ones


@given(given_ones=st.lists(ones, max_size=25))
@ON_ONE_LEDGER
def test_a_groups_counts_equal_a_count_of_every_row(
    engine: Engine, given_ones: list[One]
) -> None:
    fill(engine, given_ones)
    for group in ("g", "h"):
        with reading(engine) as connection:
            found = summary_of(connection, group).states
        assert found == Counter(o.state for o in given_ones if o.group == group)
