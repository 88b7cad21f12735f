"""SQLite compiles the statements of the busiest paths once, not for each new value.

It would compile a statement again whenever a parameter changes that it has compared
with the condition of a partial index. That takes ten times as long as running it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine

from rescind.ledger.changes.same_order import siblings
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import open_ledger, reading
from tests.ledger.build import LANE, add, change, hold, make


@pytest.fixture
def ledger(sqlite_ledger_url: str) -> Iterator[Engine]:
    engine = open_ledger(sqlite_ledger_url)
    yield engine
    engine.dispose()


def compiled(engine: Engine, work: Callable[[], object]) -> list[str | None]:
    """The columns of ``cancellation`` that SQLite looked up to compile statements."""
    looked_up: list[str | None] = []

    def note(action: int, table: str | None, column: str | None, *_: object) -> int:
        if action == sqlite3.SQLITE_READ and table == "cancellation":
            looked_up.append(column)
        return sqlite3.SQLITE_OK

    with engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert isinstance(raw, sqlite3.Connection)
    # Whatever is compiled already is compiled once more after this.
    raw.set_authorizer(note)
    work()
    assert looked_up
    looked_up.clear()
    work()
    return looked_up


def test_recording_a_result_compiles_nothing_again(ledger: Engine) -> None:
    held = []
    for state in (State.VERIFYING, State.REQUESTED):
        add(ledger, state, order=state)
        held += hold(ledger, state)
    results = iter([change(one, State.CANCELLED) for one in held])
    assert compiled(ledger, lambda: make(ledger, [next(results)])) == []


def test_looking_for_the_cancellations_of_an_order_compiles_nothing_again(
    ledger: Engine,
) -> None:
    add(ledger, order="1", key="another")

    def look() -> None:
        with reading(ledger) as connection:
            assert siblings(connection, [(*LANE, "1")])

    assert compiled(ledger, look) == []
