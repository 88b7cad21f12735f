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
from rescind.ledger.storage.unreachable import LedgerVersionError

PING_SECONDS = 10.0
"""Longest wait for an answer outside a transaction, which tests whether the connection
is alive."""
OLDEST = 14
"""The oldest version of PostgreSQL that Rescind accepts."""
PREPARED_AFTER = 5
"""How often a statement is run before the server keeps it as a prepared one."""
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
POOL, OVERFLOW = 4, 12
"""Connections that a process keeps, and more that it opens while it needs them."""


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that closes itself when an answer does not come in time."""

    give_up_at: float | None = None
    """Monotonic time of the deadline. If ``None``, each answer may take
    ``PING_SECONDS``. ``transactions`` sets it."""
    is_pooled: bool = False
    """Whether each transaction may get another session, from a pooler: then nothing may
    be left in a session."""

    def wait(
        self, gen: Any, interval: float = 0.1, timeout: float | None = None
    ) -> Any:
        try:
            return self._wait(gen, interval, timeout)
        except psycopg.InternalError as error:
            if error.sqlstate:
                raise
            # A pooler whose session dies answers one statement with two errors.
            self.close()
            raise psycopg.OperationalError(f"the session ended: {error}") from error

    def _wait(self, gen: Any, interval: float, timeout: float | None) -> Any:
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

    A pooler such as PgBouncer gives each transaction another session: no setting and no
    prepared statement is then left in a session. ``prepare_threshold=none`` says that
    there is a pooler, for one that is not recognised; a number has statements prepared
    through a pooler, too. Raises ``ValueError`` for an option that does not exist.
    """
    given = dict(url.query)
    _need_known(given)
    threshold = _threshold(str(given.get("prepare_threshold", PREPARED_AFTER)))
    arguments = {k: v for k, v in CONNECTION.items() if k not in given}
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=POOL,
        max_overflow=OVERFLOW,
        pool_pre_ping=True,
        connect_args={**arguments, "prepare_threshold": threshold},
        hide_parameters=True,
    )
    event.listen(engine, "do_connect", _connect)
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _go_by_indexes_locally)
    event.listen(engine, "checkin", _forget_deadline)
    if "prepare_threshold" not in given:
        event.listen(engine, "connect", _prepare_nothing_in_a_pooler)
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


def _set_up(connection: BoundedConnection, _record: object) -> None:
    """Find out whether there is a pooler; without one, set the session's settings.

    A pooler answers for many sessions: the number that it gives to a connection is not
    that of the session which the connection is lent.
    """
    _need_supported(connection)
    own = -1 if connection.prepare_threshold is None else connection.info.backend_pid
    found = connection.execute(BY_INDEX, {"own": own}).fetchone()
    connection.is_pooled = found is not None and found[0] != own
    connection.commit()


def _need_supported(connection: BoundedConnection) -> None:
    found = connection.info.server_version
    if found >= OLDEST * 10_000:
        return
    connection.close()
    raise LedgerVersionError(
        f"the ledger's server is PostgreSQL {found // 10_000}: Rescind needs"
        f" {OLDEST} or later"
    )


def _prepare_nothing_in_a_pooler(connection: BoundedConnection, _: object) -> None:
    if connection.is_pooled:
        connection.prepare_threshold = None


def _go_by_indexes_locally(connection: Connection) -> None:
    raw: Any = connection.connection.dbapi_connection
    if raw.is_pooled:
        connection.exec_driver_sql(LOCALLY)
