"""The system under test: each service is a separate process on loopback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from chaos import mutations, points
from chaos.databases import Database
from chaos.provider_settings import SANDBOX, accounts_file
from chaos.redis_servers import RESTART_SECONDS, RedisServers, kill_program
from chaos.way import Way
from rescind.config.home import write_private
from rescind.sandbox.faults import KINDS
from rescind.sandbox.sandbox_client import Sandbox, running
from rescind.system.supervisor import Lines, Program, Supervisor

WORKERS = ("worker-1", "worker-2")
CONCURRENCY = 12


class SystemUnderTest:
    """Redis, a database, two workers, beat, and the providers."""

    def __init__(
        self,
        home: Path,
        kind: str,
        seed: int,
        mutation: str | None = None,
        patience: float = 60.0,
        way: Way | None = None,
    ) -> None:
        self.home = home
        self._kind = kind
        self._seed = seed
        self._mutation = mutation
        self._patience = patience
        self._way = way or Way()
        self._cleanup = ExitStack()

    sandbox: Sandbox
    database: Database
    redis_servers: RedisServers
    failpoints: points.Failpoints

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._cleanup.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._cleanup.close()

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of the running programs, by name."""
        return self._supervisor.pids

    def environment(self) -> dict[str, str]:
        """The environment of every process of the system and of the command line."""
        return os.environ | {
            "RESCIND_HOME": str(self.home),
            "RESCIND_ACCOUNTS": str(self.home / "accounts.toml"),
            "RESCIND_REDIS_URL": self.redis_servers.url,
            "RESCIND_DATABASE_URL": self.database.url,
            "RESCIND_SEAL_KEY": self._seal_key,
            "RESCIND_CONCURRENCY": str(CONCURRENCY),
            "PYTHONUNBUFFERED": "1",
            points.FOLDER: str(self.home),
            mutations.NAME: self._mutation or "",
        }

    def kill(self, name: str) -> None:
        """Kill one program and all processes that it has started."""
        kill_program(self._supervisor, name)

    def worker_at_work(self, seconds: float) -> str | None:
        """The worker that has been at work for longest, if for at least ``seconds``.

        A frozen worker does not count.
        """
        pids, frozen = self.pids, self.failpoints.frozen()
        running = [name for name in WORKERS if name in pids and pids[name] != frozen]
        ages = {name: self.failpoints.ready_for(pids[name]) for name in running}
        name = max(ages, key=lambda one: ages[one], default=None)
        return name if name is not None and ages[name] >= seconds else None

    def start_beat(self, number: int) -> Callable[[], None]:
        """Start another beat; return a function that ends it for good."""
        keeper = Supervisor(self._lines, delays=RESTART_SECONDS)
        keeper.start(self._beat(number))
        self._cleanup.callback(keeper.kill)
        return keeper.kill

    def said_by_workers(self) -> list[str]:
        """The lines that the workers have logged so far."""
        lines = (self.home / "log").read_text(errors="replace").splitlines()
        return [line for line in lines if line.startswith(WORKERS)]

    # --- starting ---

    def _start(self) -> None:
        enter = self._cleanup.enter_context
        self._log = enter((self.home / "log").open("w", encoding="utf-8"))
        self._lines = Lines(self._log)
        self.failpoints = points.Failpoints(self.home)
        self.sandbox = enter(running(seed=self._seed, **SANDBOX))
        self.sandbox.faults(kinds=(*KINDS, "late"))
        self._write_accounts()
        self.database = self._way.database(self._kind, self.home)
        self._cleanup.callback(self.database.close)
        self.redis_servers = self._way.redis(self.home)
        self._cleanup.callback(self.redis_servers.close)
        self.redis_servers.start(self._lines)
        self._supervisor = Supervisor(self._lines, grace=20, delays=RESTART_SECONDS)
        self._cleanup.callback(self._supervisor.stop)
        self._seal_key = _fresh_seal_key()
        self._way.prepare_ledger(self.database.url)
        for name in WORKERS:
            self._supervisor.start(self._worker(name))
        self._supervisor.start(self._beat(1))

    def _worker(self, name: str) -> Program:
        command = (
            *(sys.executable, "-m", "worker", "-A", "chaos.chaos_app", "worker"),
            *("-n", f"{name}@chaos", "--loglevel", "WARNING", "-c", str(CONCURRENCY)),
            *("--without-mingle", "--without-gossip"),
        )
        return self._way.program(Program(name, command, self.environment()))

    def _beat(self, number: int) -> Program:
        schedule = str(self.home / f"beat-{number}")
        command = (
            *(sys.executable, "-m", "worker", "beat"),
            *("-s", schedule, "--pidfile=", "--loglevel", "WARNING"),
        )
        made = Program(f"beat-{number}", command, self.environment())
        return self._way.program(made)

    def _write_accounts(self) -> None:
        written = accounts_file(self.sandbox.base_url, self._patience)
        write_private(self.home / "accounts.toml", written)


def _fresh_seal_key() -> str:
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()
