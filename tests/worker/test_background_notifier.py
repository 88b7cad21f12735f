"""Callers that must not wait for Redis ask the background notifier."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from rescind.config.accounts import Lane
from rescind.config.settings import SettingsError
from tests.tasks.conftest import until
from worker.background_notifier import BackgroundNotifier

A, B = ("notpanel", "a"), ("notpanel", "b")


class Redis:
    """Receives the notifications; it may hang, or be unreachable."""

    def __init__(self) -> None:
        self.sent: list[tuple[Lane, str]] = []
        self.answers = threading.Event()
        self.answers.set()
        self.taken = threading.Event()
        self.error: Exception | None = None

    def send(self, lane: Lane, operation: str) -> None:
        self.taken.set()
        self.answers.wait(20)
        if self.error is not None:
            raise self.error
        self.sent.append((lane, operation))


@pytest.fixture
def redis() -> Redis:
    return Redis()


@pytest.fixture
def notifier(redis: Redis) -> Iterator[BackgroundNotifier]:
    notifier = BackgroundNotifier(redis.send)
    yield notifier
    redis.answers.set()
    notifier.close()


def test_each_lane_is_notified_for_each_operation(
    notifier: BackgroundNotifier, redis: Redis
) -> None:
    notifier.notify([A, B])
    until(lambda: redis.sent == [(A, "cancel"), (B, "cancel")])
    notifier.notify([A], "verify", "poll")
    until(lambda: redis.sent[2:] == [(A, "poll"), (A, "verify")])


def test_lanes_may_come_from_an_iterator(
    notifier: BackgroundNotifier, redis: Redis
) -> None:
    notifier.notify(iter([A, B]), "cancel", "poll")
    until(lambda: len(redis.sent) == 4)


def test_repeated_requests_are_sent_once(
    notifier: BackgroundNotifier, redis: Redis
) -> None:
    redis.answers.clear()
    notifier.notify([A])
    assert redis.taken.wait(20)
    for _ in range(100):
        notifier.notify([A, B])
    redis.answers.set()
    until(lambda: len(redis.sent) == 3)
    assert redis.sent == [(A, "cancel"), (A, "cancel"), (B, "cancel")]


@pytest.mark.parametrize(
    "error",
    [
        RedisConnectionError("away"),
        SettingsError("no Redis is known"),
        OSError("x"),
        RuntimeError("TR330006100519786457841326"),
    ],
)
def test_an_unreachable_redis_is_logged_once_and_used_again_later(
    notifier: BackgroundNotifier,
    redis: Redis,
    error: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    redis.error = error
    for lane in (A, B):
        redis.taken.clear()
        notifier.notify([lane])
        assert redis.taken.wait(20)
    redis.error = None
    notifier.notify([A])
    until(lambda: (A, "cancel") in redis.sent)
    assert caplog.text.count("the sweep will do it") <= 1
    assert "TR33" not in caplog.text


def test_the_last_requests_are_sent_before_it_closes(redis: Redis) -> None:
    notifier = BackgroundNotifier(redis.send)
    notifier.notify([A])
    notifier.close()
    assert redis.sent == [(A, "cancel")]
