"""Those who are measured: Rescind and its peers, each as workers and a producer."""

from __future__ import annotations

import json
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from sqlalchemy import create_engine, text

from bench.processes import (
    BATCHES,
    PEERS,
    BenchError,
    Group,
    Talking,
    memory,
    processor_seconds,
    until,
)
from bench.results import CELERY, US
from bench.stage import Stage, run
from ledger.database import open_ledger
from ledger.migrate import upgrade
from ledger.seal import new_key
from worker.home import write_private
from worker.settings import CONCURRENCY

FIRST = 10_000_000
"""The number of the first order: every provider here takes it for one of its own."""
START_SECONDS = 60.0
CREDENTIALS: Mapping[str, Mapping[str, str]] = {
    "iletimerkezi": {"key": "k", "hash": "h"},
    "ithink": {"access_token": "a", "secret_key": "s"},
    "notpanel": {"key": "k"},
}


class Team(ABC):
    """One contender at work on a stage, from ``with`` to its end."""

    name: ClassVar[str]
    programs: ClassVar[Path] = PEERS
    """Where its programs are."""
    module: ClassVar[str]
    """Its producer, in ``bench.peers``."""
    count: ClassVar[str]
    """The SQL that counts finished orders."""

    def __init__(self, stage: Stage, provider: str) -> None:
        self.stage = stage
        self.provider = provider
        self.sent = 0
        self.spent = 0.0
        """Processor time of the workers for each order, in ms, when last measured."""
        self.groups: list[Group] = []
        self._producer: Talking | None = None
        self._engine = create_engine(stage.database_url)

    @abstractmethod
    def prepare(self) -> None:
        """Make the tables, and whatever else is there before a worker starts."""

    @abstractmethod
    def commands(self) -> Iterator[tuple[tuple[str, ...], dict[str, str]]]:
        """The programs to run, with what their environment adds."""

    def environment(self) -> dict[str, str]:
        return {
            "BENCH_REDIS": self.stage.redis_url,
            "BENCH_DATABASE": self.stage.database_url,
            "BENCH_PROVIDER": self.stage.provider.url,
        }

    def __enter__(self) -> Self:
        self.prepare()
        try:
            self._produce_from_here()
            for number, (command, env) in enumerate(self.commands()):
                log = self.stage.home / f"{number}.log"
                self.groups.append(Group(command, env, log))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for group in self.groups:
            group.end()
        if self._producer is not None:
            self._producer.end()
        self._engine.dispose()

    def send(self, orders: int, *, many: bool = True, **more: Any) -> dict[str, float]:
        """Send so many new orders; when that began, and how long it took."""
        if self._producer is None:
            raise BenchError(f"{self.name} has no producer")
        asked = {"first": FIRST + self.sent, "count": orders, "many": many}
        self.sent += orders
        document = {"provider": self.provider, **asked, "more": more}
        return dict(self._producer.ask(document))

    def finished(self) -> int:
        """How many orders have their final state in the database."""
        with self._engine.connect() as connection:
            return int(connection.execute(text(self.count)).scalar_one())

    def settle(self, patience: float = START_SECONDS) -> float:
        """Wait until all that was sent is final; the moment at which that was seen."""
        # The provider is asked first: that costs whoever is measured nothing.
        until(self._all_seen, f"{self.name}'s calls", patience)
        until(lambda: self.finished() >= self.sent, f"{self.name}'s ends", patience)
        return time.perf_counter()

    def warm(self, orders: int = 40) -> None:
        """Let every process connect to whatever it needs."""
        self.send(orders, many=False)
        self.settle()

    def throughput(self, orders: int, patience: float) -> float:
        """Orders a second, from messages that lie on the queue to final states."""
        self.hold()
        try:
            self.send(orders)
        finally:
            before = self._processor_seconds()
            began = time.perf_counter()
            self.go()
        ended = self.settle(patience)
        self.spent = 1000 * (self._processor_seconds() - before) / orders
        return orders / (ended - began)

    def hold(self) -> None:
        for group in self.groups:
            group.hold()

    def go(self) -> None:
        for group in self.groups:
            group.go()

    def memory(self) -> tuple[float, float]:
        """Resident and proportional memory of the worker and its children, in MB."""
        return memory(self.groups[0].pids)

    def _processor_seconds(self) -> float:
        return sum(processor_seconds(group.pids) for group in self.groups)

    def _all_seen(self) -> bool:
        for group in self.groups:
            group.check()
        return self.stage.provider.orders() >= self.sent

    def _produce_from_here(self) -> None:
        python = str(self.programs / "python")
        command = (python, "-u", "-m", "bench.peers.producer", self.module)
        self._producer = Talking(command, self.environment())


@dataclass(frozen=True)
class Setup:
    """How Rescind is set up for a case."""

    policy: Mapping[str, Any] = field(default_factory=lambda: {"rate": "none"})
    workers: int = 1
    children: int = CONCURRENCY


