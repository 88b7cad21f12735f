"""The whole system on one machine: Redis, ledger, worker, beat, Flower, HTTP door."""

from __future__ import annotations

import fcntl
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

from rescind.config.access_tokens import access, check_host, make_own, rate_of
from rescind.config.home import RUNNING, Running, write_running
from rescind.config.settings import CONCURRENCY, Settings
from rescind.system.embedded_redis import EmbeddedRedis, free_port, listens
from rescind.system.programs import Programs, environment
from rescind.system.service_wait import Patience, StoppedError, UpError
from rescind.system.supervisor import Lines, Program, Say, Supervisor

FLOWER_PORT = 5555
API_PORT = 0
"""Where ``RESCIND_API_PORT`` says."""
DOOR_SECONDS, KNOCK_SECONDS = 15.0, 0.1


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
        self._patience = Patience(self._say, self.wait)
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
        return environment(self.settings, self.redis_url, self._concurrency)

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
            self._patience.for_redis(self.redis_url)
        self._patience.for_ledger(self.settings.database)
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

    def _start_redis(self) -> None:
        server = EmbeddedRedis(self.home)
        server.prepare()
        env = dict(os.environ)
        self._supervisor.start(Program("redis", server.command, env, stage=0))
        first = self._supervisor.pids.get("redis")
        server.wait_until_ready(lambda: self._supervisor.pids.get("redis") == first)
        self.redis_url = server.url

    def _programs(self) -> Iterator[Program]:
        env = self.environment()
        ours = Programs(self.home, env, self._loglevel, self._concurrency)
        yield ours.worker()
        yield ours.beat()
        if self.flower_url is not None:
            yield ours.flower(self.flower_url.rpartition(":")[2])
        if self.api_url is not None:
            yield ours.door(self.api_url.rpartition(":")[2])


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
