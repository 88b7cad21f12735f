"""Reads orders by an SQL query from PostgreSQL."""

from __future__ import annotations

from contextlib import closing
from itertools import islice
from typing import Any, cast

import psycopg
from sqlalchemy import URL
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from rescind.schedules.source_rows import (
    CONNECT_SECONDS,
    NO_ROWS,
    SECONDS,
    Row,
    SourceError,
    named,
)

SHOWN = frozenset({"08", "25", "28", "3D", "42", "53", "57"})
"""Classes of PostgreSQL's errors whose messages quote no value of any row."""
PASSING = frozenset({"08", "53", "57"})


def read(url: URL, sql: str, most: int) -> list[Row]:
    """The first rows of the result, at most ``most``; raises ``SourceError``."""
    dialect: Any = cast("Any", PGDialect_psycopg)()
    _, given = dialect.create_connect_args(url)
    limits = {
        "connect_timeout": int(CONNECT_SECONDS),
        "tcp_user_timeout": int(SECONDS * 1000),
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 4,
        "application_name": "rescind schedule",
    }
    where = _shown(url)
    try:
        connection = psycopg.connect(**{**limits, **given})
    except psycopg.Error as error:
        raise _not_connected(error, where) from None
    with closing(connection):
        try:
            connection.read_only = True
            limit = "SELECT set_config('statement_timeout', %s, true)"
            connection.execute(limit, (str(int(SECONDS * 1000)),))
            return _streamed(connection, sql, most)
        except psycopg.Error as error:
            raise _refused(error, where) from None


def _streamed(connection: psycopg.Connection[Any], sql: str, most: int) -> list[Row]:
    with connection.cursor() as cursor:
        # The extended protocol refuses more than one statement. Streaming leaves the
        # rows that are not read in the database.
        stream = cursor.stream(sql.encode())
        with closing(cast("Any", stream)):
            rows = list(islice(stream, most))
            columns = [column.name for column in cursor.description or ()]
    return list(named(columns, rows))


def _not_connected(error: psycopg.Error, where: str) -> SourceError:
    # libpq's message may quote the connection options.
    lines = [x for x in str(error).splitlines() if "connection to server" in x]
    why = "there is no connection"
    if lines:
        why = lines[0].rpartition("failed: ")[2][:300]
    elif "timeout" in str(error):
        why = f"no connection within {CONNECT_SECONDS:g} s"
    passing = isinstance(error, psycopg.OperationalError)
    return SourceError(f"the database {where}: {why}", passing=passing)


def _refused(error: psycopg.Error, where: str) -> SourceError:
    state = error.sqlstate
    if state is None:
        lost = isinstance(error, psycopg.OperationalError)
        words = f"the database {where}: the connection was lost" if lost else NO_ROWS
        return SourceError(words, passing=lost)
    if state == "57014":
        return SourceError(f"the query takes longer than {SECONDS:g} s", passing=True)
    kind = type(error).__name__
    if state[:2] in SHOWN:
        kind = (error.diag.message_primary or kind)[:300]
    says = f"the database {where} refuses the query: {kind} ({state})"
    return SourceError(says, passing=state[:2] in PASSING)


def _shown(url: URL) -> str:
    """The host, port and name of the database, without user, password or options."""
    host = f"{url.host or ''}{f':{url.port}' if url.port else ''}"
    return f"{host}/{url.database or ''}"
