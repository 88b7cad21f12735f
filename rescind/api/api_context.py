"""What the HTTP door works with; nothing of it needs Redis to be there."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from functools import cached_property

from redis import Redis
from sqlalchemy import Engine

from rescind.config.access_tokens import Access, access
from rescind.config.accounts import Accounts
from rescind.config.callbacks import Callbacks
from rescind.config.ledger_url import open_engine
from rescind.config.settings import Settings
from rescind.ledger.seal import Seal
from rescind.ledger.storage.migrate import check
from rescind.runtime.resources import AccountsFile
from rescind.telemetry.exposition import impatient
from worker.background_notifier import Waker


@dataclass
class Front:
    """The ledger, the accounts, who may come in, and who is told of new work.

    Found in ``request.app.state.front``.
    """

    settings: Settings
    engine: Engine
    seal: Seal
    access: Access
    accounts_file: AccountsFile
    waker: Waker
    stopping: threading.Event = field(default_factory=threading.Event)
    """Set when the process is to end, and so must all that streams."""
    _checked: bool = False

    @property
    def accounts(self) -> Accounts:
        return self.accounts_file.current()

    @cached_property
    def callbacks(self) -> Callbacks:
        """By what callers may ask to be told of the end."""
        # They cannot send tasks, and are told of what is refused at once.
        return replace(self.settings.callbacks, tasks=False, of_refused=False)

    @cached_property
    def redis(self) -> Redis:
        """A client that gives up soon; raises ``SettingsError`` if none is known."""
        return impatient(self.settings.redis)

    def ledger(self) -> Engine:
        """The ledger, once it is known to be of this program's version.

        Raises ``LedgerUnreachableError``.
        """
        if not self._checked:
            check(self.engine)
            self._checked = True
        return self.engine

    def close(self) -> None:
        self.stopping.set()
        self.waker.close()
        self.engine.dispose()


def open_front(chosen: Settings, waker: Waker | None = None) -> Front:
    """Raises ``SettingsError``, ``SealError`` or ``CommandError``: wrong settings."""
    return Front(
        settings=chosen,
        engine=open_engine(chosen),
        seal=chosen.seal(),
        access=access(chosen),
        accounts_file=AccountsFile(chosen.accounts),
        waker=waker or Waker(),
    )
