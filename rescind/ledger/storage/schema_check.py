"""Decides whether this program may use a ledger, by the ledger's newest migration."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, text

from rescind.ledger.storage import schema_versions
from rescind.ledger.storage.transactions import reading
from rescind.ledger.storage.unreachable import LedgerVersionError, shown

_IS_THERE = {
    "sqlite": "SELECT count(*) FROM sqlite_master WHERE name = '{}'",
    "postgresql": "SELECT to_regclass('{}') IS NOT NULL",
}


def check(engine: Engine) -> None:
    """Raises ``LedgerVersionError`` unless this program can use the tables.

    They have every expanding migration of this program; a newer program may have
    expanded them further.
    """
    with reading(engine) as connection:
        found = revision(connection)
        if found is not None and is_newer(connection, engine, found):
            return
    left = [] if found is None else schema_versions.pending(found)
    if found is None or len(schema_versions.contracts(left)) < len(left):
        raise LedgerVersionError(
            f"the ledger {shown(engine)} is of an older version or empty:"
            " run `rescind migrate`"
        )


def unfinished(engine: Engine) -> list[str]:
    """This program's contracting migrations that the ledger does not have yet."""
    with reading(engine) as connection:
        found = revision(connection)
    return schema_versions.contracts(schema_versions.pending(found or "9999"))


def is_newer(connection: Connection, engine: Engine, found: str) -> bool:
    """Whether a newer program has migrated the ledger, so that this one still serves.

    Raises ``LedgerVersionError`` if this one does not.
    """
    if found in schema_versions.known():
        return False
    head, oldest = schema_versions.head(), _oldest(connection)
    if oldest is None or oldest > head:
        raise LedgerVersionError(
            f"the ledger {shown(engine)} was written by a newer Rescind (its version is"
            f" {found}, this one knows up to {head}): upgrade this program"
        )
    return True


def revision(connection: Connection) -> str | None:
    """The ledger's newest migration; ``None`` for an empty database."""
    if not _has(connection, "alembic_version"):
        return None
    found: str | None = connection.execute(
        text("SELECT version_num FROM alembic_version")
    ).scalar()
    return found


def need_program(connection: Connection, oldest: str) -> None:
    """From now on, refuse programs that do not know the migration ``oldest``."""
    if _has(connection, "schema_range"):
        change = text("UPDATE schema_range SET oldest = :oldest")
        connection.execute(change, {"oldest": oldest})


def _oldest(connection: Connection) -> str | None:
    if not _has(connection, "schema_range"):
        return None
    found: str | None = connection.execute(
        text("SELECT oldest FROM schema_range")
    ).scalar()
    return found


def _has(connection: Connection, table: str) -> bool:
    there = _IS_THERE[connection.dialect.name].format(table)
    return bool(connection.execute(text(there)).scalar())
