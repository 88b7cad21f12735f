"""Decides which database errors mean "unreachable", and describes them to operators."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import (
    DatabaseError,
    DBAPIError,
    InterfaceError,
    OperationalError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from rescind.ledger.storage.connection_advice import advice_for

AWAY = frozenset({"08", "25", "40", "53", "55", "57", "58", "XX"})
"""Classes of SQLSTATE that concern the server, not the statement: it has lost a
connection, is read-only, has undone a transaction, lacks memory or disk space, has
something locked, is being stopped, cannot read its files, or has an internal error."""
UNDONE = "40"
"""The class of those that have undone a transaction, for example to end a deadlock."""
READ_ONLY = "25006"
DISK_FULL = "53100"
NO_TABLE = "42P01"
SEVERAL = "Multiple connection attempts failed"
"""How the driver begins if it has tried several servers, or several addresses."""
REFUSED = {
    "42501": "its role lacks a right, which its administrator can grant",
    "3F000": "the schema in its role's search_path does not exist, or is not named",
}
"""What an administrator has to change at the database, by SQLSTATE."""


class LedgerUnreachableError(RuntimeError):
    """The database cannot be reached or used now; the message says what to do."""


class LedgerFullError(LedgerUnreachableError):
    """The database cannot write, because its disk is full."""


class TransactionUndoneError(LedgerUnreachableError):
    """The database has undone the transaction, which may be repeated."""


class LedgerVersionError(LedgerUnreachableError):
    """The ledger's tables, or its server, are not of a version for this program."""


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Turn errors of an unreachable database into ``LedgerUnreachableError``."""
    try:
        yield
    except PoolTimeoutError as error:
        # Too many callers wait for a slow ledger: treated as unreachable.
        raise LedgerUnreachableError(f"the ledger is too slow: {error}") from error
    except DBAPIError as error:
        if not _is_away(error):
            raise
        if _sqlstate(error) == READ_ONLY:
            # After a failover all pooled connections lead to the new standby.
            engine.dispose()
        raise _kind(error)(in_words(engine, error)) from error


def _kind(error: DBAPIError) -> type[LedgerUnreachableError]:
    if _sqlstate(error)[:2] == UNDONE:
        return TransactionUndoneError
    return LedgerFullError if _is_full(error) else LedgerUnreachableError


def _is_away(error: DBAPIError) -> bool:
    if isinstance(error, OperationalError | InterfaceError) or _has_no_tables(error):
        return True
    # The bare class is raised by SQLite alone, for a file that is no database or is
    # damaged.
    if type(error) is DatabaseError or _sqlstate(error) in REFUSED:
        return True
    return _sqlstate(error)[:2] in AWAY


def _sqlstate(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


def _has_no_tables(error: DBAPIError) -> bool:
    # Only these two: a database that does not exist has another error.
    return _sqlstate(error) == NO_TABLE or "no such table" in str(error.orig)


def shown(engine: Engine) -> str:
    """The ledger's URL without secrets."""
    secret = [name for name in engine.url.query if "password" in name]
    url = engine.url.difference_update_query(secret)
    return url.render_as_string(hide_password=True)


def in_words(engine: Engine, error: DBAPIError) -> str:
    """A database error as a sentence for the operator; shows no parameter values."""
    where = shown(engine)
    cause = _cause(error)
    if _is_full(error):
        return (
            f"the ledger {where} cannot be written: the disk is full; make room on it"
        )
    if _sqlstate(error) == READ_ONLY:
        return (
            f"the ledger {where} cannot be written: it is read-only, as a standby is;"
            " RESCIND_DATABASE_URL must lead to the primary"
        )
    if _has_no_tables(error):
        return f"the ledger {where} has no tables yet: run `rescind migrate`"
    if "not a database" in cause:
        return f"{where} is not a ledger: {cause}; check RESCIND_DATABASE_URL"
    if "locked" in cause:
        return f"the ledger {where} is locked by another program: {cause}"
    if refused := REFUSED.get(_sqlstate(error)):
        return f"the ledger {where} refuses: {cause}; {refused}"
    return f"the ledger {where} cannot be reached: {cause}{advice_for(cause)}"


def _is_full(error: DBAPIError) -> bool:
    # PostgreSQL's texts may be of any language.
    cause = _cause(error)
    said = "disk is full" in cause or "No space left" in cause
    return said or _sqlstate(error) == DISK_FULL


def _cause(error: DBAPIError) -> str:
    """The first line of the error; every line if several servers were tried."""
    lines = str(error.orig or "no connection").strip().splitlines()
    return " ".join(lines) if lines[0].startswith(SEVERAL) else lines[0]
