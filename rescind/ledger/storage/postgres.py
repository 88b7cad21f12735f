"""PostgreSQL: opens connections, and limits every wait for an answer.

A connection may die silently: a machine loses power, a firewall forgets it, a pooler
hangs. The kernel detects some of these within half a minute, but never a pooler that
hangs. So each wait has its own limit.

``transactions`` imports this module for PostgreSQL alone: its driver takes 10 MB and
0.2 s.
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

from rescind.ledger.storage.postgres_statements import BY_INDEX, LOCALLY

PING_SECONDS = 10.0
"""Longest wait for an answer outside a transaction, which tests whether the connection
is alive."""
CONNECTION: dict[str, object] = {
    "connect_timeout": 5,
    # An idle dead connection is found after 25 s, and one whose other end does not
    # acknowledge what we send after ``tcp_user_timeout`` ms.
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "application_name": "rescind",
}
"""Defaults, unless the URL sets them."""


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that closes itself when an answer does not come in time."""

    give_up_at: float | None = None
    """Monotonic time of the deadline. If ``None``, each answer may take
    ``PING_SECONDS``. ``transactions`` sets it."""

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
            # A late answer would be taken for the answer to another statement.
            self.close()
            raise psycopg.OperationalError("it does not answer in time") from error


def open_postgres(url: URL) -> Engine:
    """An engine for ``url``, whose query may name any option of libpq.

    ``prepare_threshold=none`` is for a pooler such as PgBouncer, which gives each
    transaction another session: no setting is then left in a session. Raises
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