class Rescind(Team):
    name = US
    module = "rescind_client"
    # Counted in the transaction that ends them: to look at all rows takes ever longer.
    count = (
        "SELECT coalesce(sum(count), 0) FROM tally"
        " WHERE slot = 0 AND metric = 'outcome'"
    )

    def __init__(self, stage: Stage, provider: str, setup: Setup | None = None) -> None:
        super().__init__(stage, provider)
        self._setup = setup or Setup()
        self._key = new_key()

    def prepare(self) -> None:
        engine = open_ledger(self.stage.database_url)
        upgrade(engine)
        engine.dispose()
        write_private(self._accounts, "\n".join(self._account_lines()))

    def commands(self) -> Iterator[tuple[tuple[str, ...], dict[str, str]]]:
        celery = (sys.executable, "-m", "celery", "-q", "-A", "worker")
        for number in range(self._setup.workers):
            # Each as if it were on a machine of its own, with locks of its own.
            place = self.stage.home / f"machine-{number}"
            place.mkdir()
            worker = ("worker", "-n", f"w{number}@bench", "--loglevel", "WARNING")
            quiet = ("--without-mingle", "--without-gossip")
            children = ("-c", str(self._setup.children))
            env = {**self.settings(), "TMPDIR": str(place)}
            yield (*celery, *worker, *children, *quiet), env
        schedule = ("-s", str(self.stage.home / "beat"), "--pidfile=")
        yield (*celery, "beat", *schedule, "--loglevel", "WARNING"), self.settings()

    def settings(self) -> dict[str, str]:
        return {
            "RESCIND_HOME": str(self.stage.home),
            "RESCIND_ACCOUNTS": str(self._accounts),
            "RESCIND_REDIS_URL": self.stage.redis_url,
            "RESCIND_DATABASE_URL": self.stage.database_url,
            "RESCIND_SEAL_KEY": self._key,
            "RESCIND_CONCURRENCY": str(self._setup.children),
        }

    @property
    def _accounts(self) -> Path:
        return self.stage.home / "accounts.toml"

    def _account_lines(self) -> Iterator[str]:
        yield f"[{self.provider}.default]"
        base = f"{self.stage.provider.url}/{self.provider}"
        values = {"read_rate": "none", **self._setup.policy, "base_url": base}
        for name, value in {**CREDENTIALS[self.provider], **values}.items():
            yield f"{name} = {json.dumps(value)}"


class Peer(Team):
    """A queue of tasks, each of which cancels an order and commits what came of it."""

    count = "SELECT count(*) FROM outcome"

    def __init__(self, stage: Stage, provider: str, at_once: int = 2) -> None:
        super().__init__(stage, provider)
        self.at_once = at_once

    def prepare(self) -> None:
        columns = "order_id text PRIMARY KEY, provider text, state text"
        run(self.stage.database_url, f"CREATE TABLE outcome ({columns})")

    def commands(self) -> Iterator[tuple[tuple[str, ...], dict[str, str]]]:
        program, *rest = self.worker()
        yield (str(self.programs / program), *rest), self.environment()

    @abstractmethod
    def worker(self) -> tuple[str, ...]: ...


class PlainCelery(Peer):
    name = CELERY
    module = "plain_celery"

    def worker(self) -> tuple[str, ...]:
        app = ("celery", "-q", "-A", f"bench.peers.{self.module}", "worker")
        quiet = ("--without-mingle", "--without-gossip", "--loglevel", "WARNING")
        return (*app, "-c", str(self.at_once), *quiet)


class Batches(PlainCelery):
    name = "celery-batches"
    module = "batches_app"
    programs = BATCHES


class Dramatiq(Peer):
    name = "Dramatiq"
    module = "dramatiq_app"

    def worker(self) -> tuple[str, ...]:
        threads = str(max(16, self.at_once // 2))
        size = ("--processes", "2", "--threads", threads)
        return ("dramatiq", "bench.peers.dramatiq_app", *size)


class Taskiq(Peer):
    name = "taskiq"
    module = "taskiq_app"

    def worker(self) -> tuple[str, ...]:
        threads = str(max(2, self.at_once // 2))
        app = ("taskiq", "worker", "bench.peers.taskiq_app:broker")
        size = ("--workers", "2", "--max-threadpool-threads", threads)
        return (*app, *size, "--log-level", "WARNING")


class Rq(Peer):
    name = "RQ"
    module = "rq_app"

    def worker(self) -> tuple[str, ...]:
        kind = ("--worker-class", "rq.worker.SimpleWorker", "--quiet")
        where = ("--url", self.stage.redis_url)
        size = ("--num-workers", str(self.at_once))
        return ("rq", "worker-pool", *size, *kind, *where, "cancellations")


PEERS_OF_OURS: tuple[type[Peer], ...] = (PlainCelery, Dramatiq, Taskiq, Rq)
IN_BULK: tuple[type[Peer], ...] = (*PEERS_OF_OURS, Batches)
"""With those who can call for many orders at once."""
