"""The resources of a process, opened once: ledger, seal, Redis, accounts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import structlog
from redis import Redis
from sqlalchemy import Engine

from rescind.config.accounts import Accounts, load_accounts
from rescind.config.callbacks import NO_CALLBACKS, Callbacks
from rescind.config.ledger_url import opened
from rescind.config.queues import REDIS_OPTIONS
from rescind.config.redis_client import client_of
from rescind.config.settings import settings
from rescind.config.watched_file import Watched
from rescind.engine.ledger_clock import clock_of
from rescind.engine.provider_tokens import Tokens
from rescind.engine.rate_limiter import Rates
from rescind.ledger.seal import Seal, SealError
from rescind.ledger.storage.migrate import check
from rescind.plans.plan_templates import NO_TEMPLATES, Templates
from rescind.plans.templates_file import PlansFile
from rescind.provider.system_clock import Times

SAY_SECONDS = 60.0
"""The least time between two log messages of one process about a wrong key."""

log = structlog.get_logger("rescind.seal")


class LoggingSeal(Seal):
    """A seal that logs a wrong key, at most every ``SAY_SECONDS``."""

    _quiet_until = 0.0

    def open(self, sealed: str) -> Any:
        try:
            return super().open(sealed)
        except SealError as error:
            if time.monotonic() >= self._quiet_until:
                self._quiet_until = time.monotonic() + SAY_SECONDS
                says = "sealed params cannot be opened: their orders wait, unsent"
                log.error(says, why=str(error))  # noqa: TRY400  (it is a sentence)
            raise


class AccountsFile(Watched[Accounts]):
    """The accounts file, which is read again when it changes."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, load_accounts, lambda found: found.faulty)


@dataclass(frozen=True)
class Runtime:
    """The ledger, Redis and accounts of this process."""

    engine: Engine
    seal: Seal
    rates: Rates
    tokens: Tokens
    accounts_file: AccountsFile
    clock: Times
    """The ledger's clock. All that this process writes to the ledger goes by it."""
    callbacks: Callbacks = NO_CALLBACKS
    """The callbacks that producers may ask for."""
    plans_file: PlansFile | None = None

    @property
    def accounts(self) -> Accounts:
        return self.accounts_file.current()

    @property
    def templates(self) -> Templates:
        """The plans that producers may submit."""
        return NO_TEMPLATES if self.plans_file is None else self.plans_file.current()

    @property
    def redis(self) -> Redis:
        return self.tokens.redis


@cache
def runtime() -> Runtime:
    """This process's runtime; the first call that can open it does so.

    Raises ``SettingsError``, ``SealError`` or ``LedgerUnreachableError``.
    """
    chosen = settings()
    seal = chosen.seal()
    redis = client_of(chosen.redis, **REDIS_OPTIONS)
    engine = _ledger(chosen.database)
    # A worker must not use a ledger of another version, which it may misread.
    check(engine)
    clock = clock_of(engine)
    accounts = AccountsFile(chosen.accounts)
    return Runtime(
        engine=engine,
        seal=LoggingSeal(chosen.seal_keys()),
        rates=Rates(chosen.redis, REDIS_OPTIONS, clock),
        tokens=Tokens(redis, seal),
        accounts_file=accounts,
        clock=clock,
        callbacks=chosen.callbacks,
        plans_file=PlansFile(chosen.plans, accounts.current),
    )


@cache
def _ledger(url: str) -> Engine:
    return opened(url)
