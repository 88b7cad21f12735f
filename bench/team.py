"""A contender's workers, and a producer that sends them orders."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Self

from sqlalchemy import create_engine, text

from bench.processes import (
    PEERS,
    BenchError,
    Group,
    Talking,
    memory,
    processor_seconds,
    until,
)
from bench.stage import Stage

FIRST = 10_000_000
"""The number of the first order: every provider here accepts it."""
START_SECONDS = 60.0


class Team(ABC):
    """One contender on a stage. Its processes run inside ``with``."""

    name: ClassVar[str]
    programs: ClassVar[Path] = PEERS
    """The folder of its programs."""
    module: ClassVar[str]
    """Its producer, in ``bench.peers``."""
    count: ClassVar[str]
    """The SQL that counts finished orders."""

    def __init__(self, stage: Stage, provider: str) -> None:
        self.stage = stage
        self.provider = provider
        self.sent = 0
        self.spent = 0.0
        """The workers' processor time for each order, in ms, as last measured."""
        self.groups: list[Group] = []
        self._producer: Talking | None = None
        self._engine = create_engine(stage.database_url)

    @abstractmethod
    def prepare(self) -> None:
        """Create the tables and files that exist before a worker starts."""

    @abstractmethod
    def commands(self) -> Iterator[tuple[tuple[str, ...], dict[str, str]]]:
        """The programs to run, each with additions to its environment."""

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

    def send(
        self,
        orders: int,
        *,
        many: bool = True,
        provider: str | None = None,
        **more: Any,
    ) -> dict[str, float]:
        """Send so many new orders. ``more``: other fields of each entry.

        Returns ``at``, the Unix time just before the sending, and ``took``, seconds.
        """
        document = {"provider": provider or self.provider, "many": many, "more": more}
        return self._ask(orders, document)

    def _ask(self, orders: int, document: dict[str, Any]) -> dict[str, float]:
        if self._producer is None:
            raise BenchError(f"{self.name} has no producer")
        asked = {"first": FIRST + self.sent, "count": orders}
        self.sent += orders
        return dict(self._producer.ask({**document, **asked}))

    def finished(self) -> int:
        """The number of orders with a final state in the database."""
        with self._engine.connect() as connection:
            return int(connection.execute(text(self.count)).scalar_one())

    def settle(self, patience: float = START_SECONDS) -> float:
        """Wait until all orders are final. Returns ``time.perf_counter()`` then."""
        # The provider comes first: asking it costs the contender nothing.
        until(self._all_seen, f"{self.name}'s calls", patience)
        until(lambda: self.finished() >= self.sent, f"{self.name}'s ends", patience)
        return time.perf_counter()

    def warm(self, orders: int = 40) -> None:
        """Send a few orders, so that every process opens its connections."""
        self.send(orders, many=False)
        self.settle()

    def throughput(self, orders: int, patience: float) -> float:
        """Orders a second, from all messages on the queue to all states final."""
        self.hold()
        try:
            self.send(orders)
        finally:
            before = self.processor_seconds()
            began = time.perf_counter()
            self.go()
        ended = self.settle(patience)
        self.spent = 1000 * (self.processor_seconds() - before) / orders
        return orders / (ended - began)

    def hold(self) -> None:
        for group in self.groups:
            group.hold()

    def go(self) -> None:
        for group in self.groups:
            group.go()

    def memory(self) -> tuple[float, float]:
        """Resident and proportional memory of one worker with its children, in MB."""
        return memory(self.groups[0].pids)

    def processor_seconds(self) -> float:
        """Processor time of all its workers so far, in seconds."""
        return sum(processor_seconds(group.pids) for group in self.groups)

    def _all_seen(self) -> bool:
        for group in self.groups:
            group.check()
        return self.stage.provider.orders() >= self.sent

    def _produce_from_here(self) -> None:
        python = str(self.programs / "python")
        command = (python, "-u", "-m", "bench.peers.producer", self.module)
        self._producer = Talking(command, self.environment())
