"""The queues beside which Rescind is measured, each as a user would run it."""

from __future__ import annotations

import os
import subprocess
from abc import abstractmethod
from collections.abc import Iterator

from bench.processes import BATCHES, ROOT, BenchError, memory
from bench.results import CELERY, DBOS, PROCRASTINATE
from bench.stage import Stage, run
from bench.team import Team


class Peer(Team):
    """A task queue. Each task cancels an order and commits the outcome."""

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


class Durable(Peer):
    """A queue in PostgreSQL, with two worker processes of many threads."""

    processes = 2

    def prepare(self) -> None:
        super().prepare()
        made = subprocess.run(
            self._program("prepare"),
            env={**os.environ, **self.environment(), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise BenchError(f"{self.name}: {made.stderr[-1000:]}")

    def commands(self) -> Iterator[tuple[tuple[str, ...], dict[str, str]]]:
        for _ in range(self.processes):
            yield self.worker(), self.environment()

    def worker(self) -> tuple[str, ...]:
        return self._program("work", str(self.threads))

    @property
    def threads(self) -> int:
        """Orders that each process works on at once."""
        return max(16, self.at_once // self.processes)

    def memory(self) -> tuple[float, float]:
        return memory([pid for group in self.groups for pid in group.pids])

    def _program(self, *words: str) -> tuple[str, ...]:
        return (
            str(self.programs / "python"),
            "-m",
            f"bench.peers.{self.module}",
            *words,
        )


class Dbos(Durable):
    name = DBOS
    module = "dbos_app"
    count = "SELECT count(*) FROM dbos.workflow_status WHERE status = 'SUCCESS'"

    @property
    def threads(self) -> int:
        # More than end between two polls of its queue.
        return max(64, super().threads)


class Procrastinate(Durable):
    name = PROCRASTINATE
    module = "procrastinate_app"


PEERS_OF_OURS: tuple[type[Peer], ...] = (PlainCelery, Dramatiq, Taskiq, Rq)
IN_BULK: tuple[type[Peer], ...] = (*PEERS_OF_OURS, Batches)
"""All of these, and those that can cancel many orders in one call."""
DURABLE: tuple[type[Durable], ...] = (Dbos, Procrastinate)
"""The queues that keep their orders in PostgreSQL."""
