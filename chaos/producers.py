"""Two producers that submit every message twice, and retry until each is sent."""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from chaos.fault_plan import Message
from worker.broker import BROKER_OPTIONS

AGAIN_SECONDS = 0.3
Broker = tuple[str, Mapping[str, Any]]
"""A URL, and options of the transport."""


@dataclass(frozen=True, slots=True)
class Start:
    """The moment from which the times of a plan count, on both clocks."""

    monotonic: float
    wall: datetime

    def passed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.monotonic


def start() -> Start:
    return Start(time.monotonic(), datetime.now(UTC))


class Producer(threading.Thread):
    """Sends each message at its time, and again until the broker has accepted it."""

    def __init__(
        self, broker: Broker, began: Start, due: Iterable[tuple[float, Message]]
    ) -> None:
        super().__init__(daemon=True)
        url, options = broker
        self._celery = Celery(broker=url, set_as_current=False)
        self._celery.conf.broker_transport_options = {**BROKER_OPTIONS, **options}
        self._began = began
        self._due = [(at, number, m) for number, (at, m) in enumerate(due)]
        heapq.heapify(self._due)
        self._lock = threading.Lock()
        self._outbox: dict[str, Message] = {}
        self.failures = 0

    def run(self) -> None:
        while self._due:
            at, _, message = self._due[0]
            left = at - self._began.passed()
            if left > 0:
                time.sleep(min(left, 0.2))
                continue
            with self._lock:
                # Before it is sent: whether the broker accepted it may never be known.
                self._outbox[message.mark] = message
            if self._send(message):
                heapq.heappop(self._due)
            else:
                self.failures += 1
                time.sleep(AGAIN_SECONDS)

    @property
    def left(self) -> int:
        """How many messages are still to be sent."""
        return len(self._due)

    def send_again(self, messages: Iterable[Message]) -> int:
        """Send these messages again; return how many they are.

        A producer does so from its outbox when the broker has lost its data.
        """
        count = 0
        for message in messages:
            while not self._send(message):
                time.sleep(AGAIN_SECONDS)
            count += 1
        return count

    def outbox(self) -> list[Message]:
        """All messages that have been sent, or may have been."""
        with self._lock:
            return list(self._outbox.values())

    def _send(self, message: Message) -> bool:
        try:
            self._celery.send_task(
                "rescind.submit",
                kwargs={"cancellations": entries(message, self._began)},
                queue="rescind",
                retry=False,
            )
        except (OperationalError, RedisError, OSError):
            return False
        return True


def entries(message: Message, began: Start) -> list[dict[str, Any]]:
    """The entries of a message, with absolute times: the same in both copies."""
    first = began.wall + timedelta(seconds=message.first)
    return [
        {name: _moment(first, name, value) for name, value in entry.items()}
        for entry in message.entries
    ]


def _moment(first: datetime, name: str, value: Any) -> Any:
    if name not in ("cancel_before", "not_before"):
        return value
    return (first + timedelta(seconds=value)).isoformat()


def producers(
    broker: Broker, began: Start, messages: Iterable[Message]
) -> tuple[Producer, Producer]:
    """Two producers: one sends the first copy of each message, the other the second."""
    every = list(messages)
    first = Producer(broker, began, ((m.first, m) for m in every))
    second = Producer(broker, began, ((m.second, m) for m in every))
    return first, second
