"""What the worker's end of the broker does besides taking messages."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from kombu.asynchronous import Hub

from worker.consumer import EVENTS_SECONDS, Consumer


class Dispatcher:
    """Counts how often it was told to send."""

    sent = 0

    def flush(self) -> None:
        self.sent += 1


class Plain(Consumer):
    """Without Celery's own beginning, which asks for a broker."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.event_dispatcher = Dispatcher()
        self.blueprint = self

    def send_all(self, *_: object, **__: object) -> None:
        """Nothing else listens."""


@pytest.fixture
def consumer() -> Plain:
    return Plain(Hub())


def fire_until(consumer: Plain, condition: Callable[[], object]) -> None:
    give_up = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < give_up, "no event was sent"
        consumer.hub.fire_timers()


def test_events_are_sent_together_and_never_at_once(consumer: Plain) -> None:
    sent = consumer.event_dispatcher
    for _ in range(5):
        consumer.on_send_event_buffered()
    consumer.hub.fire_timers()
    assert sent.sent == 0
    fire_until(consumer, lambda: sent.sent)
    assert sent.sent == 1
    consumer.on_send_event_buffered()
    fire_until(consumer, lambda: sent.sent == 2)


def test_events_go_on_after_a_lost_connection_has_cleared_the_timers(
    consumer: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer.on_send_event_buffered()
    consumer.hub.timer.clear()
    later = time.monotonic() + EVENTS_SECONDS
    monkeypatch.setattr("worker.consumer.time.monotonic", lambda: later)
    consumer.on_send_event_buffered()
    monkeypatch.undo()
    fire_until(consumer, lambda: consumer.event_dispatcher.sent)


def test_a_task_goes_to_the_same_child_as_long_as_that_is_free(
    consumer: Plain,
) -> None:
    given: list[Any] = []
    consumer.hub.consolidate_callback = given.append
    consumer.register_with_event_loop(consumer.hub)
    consumer.hub.consolidate_callback([9, 7, 8])
    assert given == [[7, 8, 9]]
