"""The whole system on one machine: Redis, ledger, worker, beat, Flower, HTTP API."""

from __future__ import annotations

import fcntl
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Self

from rescind.config.access_tokens import (
    ENTRY_RATE,
    access,
    check_host,
    make_own,
    rate_of,
)
from rescind.config.home import (
    LOCK,
    RUNNING,
    Running,
    make_private_folder,
    write_running,
)
from rescind.config.path_ownership import check_ours
from rescind.config.settings import CONCURRENCY, Settings
from rescind.system.embedded_redis import EmbeddedRedis, listens
from rescind.system.port_choice import Wanted
from rescind.system.programs import Programs, environment
from rescind.system.service_wait import Patience, StoppedError, UpError
from rescind.system.supervisor import Lines, Program, Say, Supervisor

USUAL_PORT = 0
"""Use the usual port: Flower's, or that of ``RESCIND_API_PORT``. If it is taken and
nobody asked for it, another one is used."""
FLOWER_PORT = 5555
LOCAL = "127.0.0.1"
API_SECONDS, RETRY_SECONDS = 15.0, 0.1
NAP_SECONDS = 0.001


class System:
    """Redis, ledger, worker, beat, Flower and HTTP API, as one context manager.

    ``say`` takes each line that a program prints, with the program's name.
    """

    def __init__(
        self,
        chosen: Settings,
        *,
        concurrency: int = CONCURRENCY,
        flower_port: int | None = USUAL_PORT,
        api_port: int | None = None,
        loglevel: str = "WARNING",
        say: Say | None = None,
    ) -> None:
        self.settings = chosen
        self.home = chosen.home.resolve()
        self.redis_url = ""
        self.flower_url: str | None = None
        self.api_url: str | None = None
        self.notes: list[str] = []
        """What the user should know about how the system was started."""
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
        """The process id of each program: ``redis``, ``worker``, ``beat``, ``api``…"""
        return self._supervisor.pids

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for ``ask_to_stop``; false if ``seconds`` pass before."""
        return self._stopping.wait(seconds)

    def ask_to_stop(self) -> None:
        """Have all waits end; safe in a signal handler. ``stop`` does the work."""
        self._stopping.set()

    def wait_for_api(self) -> None:
        """Wait until the HTTP API listens, at most ``API_SECONDS``."""
        give_up = time.monotonic() + API_SECONDS
        while self.api_url is not None and time.monotonic() < give_up:
            if listens(self.api_url) or self.wait(RETRY_SECONDS):
                return

    def stop(self) -> None:
        """Stop all programs by SIGTERM, Redis last. May be called twice."""
        self.ask_to_stop()
        self._cleanup.close()

    def kill(self) -> None:
        """Kill all programs immediately; safe in a signal handler."""
        self.ask_to_stop()
        self._supervisor.kill()

    def environment(self) -> dict[str, str]:
        """The environment with which a program in any folder finds this system."""
        return environment(self.settings, self.redis_url, self._concurrency)

    def _start(self) -> None:
        make_private_folder(self.home)
        self._cleanup.enter_context(_only_one(self.home))
        if self._api_port is not None:
            self._prepare_access()
        self._choose_ports()
        self._cleanup.callback((self.home / RUNNING).unlink, missing_ok=True)
        self._cleanup.callback(self._supervisor.stop)
        if self.settings.embedded_redis:
            self._start_redis()
        else:
            self.redis_url = self.settings.redis
            self._patience.for_redis(self.redis_url)
        self._patience.for_ledger(self.settings.database, self.redis_url)
        if self._stopping.is_set():
            raise StoppedError
        write_running(
            self.home,
            Running(self.redis_url, self.flower_url, os.getpid(), self.api_url),
        )
        for program in self._programs():
            self._supervisor.start(program)

    def _prepare_access(self) -> None:
        """Make sure that the HTTP API has a token; raises ``SettingsError``."""
        check_host(self.settings)
        rate_of(self.settings.api_rate)
        rate_of(self.settings.api_entry_rate, ENTRY_RATE)
        if not access(self.settings).tokens:
            make_own(self.home)

    def _choose_ports(self) -> None:
        """Choose the port of each server; ``UpError`` if one asked for is taken."""
        if self._flower_port is not None:
            wanted = Wanted("Flower", LOCAL, self._flower_port, FLOWER_PORT)
            self.flower_url = f"http://{LOCAL}:{self._port(wanted)}"
        if self._api_port is not None:
            chosen = self.settings
            # A port of RESCIND_API_PORT was asked for.
            own = chosen.api_port if "api_port" in chosen.model_fields_set else 0
            asked = self._api_port or own
            name = "the HTTP API and dashboard"
            wanted = Wanted(name, chosen.api_host, asked, chosen.api_port)
            host = _reached_by(chosen.api_host)
            self.api_url = f"http://{host}:{self._port(wanted)}"

    def _port(self, wanted: Wanted) -> int:
        port, note = wanted.choose()
        if note is not None:
            self.notes.append(note)
            self._say("up", note)
        return port

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
            yield ours.api(self.api_url.rpartition(":")[2])


def _reached_by(host: str) -> str:
    """The address at which this machine reaches a server that listens on ``host``."""
    if host in ("0.0.0.0", "::"):  # noqa: S104  (only a comparison)
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    """Allow one system in a folder; ``UpError`` names the other system's process."""
    check_ours(home / LOCK)
    with (home / LOCK).open("a+") as lock:
        if not _lock(lock):
            lock.seek(0)
            raise UpError(
                f"Rescind already runs in {home} (process {lock.read().strip()}):"
                " stop it, or set RESCIND_HOME to another folder",
                problem="up-already",
            )
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def _lock(file: IO[str]) -> bool:
    """Lock the file; false if another system has locked it.

    A program that asks which system runs here shares the lock for a moment: see
    ``up_process``. That is waited for.
    """
    while not _try_lock(file, fcntl.LOCK_EX):
        if not _try_lock(file, fcntl.LOCK_SH):
            return False
        time.sleep(NAP_SECONDS)
    return True


def _try_lock(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
