"""What the worker's end of the broker does besides taking messages."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from kombu.asynchronous import Hub

from worker.consumer import EVENTS_SECONDS, Consumer


class Dispatcher:
    """Counts how often it was told to send."""

    sent = 0

    def flush(self) -> None:
        self.sent += 1


class Pool:
    """Keeps count of its children as Celery's pool does, and has three of them."""

    def __init__(self) -> None:
        self._all_inqueues = {7, 8, 9}
        self._busy_workers: set[int] = set()
        self._active_writes: set[int] = set()
        self.waiting: list[object] = []
        self.given: list[tuple[int, object]] = []
        self._quick_put: Callable[[object], None] = self.waiting.append
        self._pool = self

    def give(self, ready: list[int]) -> None:
        for child in ready:
            if self.waiting and child not in self._busy_workers:
                self._busy_workers.add(child)
                self.given.append((child, self.waiting.pop(0)))


class Plain(Consumer):
    """Without Celery's own beginning, which asks for a broker."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.pool = Pool()
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


@pytest.fixture
def pool(consumer: Plain) -> Pool:
    consumer.hub.consolidate_callback = consumer.pool.give
    consumer.register_with_event_loop(consumer.hub)
    return consumer.pool


def test_a_task_goes_to_the_same_child_as_long_as_that_is_free(
    consumer: Plain, pool: Pool
) -> None:
    pool.waiting.append("a task that waited")
    consumer.hub.consolidate_callback([9, 7, 8])
    assert pool.given == [(7, "a task that waited")]


def test_a_task_is_given_to_a_child_at_once_and_not_a_turn_later(pool: Pool) -> None:
    pool._quick_put("first")
    pool._quick_put("second")
    assert pool.given == [(7, "first"), (8, "second")]


def test_a_task_for_which_no_child_is_free_waits_its_turn(
    consumer: Plain, pool: Pool
) -> None:
    pool._busy_workers |= {7, 9}
    pool._active_writes.add(8)
    pool._quick_put("first")
    assert pool.given == []
    pool._active_writes.clear()
    pool._quick_put("second")
    assert pool.given == [(8, "first")]
    pool._busy_workers.remove(7)
    consumer.hub.consolidate_callback([9, 7, 8])
    assert pool.given == [(8, "first"), (7, "second")]


def test_a_new_connection_to_the_broker_changes_nothing_of_it(
    consumer: Plain, pool: Pool
) -> None:
    put = pool._quick_put
    consumer.register_with_event_loop(consumer.hub)
    assert pool._quick_put is put
