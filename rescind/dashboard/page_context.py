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

from rescind.browse.replica import Lists
from rescind.config.access_tokens import Access
from rescind.config.accounts import Accounts, Lane
from rescind.config.callbacks import Callbacks
from rescind.config.openid_settings import open_id
from rescind.config.settings import Settings
from rescind.dashboard.openid import OpenIdClient
from rescind.dashboard.sessions import LASTS, Session, Sessions
from rescind.ledger.seal import Seal
from rescind.ledger.storage.ended_sessions import (
    end_sessions,
    is_ended,
    of_actor,
    of_key,
)
from rescind.ledger.storage.transactions import reading, writing
from rescind.plans.plan_templates import Templates
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
    def lists(self) -> Lists:
        """Reads lists, from the replica of the ledger where it can serve."""

    @property
    def accounts(self) -> Accounts: ...

    @property
    def callbacks(self) -> Callbacks: ...

    @property
    def templates(self) -> Templates:
        """The plans that can be submitted."""

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
    openid: OpenIdClient | None = None
    """The provider at which users may sign in, if there is one."""
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

    def is_ended(self, session: Session) -> bool:
        """Whether the session was ended by any process; asks the ledger."""
        key, actor = session.form_key, session.actor
        with reading(self.engine) as connection:
            return is_ended(connection, key, actor, session.began_at)

    def end(self, session: Session, *, everywhere: bool = False) -> None:
        """End the session in all processes, or every session of its actor."""
        now = self.now()
        subject = of_actor(session.actor) if everywhere else of_key(session.form_key)
        with writing(self.engine) as connection:
            end_sessions(connection, subject, now, now + LASTS)

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
        chosen = open_id(context.settings)
        sessions = Sessions(context.settings.seal_keys(), chosen)
        client = OpenIdClient(chosen) if chosen else None
        found = Dashboard(context, sessions, client)
        state.dashboard = found
    return found
