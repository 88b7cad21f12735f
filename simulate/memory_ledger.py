"""The ledger of a world: a SQLite database in memory, empty at first.

All worlds of a process use the same one, so that its statements are compiled once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Protocol

from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import OperationalError

from rescind.ledger.storage.migrate import upgrade
from rescind.ledger.storage.transactions import open_ledger


class Guard(Protocol):
    """A world's control of the transactions of its machines."""

    def begins(self) -> bool:
        """Whether the machine that runs now can reach the ledger."""

    def commits(self, commit: Callable[[], object]) -> None:
        """Called before each commit. ``commit`` commits at once."""


@contextmanager
def empty_ledger(guard: Guard) -> Iterator[Engine]:
    """An empty ledger. There is only one at a time in a process."""
    engine, template = _shared(), _template()
    with engine.connect() as target, template.connect() as source:
        raw(source).backup(raw(target))

    def begin(_connection: Connection) -> None:
        if not guard.begins():
            raise lost()

    def commit(connection: Connection) -> None:
        if not connection.get_execution_options().get("reading", False):
            guard.commits(connection.connection.commit)

    event.listen(engine, "begin", begin, insert=True)
    event.listen(engine, "commit", commit)
    try:
        yield engine
    finally:
        event.remove(engine, "begin", begin)
        event.remove(engine, "commit", commit)


def lost() -> OperationalError:
    """The error that a lost connection raises."""
    return OperationalError("", None, sqlite3.OperationalError("connection lost"))


def raw(connection: Connection) -> sqlite3.Connection:
    found = connection.connection.dbapi_connection
    assert isinstance(found, sqlite3.Connection)  # noqa: S101
    return found


@cache
def _template() -> Engine:
    """A ledger with empty tables."""
    made = open_ledger("sqlite://")
    upgrade(made)
    return made


@cache
def _shared() -> Engine:
    return open_ledger("sqlite://")
