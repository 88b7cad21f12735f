"""A large ledger is filled in pieces, and its search finds what was filled."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine, text

from bench import large_fill
from bench.large_fill import fill, index
from rescind.browse.part_search import find_part, unsearched
from rescind.browse.wanted import Wanted
from rescind.ledger.storage.transactions import reading


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_fill, "CHUNK", 40)


def test_filling_goes_on_where_it_was_stopped(engine: Engine) -> None:
    fill(engine, 50)
    fill(engine, 130)
    count = text("SELECT count(*), min(id), max(id) FROM cancellation")
    with reading(engine) as connection:
        number, first, last = connection.execute(count).one()
    assert (number, first[-12:], last[-12:]) == (130, f"{1:012}", f"{130:012}")


def test_every_filled_row_is_in_the_search_index(engine: Engine) -> None:
    fill(engine, 130)
    index(engine)
    index(engine)
    with reading(engine) as connection:
        every = find_part(connection, "S-1", Wanted(), 200)
        one = find_part(connection, "S-100003", Wanted(), 200)
        left = unsearched(connection)
    assert len(every.rows) == 130
    assert [row.meta for row in one.rows] == [{"shop_order": "S-1000031"}]
    assert left is None
