"""Services that the system needs: what is away is waited for, what is wrong refused."""

from __future__ import annotations

from collections.abc import Callable

from redis.exceptions import AuthenticationError, RedisError, ResponseError
from sqlalchemy import Engine

from rescind.config.ledger_url import opened
from rescind.config.redis_client import client_of, kind_fault
from rescind.config.settings import without_password
from rescind.errors.exit_statuses import UNREACHABLE, WRONG
from rescind.errors.redis_refusals import refusal
from rescind.errors.reported import ReportedError
from rescind.ledger.storage.migrate import LedgerVersionError, upgrade
from rescind.ledger.storage.transactions import LedgerUnreachableError
from rescind.system.supervisor import Say

WAIT_SECONDS = 1.0
"""Between two looks at whether a service has come up."""


class UpError(ReportedError, RuntimeError):
    """The system cannot be started: a sentence for whoever starts it."""

    def __init__(
        self, why: str, status: int = WRONG, *, problem: str = "up-failed"
    ) -> None:
        super().__init__(why)
        self.status = status
        self.problem = problem


class StoppedError(Exception):
    """Told to stop before all of it was up."""


class Patience:
    """Waits for services in words, until told to stop."""

    def __init__(self, say: Say, wait: Callable[[float], bool]) -> None:
        self._say, self._wait = say, wait

    def for_redis(self, url: str) -> None:
        """Until it answers; raises ``UpError`` if it never will."""
        self._until("Redis", lambda: _ping(url))

    def for_ledger(self, url: str) -> None:
        """Until it can be used, with all its tables."""
        engine = opened(url)
        try:
            self._until("the ledger", lambda: _migrate(engine))
        finally:
            engine.dispose()

    def _until(self, what: str, reach: Callable[[], str | None]) -> None:
        """Until ``reach`` returns no complaint, saying so once for each new one."""
        said: str | None = None
        while (complaint := reach()) is not None:
            if complaint != said:
                self._say("up", f"waiting for {what}: {complaint}")
                said = complaint
            if self._wait(WAIT_SECONDS):
                raise StoppedError
        if said is not None:
            self._say("up", f"{what} is there")


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


def _migrate(engine: Engine) -> str | None:
    try:
        upgrade(engine)
    except LedgerVersionError:
        raise
    except LedgerUnreachableError as error:
        # A server may come up; a file that cannot be written will not by itself.
        if engine.dialect.name == "sqlite":
            raise
        return str(error)
    return None
