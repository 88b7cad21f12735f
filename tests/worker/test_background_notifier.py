"""Who must not wait for Redis asks the waker, and goes on."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from rescind.config.accounts import Lane
from rescind.config.settings import SettingsError
from tests.tasks.conftest import until
from worker.background_notifier import Waker

A, B = ("notpanel", "a"), ("notpanel", "b")


class Redis:
    """Where wake-ups go: it may hang, or be away."""

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
def waker(redis: Redis) -> Iterator[Waker]:
    waker = Waker(redis.send)
    yield waker
    redis.answers.set()
    waker.close()


def test_each_lane_is_woken_for_each_operation(waker: Waker, redis: Redis) -> None:
    waker.wake([A, B])
    until(lambda: redis.sent == [(A, "cancel"), (B, "cancel")])
    waker.wake([A], "verify", "poll")
    until(lambda: redis.sent[2:] == [(A, "poll"), (A, "verify")])


def test_lanes_may_come_from_anything_that_is_read_once(
    waker: Waker, redis: Redis
) -> None:
    waker.wake(iter([A, B]), "cancel", "poll")
    until(lambda: len(redis.sent) == 4)


def test_what_is_asked_again_while_redis_hangs_goes_once(
    waker: Waker, redis: Redis
) -> None:
    redis.answers.clear()
    waker.wake([A])
    assert redis.taken.wait(20)
    for _ in range(100):
        waker.wake([A, B])
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
def test_one_that_is_away_is_said_once_and_used_again_when_it_is_back(
    waker: Waker, redis: Redis, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    redis.error = error
    for lane in (A, B):
        redis.taken.clear()
        waker.wake([lane])
        assert redis.taken.wait(20)
    redis.error = None
    waker.wake([A])
    until(lambda: (A, "cancel") in redis.sent)
    assert caplog.text.count("the sweep will find it") <= 1
    assert "TR33" not in caplog.text


def test_what_was_asked_last_is_sent_before_it_closes(redis: Redis) -> None:
    waker = Waker(redis.send)
    waker.wake([A])
    waker.close()
    assert redis.sent == [(A, "cancel")]
