"""PostgreSQL: how connections are made, and how long answers are waited for.

A connection may go dead without a word: a machine that lost its power, a firewall that
forgot it, a pooler that stands still. The kernel sees some of these within half a
minute, and a pooler that stands still never. So each wait has a bound of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from math import inf
from time import monotonic
from typing import Any

import psycopg
from psycopg import pq
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL

DEADLINE_SECONDS = 60.0
"""So long a transaction may take, from its first statement to the end of its commit."""
PING_SECONDS = 10.0
"""So long an answer outside of a transaction may take, as to whether the connection
still lives."""
CONNECTION: dict[str, object] = {
    "connect_timeout": 5,
    # A connection that is idle and dead is found after 25 s, and one that does not
    # take what is sent after so many ms.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "application_name": "rescind",
}
"""Unless the URL says otherwise."""

OFF = (
    "enable_seqscan",
    "enable_bitmapscan",
    "enable_sort",
    "enable_hashjoin",
    "enable_mergejoin",
    "jit",
)
"""Each statement has the index that it is to go by, in its order. PostgreSQL's own
choice rests on counts of a minute ago or more, before a backlog came: it was seen to
sort all of a lane for each claim, at 3 s each."""
BY_INDEX, LOCALLY = (
    "SELECT " + ", ".join(f"set_config('{name}', 'off', {local})" for name in OFF)
    for local in (False, True)
)
"""For a session, and for one transaction."""
WHOLE = tuple(f"SET LOCAL {name} TO DEFAULT" for name in OFF)
"""For a transaction that goes through whole tables: row by row it takes far longer."""


class BoundedConnection(psycopg.Connection[Any]):
    """Waits for no answer beyond its deadline: then it is closed."""

    give_up_at: float | None = None
    """By the monotonic clock. Without one, each answer may take ``PING_SECONDS``."""

    def wait(
        self, gen: Any, interval: float = 0.1, timeout: float | None = None
    ) -> Any:
        until = self.give_up_at
        if until is None:
            until = monotonic() + PING_SECONDS
        if until == inf:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, max(0.0, until - monotonic()))
        except psycopg.OperationalError as error:
            if self.closed or monotonic() < until:
                raise
            # What it may say yet would be taken for the answer to another question.
            self.close()
            raise psycopg.OperationalError("it does not answer in time") from error


def open_postgres(url: URL) -> Engine:
    """An engine for ``url``, whose query may name any option of libpq.

    ``prepare_threshold=none`` is for a pooler that gives each transaction another
    session, such as PgBouncer: nothing is left in a session then. Raises
    ``ValueError`` for an option that does not exist.
    """
    given = {"prepare_threshold": "5", **url.query}
    _need_known(given)
    threshold = _threshold(str(given["prepare_threshold"]))
    arguments = {k: v for k, v in CONNECTION.items() if k not in given}
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=4,
        max_overflow=12,
        pool_pre_ping=True,
        connect_args={**arguments, "prepare_threshold": threshold},
        hide_parameters=True,
    )
    event.listen(engine, "do_connect", _connect)
    event.listen(engine, "checkin", _forget_deadline)
    if threshold is None:
        event.listen(engine, "begin", _go_by_indexes_locally)
    else:
        event.listen(engine, "connect", _go_by_indexes)
    return engine


def bound(connection: Connection, seconds: float | None) -> None:
    """Give the transaction that begins now so long; ``None``: as long as it takes."""
    raw = connection.connection.dbapi_connection
    if isinstance(raw, BoundedConnection):
        raw.give_up_at = inf if seconds is None else monotonic() + seconds


def _need_known(given: Iterable[str]) -> None:
    known = {one.keyword.decode() for one in pq.Conninfo.get_defaults()}
    known.add("prepare_threshold")
    for name in sorted(set(given) - known):
        near = get_close_matches(name, known, 1)
        meant = f": is {near[0]} meant?" if near else ""
        raise ValueError(
            f"RESCIND_DATABASE_URL has an option that PostgreSQL's client does not"
            f" know, {name[:40]}{meant}"
        )


def _threshold(text: str) -> int | None:
    if text.lower() == "none":
        return None
    if text.isascii() and text.isdigit():
        return int(text)
    raise ValueError(
        "RESCIND_DATABASE_URL: prepare_threshold must be a number, or none where a"
        " pooler such as PgBouncer stands before PostgreSQL"
    )


def _connect(_dialect: object, _record: object, args: Any, options: Any) -> Any:
    return BoundedConnection.connect(*args, **options)


def _forget_deadline(connection: Any, _record: object) -> None:
    if connection is not None:
        connection.give_up_at = None


def _go_by_indexes(connection: Any, _record: object) -> None:
    connection.execute(BY_INDEX)
    connection.commit()


def _go_by_indexes_locally(connection: Connection) -> None:
    connection.exec_driver_sql(LOCALLY)
