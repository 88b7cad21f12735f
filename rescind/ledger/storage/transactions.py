"""Engines and transactions, for SQLite (WAL mode) and PostgreSQL."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from math import inf
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url

from rescind.ledger.storage import counters
from rescind.ledger.storage.private_files import make_private
from rescind.ledger.storage.unreachable import LedgerUnreachableError, translated

__all__ = ["LedgerUnreachableError", "open_ledger", "ping", "reading", "writing"]

DEADLINE_SECONDS = 60.0
"""Longest transaction on PostgreSQL, from its first statement to the end of its commit.
"""
TURN_SECONDS = 5.0
"""How long a writer of SQLite waits in our queue, before it asks SQLite directly."""
STUCK_SECONDS = 0.05
"""How long it waits in a queue in which it has waited in vain before."""
NAP_SECONDS = 0.001
BUSY_SECONDS = 30
"""How long SQLite waits for another writer before it raises "database is locked"."""


def open_ledger(url: str) -> Engine:
    """An engine for ``url``. The process must not fork between its first and last use.

    Raises ``ValueError`` for a URL of another kind of database, or with an option that
    does not exist.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(url)
    if parsed.get_backend_name() in ("postgresql", "postgres"):
        from rescind.ledger.storage.postgres import open_postgres

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

    @event.listens_for(engine, "do_connect")
    def _private(*_: object) -> None:
        make_private(engine.url.database)

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        # The driver must not begin transactions by itself: see _begin.
        connection.isolation_level = None
        cursor = connection.cursor()
        _to_wal(cursor)
        # FULL: a commit must survive a crash of the machine, too.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        # Small, because every writer makes the others' caches useless: one transaction
        # needs no more, and a connection never frees its cache.
        cursor.execute("PRAGMA cache_size=-8000")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A transaction that reads first and writes later may be refused the lock.
        reading = connection.get_execution_options().get("reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _to_wal(cursor: sqlite3.Cursor) -> None:
    # This statement alone does not wait while others open a new file.
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
    queue: str | None = None,
    seconds: float | None = DEADLINE_SECONDS,
) -> Iterator[Connection]:
    """One transaction that writes; commits at the end, or not at all.

    On PostgreSQL it is given up after ``seconds``.

    SQLite lets one writer in at a time, and a waiting writer sleeps for up to 100 ms.
    So writers wait in a queue of ours first. Writers that name a ``queue`` wait in that
    queue before, so that only one of them is in the main queue.
    """
    with ExitStack() as stack:
        for name in _queues(engine, queue):
            stack.enter_context(_turn(name))
        with translated(engine), engine.begin() as connection:
            _bound(connection, seconds)
            counters.begin(connection)
            yield connection
            counters.finish(connection)


def _queues(engine: Engine, queue: str | None) -> Iterator[str]:
    file = engine.url.database
    if engine.dialect.name == "sqlite" and file:
        if queue is not None:
            yield f"{file}-{queue}"
        yield f"{file}-turn"


@contextmanager
def _turn(name: str) -> Iterator[None]:
    """Wait in the queue of this name. A process that dies leaves the queue.

    Threads of this process wait for each other first. They sleep until they are woken;
    only one of them at a time asks for the lock that it shares with other processes,
    again and again.
    """
    give_up = time.monotonic() + (STUCK_SECONDS if name in _stuck else TURN_SECONDS)
    own = _own.setdefault(name, threading.Lock())
    if not own.acquire(timeout=max(0.0, give_up - time.monotonic())):
        _stuck.add(name)
        yield
        return
    try:
        with _turn_of_process(name, give_up):
            yield
    finally:
        own.release()


@contextmanager
def _turn_of_process(name: str, give_up: float) -> Iterator[None]:
    try:
        queue = os.open(name, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError:
        # This process cannot write here; SQLite's error explains it better.
        yield
        return
    try:
        _wait_in(queue, name, give_up)
        yield
    finally:
        os.close(queue)


_own: dict[str, threading.Lock] = {}
"""One lock for each queue. It keeps the threads of this process apart."""
_stuck: set[str] = set()
"""Queues in which this process has waited in vain: the process whose turn it is stands
still. If each transaction waited as long again, every permit would end before its
call."""


def _wait_in(queue: int, name: str, give_up: float) -> None:
    """Wait for the turn, but not so long that SQLite's own error is delayed."""
    while time.monotonic() < give_up:
        try:
            fcntl.flock(queue, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(NAP_SECONDS)
        except OSError:
            return  # the file system has no such locks
        else:
            _stuck.discard(name)
            return
    _stuck.add(name)


_READING: dict[str, dict[str, Any]] = {
    "sqlite": {"reading": True},
    # All statements see the same snapshot: a list is made of several.
    "postgresql": {"isolation_level": "REPEATABLE READ"},
}


@contextmanager
def reading(engine: Engine, seconds: float | None = None) -> Iterator[Connection]:
    """One transaction that only reads, and never waits for writers.

    On PostgreSQL it is given up after ``seconds``, by default ``DEADLINE_SECONDS``.
    """
    with (
        translated(engine),
        engine.connect().execution_options(**_READING[engine.dialect.name]) as found,
        found.begin(),
    ):
        _bound(found, DEADLINE_SECONDS if seconds is None else seconds)
        yield found


def _bound(connection: Connection, seconds: float | None) -> None:
    """Limit the transaction that begins now to ``seconds``; ``None``: no limit."""
    raw: Any = connection.connection.dbapi_connection
    if connection.dialect.name == "postgresql":
        raw.give_up_at = inf if seconds is None else time.monotonic() + seconds


def ping(engine: Engine) -> None:
    """Raises ``LedgerUnreachableError`` unless the database answers."""
    with reading(engine) as connection:
        connection.execute(text("SELECT 1"))
