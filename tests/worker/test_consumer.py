"""The consumer's sending of events."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from kombu.asynchronous import Hub

from worker.consumer import EVENTS_SECONDS, Consumer


class Dispatcher:
    """Counts how often it was asked to send."""

    sent = 0

    def flush(self) -> None:
        self.sent += 1


class Plain(Consumer):
    """A consumer without Celery's ``__init__``, which needs a broker."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.event_dispatcher = Dispatcher()
        self._events_at = 0.0
        self._events_lock = threading.Lock()


@pytest.fixture
def consumer() -> Plain:
    return Plain(Hub())


def fire_until(consumer: Plain, condition: Callable[[], object]) -> None:
    give_up = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < give_up, "no event was sent"
        consumer.hub.run_once()


def test_events_are_sent_together_and_never_at_once(consumer: Plain) -> None:
    sent = consumer.event_dispatcher
    for _ in range(5):
        consumer.on_send_event_buffered()
    consumer.hub.run_once()
    assert sent.sent == 0
    fire_until(consumer, lambda: sent.sent)
    assert sent.sent == 1
    consumer.on_send_event_buffered()
    fire_until(consumer, lambda: sent.sent == 2)


def test_events_go_on_after_a_lost_connection_has_cleared_the_timers(
    consumer: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer.on_send_event_buffered()
    consumer.hub.run_once()
    consumer.hub.timer.clear()
    later = time.monotonic() + EVENTS_SECONDS
    monkeypatch.setattr("worker.consumer.time.monotonic", lambda: later)
    consumer.on_send_event_buffered()
    monkeypatch.undo()
    fire_until(consumer, lambda: consumer.event_dispatcher.sent)
