"""Starts a worker with a thread pool in its own process, and a client of its Redis."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import redis
from celery import Celery

from chaos.proxy import Proxy
from rescind.config.queues import INTAKE, SWEEPS, TAKING

ROOT = Path(__file__).parents[2]
PATIENCE = 60.0


@dataclass
class Running:
    """A worker's process, and a client of its Redis that is never cut off."""

    process: subprocess.Popen[bytes]
    log: Path
    redis: redis.Redis
    proxy: Proxy
    producer: Celery

    def submit(self, number: int, **options: Any) -> None:
        self.producer.send_task("rescind.submit", [number], queue=INTAKE, **options)

    def sweep(self) -> None:
        self.producer.send_task("rescind.sweep", queue=SWEEPS)

    @property
    def sweeps(self) -> int:
        return int(self.redis.get("sweeps") or 0)

    @property
    def under_way(self) -> int:
        """The submissions in Redis, in all of its lists."""
        found = self.redis.llen(INTAKE), self.redis.llen(TAKING)
        return sum(found) + int(self.redis.hlen("rescind:unacked"))

    def numbers(self, key: str) -> set[int]:
        return {int(number) for number in self.redis.smembers(key)}

    def said(self) -> str:
        return self.log.read_text()

    def until(self, condition: Callable[[], object], what: str = "") -> None:
        give_up = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > give_up or self.process.poll() is not None:
                raise TimeoutError(f"in vain for {what or condition}:\n{self.said()}")
            time.sleep(0.02)


@contextmanager
def started(
    url: str, client: redis.Redis, log: Path, *options: str
) -> Iterator[Running]:
    """Start ``celery worker`` with these options, and wait until it is ready."""
    with Proxy(urlsplit(url).port or 0) as proxy, log.open("wb") as out:
        database = urlsplit(url).path
        broker = f"redis://127.0.0.1:{proxy.port}{database}"
        given = {"BROKER_URL": broker, "SEEN_URL": url}
        command = ("-m", "worker", "-A", "tests.worker.threaded", "worker")
        process = subprocess.Popen(
            [sys.executable, *command, "--loglevel", "info", *options],
            env={**os.environ, "PYTHONPATH": str(ROOT), **given},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            producer = Celery(broker=url)
            producer.conf.broker_transport_options = {"client_name": "producer"}
            running = Running(process, log, client, proxy, producer)
            running.until(lambda: " ready." in running.said(), "the worker")
            yield running
        finally:
            process.kill()
            process.wait(10)


def end(running: Running) -> None:
    """Stop it as an operator does, and check its exit status."""
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(PATIENCE) == 0, running.said()
    assert "Unrecoverable" not in running.said()
