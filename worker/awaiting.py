"""Services that the system needs: what is away is waited for, what is wrong refused."""

from __future__ import annotations

from collections.abc import Callable

from redis.exceptions import AuthenticationError, RedisError
from sqlalchemy import Engine
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from ledger.database import LedgerUnreachableError, open_ledger
from ledger.migrate import LedgerVersionError, upgrade
from worker.cli.statuses import UNREACHABLE, WRONG
from worker.redis_client import client_of
from worker.settings import without_password
from worker.supervisor import Say

WAIT_SECONDS = 1.0
"""Between two looks at whether a service has come up."""


class UpError(RuntimeError):
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
        engine = _opened(url)
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
    except AuthenticationError as error:
        why = f"{shown} refuses the password: {error}"
        raise UpError(why, UNREACHABLE, problem="redis-unreachable") from None
    except RedisError as error:
        return f"{shown}: {error}"
    except ValueError as error:
        why = f"RESCIND_REDIS_URL is not a Redis URL: {error}"
        raise UpError(why, problem="redis-url") from None
    return None


def _opened(url: str) -> Engine:
    try:
        return open_ledger(url)
    except (ArgumentError, NoSuchModuleError):
        raise UpError(
            "RESCIND_DATABASE_URL is not the URL of a database: it must be such as"
            " postgresql+psycopg://user:password@host/name",
            problem="database-url",
        ) from None


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
