"""What the desk's pages work with: made once for each app, from what it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event
from typing import Protocol

from fastapi import Request
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from sqlalchemy import Engine

from rescind.config.access_tokens import Access
from rescind.config.accounts import Accounts, Lane
from rescind.config.settings import Settings
from rescind.dashboard.sessions import Sessions
from worker.background_notifier import Waker


class Front(Protocol):
    """What the app has for whoever answers people: ``request.app.state.front``."""

    settings: Settings
    engine: Engine
    access: Access
    waker: Waker
    stopping: Event
    """Set when the process is to end, and so must all that streams."""

    @property
    def accounts(self) -> Accounts: ...

    def ledger(self) -> Engine:
        """Raises ``LedgerUnreachableError`` for a ledger of another version."""


def _limiter() -> MovingWindowRateLimiter:
    return MovingWindowRateLimiter(MemoryStorage())


@dataclass(frozen=True)
class Desk:
    """The ledger, the accounts, and who may look at them."""

    front: Front
    sessions: Sessions
    failures: MovingWindowRateLimiter = field(default_factory=_limiter)
    """Sign-ins that failed, by address."""

    @property
    def engine(self) -> Engine:
        """Raises ``LedgerUnreachableError`` for a ledger of another version."""
        return self.front.ledger()

    @property
    def access(self) -> Access:
        return self.front.access

    @property
    def accounts(self) -> Accounts:
        return self.front.accounts

    def now(self) -> datetime:
        return datetime.now(UTC)

    def wake(self, asked: Mapping[str, set[Lane]]) -> None:
        """Have each lane called by the operations it is asked for."""
        for operation, lanes in asked.items():
            self.front.waker.wake(lanes, operation)


def the_desk(request: Request) -> Desk:
    """The desk of the app that was asked."""
    state = request.app.state
    found: Desk | None = getattr(state, "desk", None)
    if found is None:
        front: Front = state.front
        found = Desk(front, Sessions(front.settings.seal_keys()))
        state.desk = found
    return found
