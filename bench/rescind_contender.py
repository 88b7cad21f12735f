"""Rescind as a contender: its workers and one beat."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.counting import WRITTEN_TO, StatementLog
from bench.processes import ROOT, BenchError
from bench.results import US
from bench.stage import Stage, run
from bench.team import Team
from rescind.config.home import write_private
from rescind.ledger.seal import new_key
from rescind.ledger.storage.migrate import upgrade
from rescind.ledger.storage.transactions import open_ledger

Lane = tuple[str, str]
"""A provider and the name of an account there."""
HERE = Path(sys.executable).parent
CREDENTIALS: Mapping[str, Mapping[str, str]] = {
    "iletimerkezi": {"key": "k", "hash": "h"},
    "ithink": {"access_token": "a", "secret_key": "s"},
    "notpanel": {"key": "k"},
}
PROVIDERS = tuple(CREDENTIALS)


def lanes_of(count: int, providers: Sequence[str] = PROVIDERS) -> list[Lane]:
    """So many lanes, spread evenly over the providers."""
    return [(providers[n % len(providers)], f"shop-{n}") for n in range(count)]


@dataclass(frozen=True)
class Setup:
    """The set-up of Rescind for a case."""

    policy: Mapping[str, Any] = field(default_factory=lambda: {"rate": "none"})
    """Policy values of each account. The provider sets all others."""
    workers: int = 1
    concurrency: int | None = None
    """Celery's ``-c``; ``None`` leaves it out, as the README does."""
    lanes: Sequence[Lane] = ()
    """The accounts. If empty, the provider's ``default``."""
    counted: bool = False
    """Whether the ledger's statements are written to a file and counted."""


class Rescind(Team):
    """Workers and one beat. A worker's statistics are those of the first worker."""

    name = US
    programs = HERE
    module = "rescind_client"
    # The counter is written when an order ends: counting rows takes longer and longer.
    count = (
        "SELECT coalesce(sum(count), 0) FROM tally"
        " WHERE slot = 0 AND metric = 'outcome'"
    )

    def __init__(self, stage: Stage, provider: str, setup: Setup | None = None) -> None:
        super().__init__(stage, provider)
        self._setup = setup or Setup()
        self._key = new_key()

    @property
    def statements(self) -> StatementLog:
        """The database's statements, if the set-up is ``counted``."""
        if self.stage.log is not None:
            return StatementLog.of_postgres(self.stage.log)
        return StatementLog.of_a_worker(self._statements)

    def prepare(self) -> None:
        engine = open_ledger(self.stage.database_url)
        upgrade(engine)
        engine.dispose()
        write_private(self._accounts, "\n".join(self._account_lines()))
        if self._setup.counted and self.stage.log is not None:
            self.stage.log_statements()

    def commands(self) -> Iterator[tuple[tuple[str, ...], dict[str, str]]]:
        program = (sys.executable, "-m", "worker", "-A")
        for number in range(self._setup.workers):
            # Each worker runs as if on its own machine, with its own locks.
            place = self.stage.home / f"machine-{number}"
            place.mkdir()
            env = {**self.settings(), "TMPDIR": str(place)}
            yield (*program, self._app, *self._worker(number)), env
        schedule = ("-s", str(self.stage.home / "beat"), "--pidfile=")
        beat = ("worker", "beat", *schedule, "--loglevel", "WARNING")
        yield (*program, *beat), self.settings()

    def _worker(self, number: int) -> tuple[str, ...]:
        named = ("worker", "-n", f"w{number}@bench", "--loglevel", "WARNING")
        at_once = self._setup.concurrency
        size = () if at_once is None else ("-c", str(at_once))
        return (*named, *size, "--without-mingle", "--without-gossip")

    @property
    def _app(self) -> str:
        # PostgreSQL logs statements itself. For SQLite, the worker has to log them.
        here = self._setup.counted and self.stage.log is None
        return "bench.counted" if here else "worker"

    def settings(self) -> dict[str, str]:
        return {
            "RESCIND_HOME": str(self.stage.home),
            "RESCIND_ACCOUNTS": str(self._accounts),
            "RESCIND_REDIS_URL": self.stage.redis_url,
            "RESCIND_DATABASE_URL": self.stage.database_url,
            "RESCIND_SEAL_KEY": self._key,
            WRITTEN_TO: str(self._statements),
        }

    def spread(
        self, orders: int, lanes: Sequence[Lane], **more: Any
    ) -> dict[str, float]:
        """Send so many new orders, one lane after the other, 1,000 in a message."""
        return self._ask(orders, {"lanes": lanes, "more": more})

    def command(self, *words: str) -> None:
        """Run a command of ``rescind``. Raises ``BenchError`` if it fails."""
        ended = subprocess.run(
            [str(HERE / "rescind"), *words],
            env={**os.environ, **self.settings()},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode:
            raise BenchError(f"rescind {' '.join(words)}: {ended.stderr[-1000:]}")

    @property
    def lanes(self) -> Sequence[Lane]:
        """Its accounts."""
        return self._setup.lanes or [(self.provider, "default")]

    def scalar(self, statement: str) -> int:
        """The single number that a statement reads from the ledger."""
        [(found,)] = run(self.stage.database_url, statement)
        return int(found)

    def rows(self, where: str = "1 = 1") -> int:
        """The number of cancellations in the ledger for which ``where`` is true."""
        return self.scalar(f"SELECT count(*) FROM cancellation WHERE {where}")

    @property
    def _statements(self) -> Path:
        return self.stage.home / "statements"

    @property
    def _accounts(self) -> Path:
        return self.stage.home / "accounts.toml"

    def _account_lines(self) -> Iterator[str]:
        for provider, account in self.lanes:
            yield f"[{provider}.{account}]"
            base = f"{self.stage.provider.url}/{provider}"
            values = {"read_rate": "none", **self._setup.policy, "base_url": base}
            for name, value in {**CREDENTIALS[provider], **values}.items():
                yield f"{name} = {json.dumps(value)}"
