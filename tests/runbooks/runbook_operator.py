"""An operator, who runs the commands of a runbook, and workers in this process."""

from __future__ import annotations

import shlex
import subprocess
import threading
from collections.abc import Mapping
from datetime import UTC, datetime

from rescind.config.ledger_url import open_engine
from rescind.config.queues import REDIS_OPTIONS
from rescind.config.redis_client import client_of
from rescind.config.settings import settings
from rescind.engine.ledger_clock import clock_of
from rescind.engine.provider_tokens import Tokens
from rescind.engine.rate_limiter import Rates
from rescind.engine.sweeper import sweep
from rescind.runtime.background_job import BackgroundJob
from rescind.runtime.host import Host
from rescind.runtime.resources import AccountsFile, LoggingSeal, Runtime
from tests.cli.test_cli_support import Home, Result

TICK = 0.2
"""Seconds between two sweeps."""


class Workers:
    """A worker's engine with its sweep, by the settings in force, until ``stop``."""

    def __init__(self) -> None:
        settings.cache_clear()
        chosen = settings()
        self._redis = client_of(chosen.redis, **REDIS_OPTIONS)
        self._here = Runtime(
            engine=open_engine(chosen),
            seal=LoggingSeal(chosen.seal_keys()),
            rates=Rates(chosen.redis, REDIS_OPTIONS, clock_of(open_engine(chosen))),
            tokens=Tokens(self._redis, chosen.seal()),
            accounts_file=AccountsFile(chosen.accounts),
            clock=clock_of(open_engine(chosen)),
        )
        jobs: dict[str, BackgroundJob] = {}
        self._host = Host(self._here, lambda _: jobs)
        self._over = threading.Event()
        self._sweeps = threading.Thread(target=self._sweep, daemon=True)
        self._sweeps.start()

    def stop(self) -> None:
        self._over.set()
        self._sweeps.join()
        self._host.stop()
        self._host.join()
        self._redis.close()
        self._here.engine.dispose()

    def _sweep(self) -> None:
        while not self._over.wait(TICK):
            now = datetime.now(UTC)
            due = sweep(self._here.engine, self._here.accounts, now, "runbooks") or {}
            named = [(lane, name) for lane, names in due.items() for name in names]
            self._host.engine.notify(named)


class Operator:
    """Runs commands as a person does: those of ``rescind`` in this process."""

    def __init__(self, home: Home, environment: Mapping[str, str]) -> None:
        self.home = home
        self.environment = environment
        self.workers: Workers | None = None

    def run(self, command: str) -> Result:
        words = shlex.split(self._with_values(command))
        if words[0] == "rescind":
            return self.home.run(*words[1:])
        if words[0] == "systemctl":
            return self._systemctl(words[1])
        done = subprocess.run(
            words,
            cwd=self.home.path,
            env=self.home.environment(**self.environment),
            capture_output=True,
            check=False,
            text=True,
            timeout=60,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def follow(self, commands: list[str]) -> dict[str, Result]:
        """Run the commands in order; returns the result of each."""
        return {one: self.run(one) for one in commands}

    def start(self) -> None:
        self.workers = Workers()

    def stop(self) -> None:
        if self.workers is not None:
            self.workers.stop()
            self.workers = None

    def _with_values(self, command: str) -> str:
        for name, value in self.environment.items():
            command = command.replace(f"${name}", value)
        return command

    def _systemctl(self, verb: str) -> Result:
        if verb in ("stop", "restart"):
            self.stop()
        if verb in ("start", "restart"):
            self.start()
        return Result(0, "", "")
