"""Engines and transactions: SQLite in WAL mode and PostgreSQL from one code."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url

from rescind.ledger.storage import counters
from rescind.ledger.storage.postgres import DEADLINE_SECONDS, bound, open_postgres
from rescind.ledger.storage.unreachable import LedgerUnreachableError, translated

__all__ = ["LedgerUnreachableError", "open_ledger", "ping", "reading", "writing"]

TURN_SECONDS = 5.0
"""How long a writer of SQLite waits in the queue, before it goes without a turn."""
NAP_SECONDS = 0.001
BUSY_SECONDS = 30
"""How long SQLite waits for another writer before it says that it is locked."""


def open_ledger(url: str) -> Engine:
    """An engine for ``url``. No fork must come between its first use and its last.

    Raises ``ValueError`` for a URL of another kind of database, or with an option that
    does not exist.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(url)
    if parsed.get_backend_name() in ("postgresql", "postgres"):
        return open_postgres(parsed)
    raise ValueError(
        f"RESCIND_DATABASE_URL names {parsed.get_backend_name()}: only sqlite:/// and"
        " postgresql+psycopg:// (or postgresql://, postgres://) are supported"
    )


def _open_sqlite(url: str) -> Engine:
    engine = create_engine(
        url,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        # The driver must not begin transactions by itself: see _begin.
        connection.isolation_level = None
        cursor = connection.cursor()
        _to_wal(cursor)
        # FULL: a commit that we rely on must survive the machine, too.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        # Whoever writes empties the others' cache: one transaction fills no more, and
        # each connection keeps all that it ever filled.
        cursor.execute("PRAGMA cache_size=-8000")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer that begins as a reader can find itself locked out half way.
        reading = connection.get_execution_options().get("reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _to_wal(cursor: sqlite3.Cursor) -> None:
    # Alone among statements, this one does not wait while others open a new file.
    give_up = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
            time.sleep(0.02)
        else:
            return


@contextmanager
def writing(
    engine: Engine,
    *,
    crowd: str | None = None,
    seconds: float | None = DEADLINE_SECONDS,
) -> Iterator[Connection]:
    """One transaction that writes; commits at the end, or not at all.

    PostgreSQL may take so many ``seconds`` for it; then it is given up.

    In SQLite one writes at a time, and who waits naps for up to 100 ms. So writers
    queue here first, each ``crowd`` (of many that do the same) as if it were one.
    """
    with ExitStack() as queue:
        for name in _queues(engine, crowd):
            queue.enter_context(_turn(name))
        with translated(engine), engine.begin() as connection:
            bound(connection, seconds)
            counters.begin(connection)
            yield connection
            counters.finish(connection)


def _queues(engine: Engine, crowd: str | None) -> Iterator[str]:
    file = engine.url.database
    if engine.dialect.name == "sqlite" and file:
        if crowd is not None:
            yield f"{file}-{crowd}"
        yield f"{file}-turn"


@contextmanager
def _turn(name: str) -> Iterator[None]:
    """Wait in the queue of this name; a process that dies gives its turn up."""
    try:
        queue = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        # Nobody can write here, which SQLite says better.
        yield
        return
    try:
        _wait_in(queue)
        yield
    finally:
        os.close(queue)


def _wait_in(queue: int) -> None:
    """Wait for the turn, or so long that SQLite itself may say what is the matter."""
    give_up = time.monotonic() + TURN_SECONDS
    while time.monotonic() < give_up:
        try:
            fcntl.flock(queue, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(NAP_SECONDS)
        except OSError:
            return  # a file system without such locks
        else:
            return


_READING: dict[str, dict[str, Any]] = {
    "sqlite": {"reading": True},
    # All of its statements see the same: a list is made of several.
    "postgresql": {"isolation_level": "REPEATABLE READ"},
}


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One transaction that only reads, and never waits for writers."""
    with (
        translated(engine),
        engine.connect().execution_options(**_READING[engine.dialect.name]) as found,
        found.begin(),
    ):
        bound(found, DEADLINE_SECONDS)
        yield found


def ping(engine: Engine) -> None:
    """Raises ``LedgerUnreachableError`` unless the database answers."""
    with reading(engine) as connection:
        connection.execute(text("SELECT 1"))
