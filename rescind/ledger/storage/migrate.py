"""Brings a ledger's tables to this program's version.

Alembic is loaded only if there is something to migrate; a worker never migrates.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text

from rescind.ledger.storage.postgres_statements import WHOLE
from rescind.ledger.storage.transactions import reading, writing
from rescind.ledger.storage.unreachable import LedgerVersionError, shown

if TYPE_CHECKING:
    from alembic.config import Config

_HERE = Path(__file__).parent / "migrations"
_IS_THERE = {
    "sqlite": "SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'",
    "postgresql": "SELECT to_regclass('alembic_version') IS NOT NULL",
}
_LOCK = 7_305_512_904
"""PostgreSQL's advisory lock: only one of several starting processes migrates."""


def upgrade(engine: Engine) -> None:
    """Migrate the ledger to this version; does nothing if it is there already. Safe to
    run twice at once.

    Raises ``LedgerVersionError`` for a ledger that a newer program has written.
    """
    # No time limit: a migration may read whole tables.
    with writing(engine, seconds=None) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            for statement in WHOLE:
                connection.execute(text(statement))
        found = _revision(connection)
        if found is not None and found not in _known():
            raise LedgerVersionError(_newer(engine, found))
        if found != _head():
            from alembic import command

            command.upgrade(_config(connection), "head")


def check(engine: Engine) -> None:
    """Raises ``LedgerVersionError`` unless the tables are of this program's version."""
    with reading(engine) as connection:
        found = _revision(connection)
    if found == _head():
        return
    if found is not None and found not in _known():
        raise LedgerVersionError(_newer(engine, found))
    where = shown(engine)
    raise LedgerVersionError(
        f"the ledger {where} is of an older version or empty: run `rescind migrate`"
    )


def _newer(engine: Engine, found: str) -> str:
    where = shown(engine)
    return (
        f"the ledger {where} was written by a newer Rescind (its version is {found},"
        f" this one knows up to {_head()}): upgrade this program"
    )


def _config(connection: Connection | None = None) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_HERE))
    config.attributes["connection"] = connection
    return config


def _revision(connection: Connection) -> str | None:
    if not connection.execute(text(_IS_THERE[connection.dialect.name])).scalar():
        return None
    found: str | None = connection.execute(
        text("SELECT version_num FROM alembic_version")
    ).scalar()
    return found


def _head() -> str:
    return _known()[-1]


@cache
def _known() -> tuple[str, ...]:
    """Every version up to this program's own, from the names of the migrations."""
    return tuple(sorted(file.name[:4] for file in (_HERE / "versions").glob("0*.py")))
