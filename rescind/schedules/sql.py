"""Reads orders by an SQL query.

The query is one statement, in a read-only transaction, with a time limit. Only the rows
that are needed leave the database. A superuser of PostgreSQL can do more in a read-only
transaction (``COPY … TO PROGRAM``), so ``docs/schedules.md`` asks for a user who may
only SELECT.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from pydantic import Field
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from rescind.schedules.rule_secrets import Secret
from rescind.schedules.source_rows import (
    NO_ROWS,
    SECONDS,
    Database,
    Row,
    SourceError,
    Written,
    named,
    secret_value,
)

STEPS = 10_000
"""The number of SQLite's VM steps between two checks of the time limit."""
READS = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
    }
)
QUOTED = re.compile(r"( text | near | path: )'.*", re.DOTALL)
"""Matches the parts of SQLite's messages that quote data of a row. Names and tokens are
in other quotes."""


class SqlSource(Written):
    """A query, ``sql``, and its ``database``."""

    sql: str = Field(min_length=1)
    database: Database

    def secrets(self) -> list[Secret]:
        return [self.database]

    def read(self, most: int) -> list[Row]:
        url = _url(secret_value(self.database))
        readers: dict[str, Callable[[URL, str, int], list[Row]]] = {
            "sqlite": _from_sqlite,
            "postgresql": _from_postgresql,
        }
        reader = readers.get(url.get_backend_name())
        if reader is None:
            raise SourceError(
                f"database names {url.get_backend_name()}: only sqlite:/// and"
                " postgresql:// are supported"
            )
        return reader(url, self.sql, most)


def _from_postgresql(url: URL, sql: str, most: int) -> list[Row]:
    # Imported only when needed: the driver takes 9 MB of memory.
    from rescind.schedules.postgresql import read

    return read(url, sql, most)


def _url(text: str) -> URL:
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        raise SourceError(
            "database is not the URL of a database: it must be such as"
            " postgresql://user:password@host/name or sqlite:////data/shop.db"
        ) from None


def has_password(text: str) -> bool:
    """Whether a database's URL holds a password, also one that cannot be parsed."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        return True
    return url.password is not None or any("password" in name for name in url.query)


def _from_sqlite(url: URL, sql: str, most: int) -> list[Row]:
    path = Path(url.database or "")
    if not url.database or not path.is_file():
        raise SourceError(f"the database {path} does not exist", passing=True)
    address = f"{path.resolve().as_uri()}?mode=ro"
    give_up = time.monotonic() + SECONDS
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=5)) as connection:
            connection.execute("PRAGMA query_only = ON")
            connection.set_authorizer(_only_reading)
            connection.set_progress_handler(lambda: time.monotonic() > give_up, STEPS)
            found = connection.execute(sql)
            columns = [column[0] for column in found.description or ()]
            if not columns:
                raise SourceError(NO_ROWS)
            return list(named(columns, found.fetchmany(most)))
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise _said_by_sqlite(error, path) from None


def _only_reading(action: int, *_what: object) -> int:
    # The authorizer denies ATTACH, too, which would create a file.
    return sqlite3.SQLITE_OK if action in READS else sqlite3.SQLITE_DENY


def _said_by_sqlite(error: Exception, path: Path) -> SourceError:
    words = str(error)
    if words == "interrupted":
        return SourceError(f"the query takes longer than {SECONDS:g} s", passing=True)
    if words == "not authorized":
        words = "it does more than read"
    words = QUOTED.sub(r"\1…", words)
    says = f"the database {path} refuses the query: {words[:300]}"
    return SourceError(says, passing="locked" in words or "unable to open" in words)
