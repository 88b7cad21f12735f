"""A part of an order, key, group or metadata value finds the cancellation."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, func, select, text

from rescind.browse import part_search, search_indexing, search_words
from rescind.browse.browsing import Place
from rescind.browse.part_search import find_part, unsearched
from rescind.browse.search_indexing import (
    PASSES,
    anything_to_index,
    index_some,
)
from rescind.browse.search_words import folded, trigrams
from rescind.browse.wanted import Wanted
from rescind.ledger.changes.deletion import Pruning
from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.states import State
from rescind.ledger.storage.postgres_statements import BY_BITMAP
from rescind.ledger.storage.search_tables import SEARCH_ENTRY, SEARCH_PROGRESS
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import open_ledger, reading, writing
from tests.ledger.build import NOW, add, new
from tests.ledger.filled import ON_ONE_LEDGER

SOON = timedelta(minutes=1)
LATER = timedelta(days=2)
ALPHABET = st.sampled_from("ab1%_\\\"' İI")
words = st.text(ALPHABET, min_size=1, max_size=8)


def index(engine: Engine, ahead: timedelta = LATER) -> None:
    """Run all passes, as if so much time had gone by."""
    for lag in PASSES:
        while index_some(engine, lag, datetime.now(UTC) + ahead):
            pass


def take_in(engine: Engine, *some: Any) -> list[str]:
    with writing(engine) as connection:
        insert_new(connection, some, NOW)
    return [one.id for one in some]


def found(
    engine: Engine, part: str, limit: int = 100, after: Place | None = None, **rest: Any
) -> list[str]:
    with reading(engine) as connection:
        page = find_part(connection, part, Wanted(**rest), limit, after)
    return [row.id for row in page.rows]


def empty(engine: Engine) -> None:
    with writing(engine) as connection:
        if engine.dialect.name == "sqlite":
            gone = "INSERT INTO search_text (search_text) VALUES ('delete-all')"
            connection.execute(text(gone))
        for table in (SEARCH_ENTRY, SEARCH_PROGRESS, CANCELLATION):
            connection.execute(delete(table))


@pytest.mark.parametrize("indexed", [False, True])
def test_each_part_finds_its_cancellation(engine: Engine, *, indexed: bool) -> None:
    metadata = {"shop": {"order": "Sipariş-4711"}, "lines": [20391], "gift": True}
    [one] = take_in(
        engine,
        new("862100104", key="key 7 of it", group="nightly-11", metadata=metadata),
    )
    add(engine, order="000")
    if indexed:
        index(engine)
    for part in ("6210", "862100104", "KEY 7", "ghtly-1", "sipariş-47", "2039"):
        assert found(engine, part) == [one]
    for part in ("6211", "True", "gift", "shop", "86", "_21"):
        assert found(engine, part) == []


@given(
    orders=st.lists(words, max_size=12),
    part=st.text(ALPHABET, min_size=3, max_size=6),
    limit=st.integers(1, 4),
    indexed=st.integers(0, 12),
    newest=st.integers(1, 20),
)
@settings(ON_ONE_LEDGER, max_examples=30)
def test_the_pages_equal_a_comparison_with_every_row(
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    orders: Sequence[str],
    part: str,
    limit: int,
    indexed: int,
    newest: int,
) -> None:
    monkeypatch.setattr(part_search, "NEWEST", newest)
    empty(engine)
    rows = [new(one, key=str(n)) for n, one in enumerate(orders)]
    for number, one in enumerate(rows):
        take_in(engine, one)
        if number + 1 == indexed:
            index(engine)
    after, ids = None, list[str]()
    while not ids or after is not None:
        with reading(engine) as connection:
            page = find_part(connection, part, Wanted(), limit, after)
        ids += [row.id for row in page.rows]
        after = page.next
        if after is None:
            break
    fits = [one.id for one in rows if folded(part) in folded(one.order)]
    assert ids == fits[::-1]


LETTERS = "abcçdefgğhıijklmnoöprsştuüvyz "
TURKISH = st.text(st.sampled_from(LETTERS), min_size=3, max_size=12)
CAPITALS = str.maketrans("ıi", "Iİ")


def capitals(text: str) -> str:
    """The text in capitals, as Turkish writes them."""
    return text.translate(CAPITALS).upper()


@given(word=TURKISH)
def test_turkish_capitals_do_not_matter(word: str) -> None:
    spellings = [word, capitals(word), word.upper(), capitals(word).lower()]
    spellings += [unicodedata.normalize("NFD", one) for one in spellings]
    assert len({folded(one) for one in spellings}) == 1


@given(word=TURKISH.filter(lambda word: len(word.strip()) > 2), data=st.data())
@settings(ON_ONE_LEDGER, max_examples=15)
def test_a_part_is_found_in_whichever_capitals(
    engine: Engine, word: str, data: st.DataObject
) -> None:
    empty(engine)
    ways: list[Callable[[str], str]] = [str, capitals, str.upper]
    spelling = st.sampled_from(ways)
    [one] = take_in(engine, new("1", metadata={"x": data.draw(spelling)(word)}))
    if data.draw(st.booleans()):
        index(engine)
    assert found(engine, data.draw(spelling)(word)) == [one]


@pytest.mark.parametrize("word", ["ÇİĞDEM", "ışık", "IŞIK", "çiğdem"])
def test_an_entry_of_an_earlier_version_is_found_as_before(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.setattr(search_words, "folded", str.casefold)
    [one] = take_in(engine, new("1", metadata={"x": word}))
    index(engine)
    monkeypatch.undo()
    assert found(engine, word) == [one]


def test_the_other_fields_of_a_filter_hold_too(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part_search, "CANDIDATES", 2)
    one = add(engine, State.FAILED, order="part-1", group="g")
    for number in range(2, 5):
        add(engine, order=f"part-{number}")
    index(engine)
    with reading(engine) as connection:
        page = find_part(connection, "part", Wanted(["failed"], group="g"), 5)
        assert (page.rows, page.partial) == ([], True)
    assert found(engine, "part", after=page.next, group="g") == [one]
    assert found(engine, "part", since=2**42) == []


def test_an_order_that_is_indexed_between_two_pages_comes_once(engine: Engine) -> None:
    ids = [add(engine, order=f"part-{n}") for n in range(4)]
    with reading(engine) as connection:
        first = find_part(connection, "part", Wanted(), 2)
    index(engine)
    assert found(engine, "part", after=first.next) == [ids[1], ids[0]]


def test_what_is_committed_late_is_indexed_by_a_later_pass(engine: Engine) -> None:
    late = new("late-1")
    add(engine, order="early")
    index(engine, SOON)
    take_in(engine, late)
    index(engine, SOON)
    assert found(engine, "late") == []
    index(engine)
    assert found(engine, "late") == [late.id]
    with reading(engine) as connection:
        assert not anything_to_index(connection, datetime.now(UTC) + LATER)


def test_deleted_cancellations_leave_no_words_behind(engine: Engine) -> None:
    add(engine, State.CANCELLED, order="gone-1")
    index(engine)
    walk = Pruning(engine, datetime.now(UTC) + LATER)
    while walk.step():
        pass
    assert found(engine, "gone") == []
    with reading(engine) as connection:
        entries = select(func.count()).select_from(SEARCH_ENTRY)
        assert connection.execute(entries).scalar() == 0
        if engine.dialect.name == "sqlite":
            left = "SELECT count(*) FROM search_text WHERE search_text MATCH 'gon'"
            assert connection.execute(text(left)).scalar() == 0


def test_what_is_neither_indexed_nor_read_is_reported(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part_search, "RECENT", 2)
    for number in range(4):
        add(engine, order=f"part-{number}")
    with reading(engine) as connection:
        gap = unsearched(connection)
    assert gap is not None
    assert gap.first <= gap.last
    index(engine)
    with reading(engine) as connection:
        assert unsearched(connection) is None


def test_many_orders_are_indexed_in_several_steps(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_indexing, "AT_ONCE", 3)
    ids = take_in(engine, *(new(f"many-{n}") for n in range(8)))
    index(engine)
    assert sorted(found(engine, "many")) == sorted(ids)


@pytest.mark.parametrize("parts", [["ord"], ["order-1"], ["ord", "der-2"]])
def test_postgresql_searches_by_the_index_of_trigrams(
    postgres_ledger_url: str, parts: list[str]
) -> None:
    engine = open_ledger(postgres_ledger_url)
    take_in(engine, *(new(f"order-{n}") for n in range(300)))
    index(engine)
    given: dict[str, Any] = {"before": 2**62, "most": 9}
    for n, part in enumerate(parts):
        given |= {f"grams{n}": trigrams(part), f"like{n}": f"%{part}%"}
    with reading(engine) as connection:
        for statement in BY_BITMAP:
            connection.execute(text(statement))
        asked = text(f"EXPLAIN {part_search._postgresql(parts)}")
        plan = "\n".join(connection.execute(asked, given).scalars())
    engine.dispose()
    assert "Bitmap Index Scan on ix_search_words" in plan
    assert "Seq Scan" not in plan
    # A common part has too many matches to be kept aside until they are sorted.
    assert "CTE" not in plan
