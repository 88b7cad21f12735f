"""Brings a ledger's tables to this program's version.

First the tables are expanded (``upgrade``): the version before goes on with them. When
none of its processes lives any more, ``upgrade`` with an ``objection`` contracts them,
too. Alembic is loaded only if there is something to migrate; a worker never migrates.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.exc import DBAPIError

from rescind.ledger.storage import schema_versions
from rescind.ledger.storage.postgres_statements import WHOLE
from rescind.ledger.storage.schema_check import (
    check,
    is_newer,
    need_program,
    revision,
)
from rescind.ledger.storage.transactions import reading, writing
from rescind.ledger.storage.unreachable import (
    LedgerUnreachableError,
    LedgerVersionError,
    shown,
    translated,
)

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = ["UnfinishedError", "check", "upgrade"]

_HERE = Path(__file__).parent / "migrations"
_LOCK = 7_305_512_905
"""PostgreSQL's advisory lock: only one of several starting processes migrates."""
NAP_SECONDS = 0.2
"""The time between two attempts to get it."""
LOCK_STATES = frozenset({"40P01", "55P03"})
"""SQLSTATEs of a step that did not get its lock on a table."""
TRIES = 60
"""How often a migration is tried that does not get its lock."""
REST_SECONDS = 1.0
"""The time between two tries: others may then use the table."""
Objection = Callable[[str], str | None]
"""Why a contracting migration may not be applied now; ``None``: it may."""


class UnfinishedError(LedgerVersionError):
    """A contracting migration may not be applied now."""


UNFINISHED = (
    "an earlier upgrade of the ledger is not finished: run `rescind migrate --finish`,"
    " which says what has to be stopped before"
)


def upgrade(engine: Engine, objection: Objection | None = None) -> list[str]:
    """Expand the ledger to this version; does nothing if it is there already.

    Returns the contracting migrations that are left. With ``objection`` they are
    applied, too. Safe to run twice at once. An empty database gets all tables. Raises
    ``LedgerVersionError`` for a ledger of a newer program that this one cannot use, and
    ``UnfinishedError`` at the first objection.
    """
    with _alone(engine):
        with reading(engine) as connection:
            found = revision(connection)
            if found is not None and is_newer(connection, engine, found):
                return []
        if found is None:
            _create(engine)
            return []
        left = schema_versions.pending(found)
        for one in _chosen(left, objection):
            _apply(engine, one)
    return [] if objection else schema_versions.contracts(left)


def _chosen(left: list[str], objection: Objection | None) -> Iterator[str]:
    """The migrations to apply now, one by one."""
    contracts = schema_versions.contracts(left)
    if objection is None:
        if contracts != left[len(left) - len(contracts) :]:
            raise UnfinishedError(UNFINISHED)
        yield from left[: len(left) - len(contracts)]
        return
    for one in left:
        if one in contracts and (why := objection(one)) is not None:
            raise UnfinishedError(why)
        yield one


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """Wait until no other process migrates this ledger."""
    if engine.dialect.name == "sqlite":
        yield
        return
    while True:
        with writing(engine, seconds=None) as guard:
            # An idle transaction hinders no other; one that waits for a lock would
            # hinder the concurrent build of an index for ever.
            guard.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            mine = text(f"SELECT pg_try_advisory_xact_lock({_LOCK})")
            if guard.execute(mine).scalar():
                yield
                return
        time.sleep(NAP_SECONDS)


def _create(engine: Engine) -> None:
    """Make all tables in one transaction. Another process may have made them."""
    from alembic import command

    with writing(engine, seconds=None) as connection:
        if connection.dialect.name == "postgresql":
            for statement in WHOLE:
                connection.execute(text(statement))
        if revision(connection) is None:
            command.upgrade(_config(connection), "head")


def _apply(engine: Engine, one: str) -> None:
    if schema_versions.contracts([one]):
        with writing(engine) as connection:
            need_program(connection, one)
    if engine.dialect.name == "sqlite":
        _apply_at_once(engine, one)
    else:
        _apply_online(engine, one)


def _apply_at_once(engine: Engine, one: str) -> None:
    from alembic import command

    # No time limit: a migration may read whole tables.
    with writing(engine, seconds=None) as connection:
        if (revision(connection) or "") < one:
            command.upgrade(_config(connection), one)


def _apply_online(engine: Engine, one: str) -> None:
    for _ in range(TRIES):
        try:
            with translated(engine):
                _attempt(engine, one)
        except LedgerUnreachableError as error:
            if not _found_locked(error):
                raise
            time.sleep(REST_SECONDS)
        else:
            return
    raise LedgerUnreachableError(
        f"the ledger {shown(engine)} is so busy that migration {one} got no lock on a"
        " table: end long transactions, then run the command again"
    )


def _found_locked(error: LedgerUnreachableError) -> bool:
    cause = error.__cause__
    orig = cause.orig if isinstance(cause, DBAPIError) else None
    return getattr(orig, "sqlstate", None) in LOCK_STATES


def _attempt(engine: Engine, one: str) -> None:
    from alembic import command

    with engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        raw.give_up_at = inf
        event.listen(connection, "begin", _prepare)
        command.upgrade(_config(connection, online=True), one)


def _prepare(connection: Connection) -> None:
    from rescind.ledger.storage.migrations.online import LOCK_SECONDS

    raw: Any = connection.connection.dbapi_connection
    if raw.autocommit:
        return  # what is set for one transaction has no meaning
    for statement in (*WHOLE, f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"):
        connection.exec_driver_sql(statement)


def _config(connection: Connection | None = None, *, online: bool = False) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.set_main_option("path_separator", "newline")
    folders = "\n".join(map(str, schema_versions.FOLDERS))
    config.set_main_option("version_locations", folders)
    config.attributes.update(connection=connection, online=online)
    return config
