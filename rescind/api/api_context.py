"""What the HTTP API's routes share; none of it needs a Redis that answers."""

from __future__ import annotations

import threading
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property

from redis import Redis
from sqlalchemy import Engine

from rescind.browse.replica import Lists
from rescind.config.access_tokens import Access, access
from rescind.config.accounts import Accounts
from rescind.config.callbacks import Callbacks
from rescind.config.ledger_url import open_engine, open_replica
from rescind.config.openid_settings import open_id
from rescind.config.settings import Settings, SettingsError
from rescind.ledger.seal import Seal
from rescind.ledger.storage.migrate import check
from rescind.plans.plan_templates import Templates
from rescind.plans.templates_file import PlansFile
from rescind.runtime.resources import AccountsFile
from rescind.runtime.sign_of_life import SignOfLife
from rescind.telemetry.exposition import impatient
from rescind.telemetry.worker_records import API_KEY
from worker.background_notifier import BackgroundNotifier

STOP_SECONDS = 1.0
"""How long the end of the process waits for Redis."""


@dataclass
class ApiContext:
    """The ledger, the accounts, the callers' tokens, and the workers' notifier.

    Routes find it in ``request.app.state.context``.
    """

    settings: Settings
    engine: Engine
    seal: Seal
    access: Access
    accounts_file: AccountsFile
    notifier: BackgroundNotifier
    replica: Engine | None = None
    """The replica that lists are read from, if there is one."""
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when the process is to end; every event stream must end then."""
    _checked: bool = False
    _sign_of_life: SignOfLife | None = None

    @property
    def accounts(self) -> Accounts:
        return self.accounts_file.current()

    @cached_property
    def plans_file(self) -> PlansFile:
        return PlansFile(self.settings.plans, self.accounts_file.current)

    @property
    def templates(self) -> Templates:
        """The plans that callers may submit."""
        return self.plans_file.current()

    @cached_property
    def callbacks(self) -> Callbacks:
        """The callbacks that a caller may ask for."""
        # A caller by HTTP cannot have a task sent, and learns of a refusal at once.
        return replace(self.settings.callbacks, tasks=False, of_refused=False)

    @cached_property
    def redis(self) -> Redis:
        """A client with short timeouts; raises ``SettingsError`` without an address."""
        return impatient(self.settings.redis)

    def ledger(self) -> Engine:
        """The ledger, whose version the first call checks.

        Raises ``LedgerUnreachableError``.
        """
        if not self._checked:
            check(self.engine)
            self._checked = True
        return self.engine

    @cached_property
    def lists(self) -> Lists:
        """Reads lists, from the replica where it can serve."""
        return Lists(self.ledger, self.replica)

    def show_life(self) -> None:
        """Have others see in Redis, if there is one, that this process runs."""
        with suppress(SettingsError):
            self._sign_of_life = SignOfLife(self.redis, lambda: (0, 0), API_KEY)

    def close(self) -> None:
        self.stopping.set()
        if self._sign_of_life is not None:
            self._sign_of_life.stop(STOP_SECONDS)
        self.notifier.close()
        self.engine.dispose()
        self.lists.close()


def open_context(
    chosen: Settings, notifier: BackgroundNotifier | None = None
) -> ApiContext:
    """Open what the API needs; wrong settings raise an error.

    The error is a ``SettingsError``, ``SealError`` or ``CommandError``.
    """
    open_id(chosen)  # raises for a wrong setting of the sign-in provider
    return ApiContext(
        settings=chosen,
        engine=open_engine(chosen),
        seal=chosen.seal(),
        access=access(chosen),
        accounts_file=AccountsFile(chosen.accounts),
        notifier=notifier or BackgroundNotifier(),
        replica=open_replica(chosen),
    )
