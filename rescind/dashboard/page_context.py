"""What the dashboard's pages share: made once for each app."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event
from typing import Protocol

from fastapi import Request
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from redis import Redis
from sqlalchemy import Engine

from rescind.config.access_tokens import Access
from rescind.config.accounts import Accounts, Lane
from rescind.config.callbacks import Callbacks
from rescind.config.settings import Settings
from rescind.dashboard.sessions import Sessions
from rescind.ledger.seal import Seal
from worker.background_notifier import BackgroundNotifier


class ApiContext(Protocol):
    """What the dashboard needs of the app's context: ``request.app.state.context``."""

    settings: Settings
    engine: Engine
    seal: Seal
    access: Access
    notifier: BackgroundNotifier
    stopping: Event
    """Set when the process is to end; every event stream must end then."""

    @property
    def accounts(self) -> Accounts: ...

    @property
    def callbacks(self) -> Callbacks: ...

    @property
    def redis(self) -> Redis:
        """Raises ``SettingsError`` if no address is known."""

    def ledger(self) -> Engine:
        """Raises ``LedgerUnreachableError`` for a ledger of another version."""


def _limiter() -> MovingWindowRateLimiter:
    return MovingWindowRateLimiter(MemoryStorage())


@dataclass(frozen=True)
class Dashboard:
    """The ledger, the accounts, the tokens and the sessions."""

    context: ApiContext
    sessions: Sessions
    failures: MovingWindowRateLimiter = field(default_factory=_limiter)
    """Failed sign-ins, by address."""

    @property
    def engine(self) -> Engine:
        """Raises ``LedgerUnreachableError`` for a ledger of another version."""
        return self.context.ledger()

    @property
    def access(self) -> Access:
        return self.context.access

    @property
    def accounts(self) -> Accounts:
        return self.context.accounts

    def now(self) -> datetime:
        return datetime.now(UTC)

    def notify(self, asked: Mapping[str, set[Lane]]) -> None:
        """Notify the workers: ``asked`` maps an operation to its lanes."""
        for operation, lanes in asked.items():
            self.context.notifier.notify(lanes, operation)


def dashboard_of(request: Request) -> Dashboard:
    """The dashboard of the app that serves the request."""
    state = request.app.state
    found: Dashboard | None = getattr(state, "dashboard", None)
    if found is None:
        context: ApiContext = state.context
        found = Dashboard(context, Sessions(context.settings.seal_keys()))
        state.dashboard = found
    return found
