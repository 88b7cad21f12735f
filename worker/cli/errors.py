"""What ends a command early, as an exit status and a sentence. The only such place."""

from __future__ import annotations

import errno

from redis import RedisError
from sqlalchemy.exc import DBAPIError, NoSuchModuleError

from ledger.database import LedgerUnreachableError
from ledger.seal import SealError
from providers.model import InvalidRequestError
from worker.cli.statuses import UNREACHABLE, WRONG, CommandError
from worker.files import FileError
from worker.operations import UnknownError
from worker.schedules.rows import SourceError
from worker.settings import SettingsError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}


def explain(error: Exception) -> tuple[int, str] | None:
    """The status and the sentence for ``error``; ``None`` if it is a bug of ours."""
    for kind in (_ours, _database, _redis, _system):
        found = kind(error)
        if found is not None:
            return found
    return None


def _ours(error: Exception) -> tuple[int, str] | None:

    if isinstance(error, CommandError):
        return error.status, str(error)
    if isinstance(error, LedgerUnreachableError):
        return UNREACHABLE, str(error)
    if isinstance(error, SourceError):
        return UNREACHABLE if error.passing else WRONG, str(error)
    wrong = FileError | InvalidRequestError | SealError | SettingsError | UnknownError
    if isinstance(error, wrong):
        return WRONG, str(error)
    return None


def _database(error: Exception) -> tuple[int, str] | None:

    if isinstance(error, NoSuchModuleError):
        return WRONG, "RESCIND_DATABASE_URL names a database that is not supported"
    if isinstance(error, DBAPIError):
        cause = str(error.orig).strip().partition("\n")[0]
        return UNREACHABLE, f"the ledger cannot be used: {cause}"
    return None


def _redis(error: Exception) -> tuple[int, str] | None:

    if isinstance(error, RedisError):
        return UNREACHABLE, f"Redis cannot be used: {error}"
    return None


def _system(error: Exception) -> tuple[int, str] | None:
    if not isinstance(error, OSError) or error.errno is None:
        return None
    where = f"{error.filename}: " if error.filename else ""
    if error.errno in _NO_ROOM:
        return UNREACHABLE, f"{where}the disk is full; make room on it"
    return WRONG, f"{where}{error.strerror}"
