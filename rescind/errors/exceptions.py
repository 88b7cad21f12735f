"""Translates an exception into a command's exit status and message.

No other module does this.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass

from redis import RedisError
from redis.exceptions import ResponseError
from sqlalchemy.exc import DBAPIError, NoSuchModuleError

from rescind.errors.exit_statuses import UNREACHABLE, WRONG
from rescind.errors.redis_refusals import refusal
from rescind.errors.reported import ReportedError
from rescind.ledger.changes.withdrawals import NotWithdrawableError
from rescind.ledger.seal import SealError
from rescind.ledger.storage.migrate import UnfinishedError
from rescind.ledger.storage.unreachable import (
    LedgerFullError,
    LedgerUnreachableError,
    LedgerVersionError,
)
from rescind.port_use import PortTakenError
from rescind.provider.outcomes import InvalidRequestError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


@dataclass(frozen=True, slots=True)
class Ending:
    """How a failed command ends: its exit status, its message, its problem."""

    status: int
    says: str
    problem: str
    """The name of its section in ``docs/errors.md``."""


def explain(error: Exception) -> Ending | None:
    """How a command ends after ``error``; ``None`` if the error is a bug of ours."""
    found = (kind(error) for kind in (_ours, _ledger, _redis, _system))
    return next((one for one in found if one is not None), None)


def _ours(error: Exception) -> Ending | None:
    match error:
        case ReportedError():
            return Ending(error.status, str(error), error.problem)
        case NotWithdrawableError():
            return Ending(WRONG, str(error), error.problem)
        case InvalidRequestError():
            return Ending(WRONG, str(error), "invalid-request")
        case SealError():
            return Ending(WRONG, str(error), "seal-key")
        case PortTakenError():
            return Ending(WRONG, str(error), "port-taken")
    return None


def _ledger(error: Exception) -> Ending | None:
    match error:
        case UnfinishedError():
            return Ending(UNREACHABLE, str(error), "upgrade-unfinished")
        case LedgerVersionError():
            return Ending(UNREACHABLE, str(error), "ledger-version")
        case LedgerFullError():
            return Ending(UNREACHABLE, str(error), "disk-full")
        case LedgerUnreachableError():
            return Ending(UNREACHABLE, str(error), "ledger-unreachable")
        case NoSuchModuleError():
            says = "RESCIND_DATABASE_URL names a database that is not supported"
            return Ending(WRONG, says, "database-url")
        case DBAPIError():
            cause = str(error.orig).strip().partition("\n")[0]
            says = f"the ledger cannot be used: {cause}"
            return Ending(UNREACHABLE, says, "ledger-unreachable")
    return None


def _redis(error: Exception) -> Ending | None:
    if isinstance(error, ResponseError):
        return Ending(UNREACHABLE, refusal(error), "redis-refuses")
    if isinstance(error, RedisError):
        says = f"Redis cannot be used: {error}"
        return Ending(UNREACHABLE, says, "redis-unreachable")
    return None


def _system(error: Exception) -> Ending | None:
    if not isinstance(error, OSError) or error.errno is None:
        return None
    where = f"{error.filename}: " if error.filename else ""
    if error.errno in _NO_ROOM:
        says = f"{where}the disk is full; make room on it"
        return Ending(UNREACHABLE, says, "disk-full")
    return Ending(WRONG, f"{where}{error.strerror}", "file-unusable")
