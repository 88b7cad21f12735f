"""The whole system on one machine: Redis, ledger, worker, beat, Flower, HTTP door."""

from __future__ import annotations

import fcntl
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from redis import Redis
from redis.exceptions import AuthenticationError, RedisError
from sqlalchemy import Engine
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from ledger.database import LedgerUnreachableError, open_ledger
from ledger.migrate import LedgerVersionError, upgrade
from worker.access import access, check_host, make_own, rate_of
from worker.embedded import EmbeddedRedis, free_port, listens
from worker.settings import (
    CONCURRENCY,
    RUNNING,
    Running,
    Settings,
    without_password,
    write_running,
)
from worker.supervisor import Lines, Program, Say, Supervisor

FLOWER_PORT = 5555
API_PORT = 0
"""Where ``RESCIND_API_PORT`` says."""
FLOWER_LEVELS = {"DEBUG": "debug", "INFO": "info"}
"""At any other level of the worker's, Flower only says what went wrong."""
DOOR_SECONDS, KNOCK_SECONDS = 15.0, 0.1
WAIT_SECONDS = 1.0
"""Between two looks at whether a service has come up."""
WRONG, UNREACHABLE = 2, 3
"""Exit statuses: the settings or the call are wrong; a service cannot be reached."""


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


class System:
    """Redis, ledger, worker, beat, Flower, HTTP door: all of it, from ``with`` to end.

    ``say`` takes what the programs print, line by line, with the program's name.
    """

    def __init__(
        self,
        chosen: Settings,
        *,
        concurrency: int = CONCURRENCY,
        flower_port: int | None = FLOWER_PORT,
        api_port: int | None = None,
        loglevel: str = "WARNING",
        say: Say | None = None,
    ) -> None:
        self.settings = chosen
        self.home = chosen.home.resolve()
        self.redis_url = ""
        self.flower_url: str | None = None
        self.api_url: str | None = None
        self._concurrency = concurrency
        self._flower_port = flower_port
        self._api_port = api_port
        self._loglevel = loglevel
        self._say = say or Lines(sys.stderr)
        self._supervisor = Supervisor(self._say)
        self._stopping = threading.Event()
        self._cleanup = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pids(self) -> dict[str, int]:
        """The process of each program: ``redis``, ``worker``, ``beat``, ``api``…"""
        return self._supervisor.pids

    def wait(self, seconds: float | None = None) -> bool:
        """Until ``ask_to_stop``: true. False if so many seconds pass before."""
        return self._stopping.wait(seconds)

    def ask_to_stop(self) -> None:
        """End what waits; fit for a signal handler. ``stop`` does the work."""
        self._stopping.set()

    def wait_for_door(self) -> None:
        """Until the HTTP door can be knocked at; not for ever, should it not start."""
        give_up = time.monotonic() + DOOR_SECONDS
        while self.api_url is not None and time.monotonic() < give_up:
            if listens(self.api_url) or self.wait(KNOCK_SECONDS):
                return

    def stop(self) -> None:
        """Stop all: gently, and Redis last. May be called twice."""
        self.ask_to_stop()
        self._cleanup.close()

    def kill(self) -> None:
        """End all at once; fit for a signal handler."""
        self.ask_to_stop()
        self._supervisor.kill()

    def environment(self) -> dict[str, str]:
        """What other programs need to find this system, wherever they run."""
        chosen, tokens = self.settings, self.settings.api_tokens
        secret = chosen.webhook_secret
        # In full, so that no .env file or folder of theirs says otherwise.
        told = {
            "RESCIND_HOME": str(self.home),
            "RESCIND_ACCOUNTS": str(chosen.accounts.resolve()),
            "RESCIND_REDIS_URL": self.redis_url,
            "RESCIND_DATABASE_URL": chosen.database,
            "RESCIND_SEAL_KEY": chosen.seal_keys(),
            "RESCIND_API_TOKENS": tokens.get_secret_value() if tokens else "",
            "RESCIND_API_HOST": chosen.api_host,
            "RESCIND_API_RATE": chosen.api_rate,
            "RESCIND_LOG_FORMAT": chosen.log_format,
            "RESCIND_RETENTION": chosen.retention or "",
            "RESCIND_SCHEDULES": str(chosen.schedules.resolve()),
            "RESCIND_WEBHOOK_SECRET": secret.get_secret_value() if secret else "",
            "RESCIND_WEBHOOK_HOSTS": chosen.webhook_hosts or "",
            "RESCIND_WEBHOOK_PRIVATE": "true" if chosen.webhook_private else "",
            "RESCIND_CONCURRENCY": str(self._concurrency),
            "PYTHONUNBUFFERED": "1",
        }
        return os.environ | {name: value for name, value in told.items() if value}

    def _start(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._cleanup.enter_context(_only_one(self.home))
        if self._api_port is not None:
            self._open_door()
        self._cleanup.callback((self.home / RUNNING).unlink, missing_ok=True)
        self._cleanup.callback(self._supervisor.stop)
        if self.settings.embedded_redis:
            self._start_redis()
        else:
            self.redis_url = self.settings.redis
            self._wait_for("Redis", self._ping)
        engine = self._open_ledger()
        try:
            self._wait_for("the ledger", lambda: self._migrate(engine))
        finally:
            engine.dispose()
        if self._stopping.is_set():
            raise StoppedError
        self._choose_ports()
        write_running(
            self.home,
            Running(self.redis_url, self.flower_url, os.getpid(), self.api_url),
        )
        for program in self._programs():
            self._supervisor.start(program)

    def _open_door(self) -> None:
        """See that somebody can come in; raises ``SettingsError``."""
        check_host(self.settings)
        rate_of(self.settings.api_rate)
        if not access(self.settings).tokens:
            make_own(self.home)

    def _choose_ports(self) -> None:
        if self._flower_port is not None:
            port = free_port(self._flower_port)
            self.flower_url = f"http://127.0.0.1:{port}"
        if self._api_port is not None:
            port = free_port(self._api_port or self.settings.api_port)
            self.api_url = f"http://{_reached_by(self.settings.api_host)}:{port}"

    def _open_ledger(self) -> Engine:
        try:
            return open_ledger(self.settings.database)
        except (ArgumentError, NoSuchModuleError):
            raise UpError(
                "RESCIND_DATABASE_URL is not the URL of a database: it must be such as"
                " postgresql+psycopg://user:password@host/name",
                problem="database-url",
            ) from None

    def _start_redis(self) -> None:
        server = EmbeddedRedis(self.home)
        server.prepare()
        env = dict(os.environ)
        self._supervisor.start(Program("redis", server.command, env, stage=0))
        first = self._supervisor.pids.get("redis")
        server.wait_until_ready(lambda: self._supervisor.pids.get("redis") == first)
        self.redis_url = server.url

    def _programs(self) -> Iterator[Program]:
        celery = (sys.executable, "-m", "celery", "-q", "-A", "worker")
        worker = (
            *("worker", "--loglevel", self._loglevel, "-c", str(self._concurrency)),
            # They serve fleets that revoke tasks; here they only cost a slow start.
            *("--without-mingle", "--without-gossip"),
        )
        schedule = str(self.home / "celerybeat-schedule")
        beat = ("beat", "-s", schedule, "--pidfile=", "--loglevel", self._loglevel)
        yield Program("worker", celery + worker, self.environment())
        yield Program("beat", celery + beat, self.environment())
        if self.flower_url is not None:
            port = self.flower_url.rpartition(":")[2]
            flower = ("flower", "--address=127.0.0.1", f"--port={port}")
            quiet = (f"--logging={FLOWER_LEVELS.get(self._loglevel, 'error')}",)
            yield Program("flower", celery + flower + quiet, self.environment())
        if self.api_url is not None:
            here = {"RESCIND_API_PORT": self.api_url.rpartition(":")[2]}
            door = (sys.executable, "-m", "api")
            yield Program("api", door, self.environment() | here)

    def _wait_for(self, what: str, reach: Callable[[], str | None]) -> None:
        """Until ``reach`` returns no complaint, saying so once for each new one."""
        said: str | None = None
        while (complaint := reach()) is not None:
            if complaint != said:
                self._say("up", f"waiting for {what}: {complaint}")
                said = complaint
            if self.wait(WAIT_SECONDS):
                raise StoppedError
        if said is not None:
            self._say("up", f"{what} is there")

    def _ping(self) -> str | None:
        shown = without_password(self.redis_url)
        try:
            with Redis.from_url(
                self.redis_url, socket_timeout=5, socket_connect_timeout=5
            ) as client:
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

    def _migrate(self, engine: Engine) -> str | None:
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


def _reached_by(host: str) -> str:
    """How this machine reaches what listens on ``host``."""
    if host in ("0.0.0.0", "::"):  # noqa: S104  (it is compared with)
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """One system in one folder; raises ``UpError`` with the other's process."""
    with (home / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise UpError(
                f"Rescind is up in {home} already (process {lock.read().strip()}):"
                " stop that one, or set RESCIND_HOME to another folder",
                problem="up-already",
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield
