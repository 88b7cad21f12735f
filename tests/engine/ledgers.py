"""A world's ledger, in memory, and the faults that a test chooses for it."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import OperationalError

from rescind.config.accounts import Lane
from rescind.ledger.storage.migrate import upgrade
from rescind.ledger.storage.transactions import open_ledger, writing


@cache
def template() -> Path:
    """A SQLite file with the ledger's tables, for code without fixtures."""
    path = Path(tempfile.mkdtemp(prefix="rescind-world-")) / "ledger.db"
    ledger = open_ledger(f"sqlite:///{path}")
    upgrade(ledger)
    ledger.dispose()
    return path


def in_memory(template: Path) -> Engine:
    """A copy of ``template`` in memory, for one thread."""
    ledger = open_ledger("sqlite://")

    @event.listens_for(ledger, "connect")
    def _copy(connection: sqlite3.Connection, _record: object) -> None:
        with sqlite3.connect(template) as source:
            source.backup(connection)
        source.close()

    return ledger


@contextmanager
def emptied() -> Iterator[Engine]:
    """An empty ledger in memory. It is the same one each time, so that its statements
    are compiled once."""
    ledger = _shared()
    with sqlite3.connect(template()) as source, ledger.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        source.backup(raw)
    source.close()
    yield ledger


@cache
def _shared() -> Engine:
    return in_memory(template())


class Faults:
    """Faults of a ledger's commits, which the test switches on and off."""

    def __init__(self, ledger: Engine) -> None:
        self.away = False
        """Whether the ledger cannot be reached."""
        self.unacknowledged = 0
        """The acknowledgements of so many next commits are lost."""
        self.tries = 0
        """How many transactions were begun."""
        self.meanwhile: list[Callable[[], None]] = []
        """Functions to call while the next transaction is committed."""
        self.committing = False
        """Whether a transaction is being committed."""
        self.statements: list[str] = []
        """Each statement since the list was last emptied."""
        event.listen(ledger, "begin", self._begin, insert=True)
        event.listen(ledger, "commit", self._commit)
        event.listen(ledger, "before_cursor_execute", self._execute)
        self._ledger = ledger

    def leave(self) -> None:
        """Remove all faults from this ledger."""
        event.remove(self._ledger, "begin", self._begin)
        event.remove(self._ledger, "commit", self._commit)
        event.remove(self._ledger, "before_cursor_execute", self._execute)

    @contextmanager
    def none(self) -> Iterator[None]:
        """Switch faults and counts off while the test itself uses the ledger."""
        was = (
            self.away,
            self.unacknowledged,
            self.meanwhile,
            self.tries,
            self.statements,
        )
        self.away, self.unacknowledged, self.meanwhile, self.statements = (
            False,
            0,
            [],
            [],
        )
        try:
            yield
        finally:
            (
                self.away,
                self.unacknowledged,
                self.meanwhile,
                self.tries,
                self.statements,
            ) = was

    def _begin(self, _connection: Connection) -> None:
        self.tries += 1
        if self.away:
            raise _lost()

    def _commit(self, connection: Connection) -> None:
        happenings, self.meanwhile = self.meanwhile, []
        self.committing = True
        for one in happenings:
            one()
        self.committing = False
        if self.unacknowledged:
            self.unacknowledged -= 1
            connection.connection.commit()
            raise _lost()

    def _execute(
        self, _connection: object, _cursor: object, statement: str, *_: Any
    ) -> None:
        self.statements.append(statement)


def _lost() -> OperationalError:
    return OperationalError("", None, sqlite3.OperationalError("connection lost"))


def break_lane(ledger: Engine, lane: Lane, *events: str) -> None:
    """Make writes to this lane's rows fail. ``events``: INSERT, UPDATE or both."""
    with writing(ledger) as connection:
        for name in events or ("INSERT", "UPDATE"):
            for statement in _breaking(connection.dialect.name, lane, name):
                connection.execute(text(statement))


def _breaking(dialect: str, lane: Lane, name: str) -> list[str]:
    trigger = f"CREATE TRIGGER broken_{name} BEFORE {name} ON cancellation"
    where = f"WHEN (NEW.provider = '{lane[0]}' AND NEW.account = '{lane[1]}')"
    if dialect == "sqlite":
        return [f"{trigger} {where} BEGIN SELECT RAISE(ABORT, 'broken'); END"]
    function = (
        "CREATE OR REPLACE FUNCTION broken() RETURNS trigger AS"
        " $$ BEGIN RAISE EXCEPTION 'broken'; END $$ LANGUAGE plpgsql"
    )
    return [function, f"{trigger} FOR EACH ROW {where} EXECUTE FUNCTION broken()"]


def mend_lane(ledger: Engine, *events: str) -> None:
    with writing(ledger) as connection:
        of = "" if connection.dialect.name == "sqlite" else " ON cancellation"
        for name in events or ("INSERT", "UPDATE"):
            connection.execute(text(f"DROP TRIGGER broken_{name}{of}"))
