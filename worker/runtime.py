"""What a process needs to work: made once in each, never before a fork."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
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
from worker.limits import Rates
from worker.settings import settings
from worker.tokens import Tokens

MOST_THREADS = 4096
"""Calls at once in one child: more than dozens of accounts that hang together."""
SAY_SECONDS = 60.0
"""A wrong key is said by each process no more often."""

log = structlog.get_logger("rescind.seal")


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


@dataclass
class AccountsFile:
    """The accounts file, read again when it changes: a mended one needs no restart."""

    path: Path
    _seen: tuple[float, int] | None = None
    _accounts: Accounts = field(default_factory=Accounts)

    def current(self) -> Accounts:
        seen = self._stamp()
        if self._seen is None or seen != self._seen:
            self._accounts = load_accounts(self.path)
            self._seen = seen
        return self._accounts

    def _stamp(self) -> tuple[float, int]:
        try:
            found = self.path.stat()
        except OSError:
            return (0.0, 0)
        return (found.st_mtime, found.st_ino)


@dataclass(frozen=True)
class Runtime:
    """The engine, Redis, accounts and threads of this process."""

    engine: Engine
    seal: Seal
    rates: Rates
    tokens: Tokens
    accounts_file: AccountsFile
    threads: ThreadPoolExecutor

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


@cache
def _runtime(_pid: int) -> Runtime:
    chosen = settings()
    seal = chosen.seal()
    redis = Redis.from_url(chosen.redis, **REDIS_OPTIONS)
    engine = open_ledger(chosen.database)
    # A worker of another version must not touch what it may not understand.
    check(engine)
    return Runtime(
        engine=engine,
        seal=SayingSeal(chosen.seal_keys()),
        rates=Rates(chosen.redis, REDIS_OPTIONS),
        tokens=Tokens(redis, seal),
        accounts_file=AccountsFile(chosen.accounts),
        threads=ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="call"),
    )
