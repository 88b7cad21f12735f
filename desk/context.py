"""What the desk's pages work with: made once in a process, or given by a test."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

from fastapi import Request
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from sqlalchemy import Engine

from desk.sessions import Sessions
from ledger.database import open_ledger
from worker.access import Access, access
from worker.accounts import Accounts
from worker.runtime import AccountsFile
from worker.settings import settings


def _no_limits() -> MovingWindowRateLimiter:
    return MovingWindowRateLimiter(MemoryStorage())


@dataclass(frozen=True)
class Desk:
    """The ledger, the accounts and who may look at them."""

    engine: Engine
    accounts_file: AccountsFile
    access: Callable[[], Access]
    sessions: Sessions
    attempts: MovingWindowRateLimiter = field(default_factory=_no_limits)
    """Sign-ins that failed, by address."""

    @property
    def accounts(self) -> Accounts:
        return self.accounts_file.current()

    def now(self) -> datetime:
        return datetime.now(UTC)


def the_desk(request: Request) -> Desk:
    """The desk that the app was given, or one of this process's settings."""
    given: Desk | None = getattr(request.app.state, "desk", None)
    return _own() if given is None else given


@cache
def _own() -> Desk:
    chosen = settings()
    return Desk(
        engine=open_ledger(chosen.database),
        accounts_file=AccountsFile(chosen.accounts),
        access=lambda: access(chosen),
        sessions=Sessions(chosen.seal_keys()),
    )
