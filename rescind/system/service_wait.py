"""Waits for Redis and the ledger to come up; raises if they can never be used."""

from __future__ import annotations

from collections.abc import Callable

from redis.exceptions import AuthenticationError, RedisError, ResponseError
from sqlalchemy import Engine

from rescind.config.ledger_url import opened
from rescind.config.redis_client import client_of, kind_fault
from rescind.config.settings import without_password
from rescind.config.times import utc_now
from rescind.errors.exit_statuses import UNREACHABLE, WRONG
from rescind.errors.redis_refusals import refusal
from rescind.errors.reported import ReportedError
from rescind.ledger.storage.migrate import UnfinishedError, upgrade
from rescind.ledger.storage.unreachable import (
    LedgerUnreachableError,
    LedgerVersionError,
)
from rescind.system.supervisor import Say
from rescind.telemetry.exposition import impatient
from rescind.telemetry.former_processes import objection

WAIT_SECONDS = 1.0
"""The time between two attempts to reach a service."""


class UpError(ReportedError, RuntimeError):
    """The system cannot be started; the text is a sentence for the user."""

    def __init__(
        self, why: str, status: int = WRONG, *, problem: str = "up-failed"
    ) -> None:
        super().__init__(why)
        self.status = status
        self.problem = problem


class StoppedError(Exception):
    """The user stopped the system before all of it had started."""


class Patience:
    """Waits for services, reports why, and ends when the user stops the system."""

    def __init__(self, say: Say, wait: Callable[[float], bool]) -> None:
        self._say, self._wait = say, wait

    def for_redis(self, url: str) -> None:
        """Wait until Redis answers; raises ``UpError`` if it never will."""
        self._until("Redis", lambda: _ping(url))

    def for_ledger(self, url: str, redis_url: str) -> None:
        """Wait until the ledger can be used, and has all its tables.

        What processes of an older version need is left while any of them lives.
        """
        engine = opened(url)
        try:
            self._until("the ledger", lambda: _migrate(engine, redis_url))
        finally:
            engine.dispose()

    def _until(self, what: str, reach: Callable[[], str | None]) -> None:
        """Call ``reach`` until it returns no complaint; print each new complaint."""
        said: str | None = None
        while (complaint := reach()) is not None:
            if complaint != said:
                self._say("up", f"waiting for {what}: {complaint}")
                said = complaint
            if self._wait(WAIT_SECONDS):
                raise StoppedError
        if said is not None:
            self._say("up", f"{what} answers")


def _ping(url: str) -> str | None:
    shown = without_password(url)
    try:
        with client_of(url, socket_timeout=5, socket_connect_timeout=5) as client:
            client.ping()
            fault = kind_fault(client)
    except AuthenticationError as error:
        why = f"{shown} refuses the password: {error}"
        raise UpError(why, UNREACHABLE, problem="redis-unreachable") from None
    except RedisError as error:
        refused = isinstance(error, ResponseError)
        return f"{shown}: {refusal(error) if refused else error}"
    if fault:
        raise UpError(f"{shown}: {fault}", problem="redis-url")
    return None


def _migrate(engine: Engine, redis_url: str) -> str | None:
    try:
        _finish(engine, redis_url)
    except LedgerVersionError:
        raise
    except LedgerUnreachableError as error:
        # A server may come up; a file that cannot be written stays so.
        if engine.dialect.name == "sqlite":
            raise
        return str(error)
    return None


def _finish(engine: Engine, redis_url: str) -> None:
    try:
        with impatient(redis_url) as redis:
            upgrade(engine, objection(redis, utc_now))
    except (UnfinishedError, RedisError):
        upgrade(engine)
