"""What a process needs to work: made once in each, and opened after the fork.

The engine alone is made before it, unconnected.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from typing import Any

import structlog
from redis import Redis
from sqlalchemy import Engine

from ledger.database import open_ledger
from ledger.migrate import check
from ledger.seal import Seal, SealError
from worker.accounts import Accounts, load_accounts
from worker.broker import REDIS_OPTIONS
from worker.callbacks import NO_CALLBACKS, Callbacks
from worker.limits import Rates
from worker.settings import settings
from worker.tokens import Tokens
from worker.wake import wake_webhooks
from worker.watched import Watched

MOST_THREADS = 4096
"""Calls at once in one child: more than dozens of accounts that hang together."""
SAY_SECONDS = 60.0
"""A wrong key is said by each process no more often."""

log = structlog.get_logger("rescind.seal")


def do_nothing() -> None:
    """For those who need not be told."""


def utc_now() -> datetime:
    return datetime.now(UTC)


class SayingSeal(Seal):
    """A seal that says in the log, now and then, that its key is the wrong one."""

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
    """The accounts file."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, load_accounts)


@dataclass(frozen=True)
class Runtime:
    """The engine, Redis, accounts and threads of this process."""

    engine: Engine
    seal: Seal
    rates: Rates
    tokens: Tokens
    accounts_file: AccountsFile
    threads: ThreadPoolExecutor
    callbacks: Callbacks = NO_CALLBACKS
    """By what producers may ask to be told."""
    tell: Callable[[], object] = do_nothing
    """Wakes whoever tells producers of what has ended."""

    @property
    def accounts(self) -> Accounts:
        return self.accounts_file.current()

    @property
    def redis(self) -> Redis:
        return self.tokens.redis


def runtime() -> Runtime:
    """This process's runtime, made at the first call that can make it.

    Raises ``SettingsError``, ``SealError`` or ``LedgerUnreachableError``.
    """
    return _runtime(os.getpid())


def prepare() -> None:
    """Make the engine now, for all processes that are forked from here.

    It connects to nothing before it is used.
    """
    _engine(settings().database)


@cache
def _engine(url: str) -> Engine:
    return open_ledger(url)


@cache
def _runtime(_pid: int) -> Runtime:
    chosen = settings()
    seal = chosen.seal()
    redis = Redis.from_url(chosen.redis, **REDIS_OPTIONS)
    engine = _engine(chosen.database)
    # A worker of another version must not touch what it may not understand.
    check(engine)
    threads = ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="call")
    return Runtime(
        engine=engine,
        seal=SayingSeal(chosen.seal_keys()),
        rates=Rates(chosen.redis, REDIS_OPTIONS),
        tokens=Tokens(redis, seal),
        accounts_file=AccountsFile(chosen.accounts),
        threads=threads,
        callbacks=chosen.callbacks,
        # In a thread: a broker that is away must not keep a lane waiting.
        tell=partial(_wake_tellers, threads),
    )


def _wake_tellers(threads: ThreadPoolExecutor) -> None:
    # Without a thread to ask in it is left to the sweep: what has just been claimed
    # must not wait for its lease.
    with suppress(RuntimeError):
        threads.submit(wake_webhooks)
