"""A worker process with a thread pool, on a Redis that fails."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from rescind.config.queues import INTAKE, SWEEPS, TAKING
from tests.worker.threads import PATIENCE, Running, end, started


@pytest.fixture
def start(valkey_url: str, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    url = valkey_url.removesuffix("/0") + "/7"
    with redis.Redis.from_url(url, client_name="test") as client:
        client.flushdb()
        yield lambda *options: started(url, client, tmp_path / "log", *options)
        client.flushdb()


def connections(running: Running) -> list[dict[str, Any]]:
    """The worker's connections to its broker, the busiest last."""
    found = [one for one in running.redis.client_list() if not one["name"]]
    random.shuffle(found)
    return sorted(found, key=lambda one: -int(one["idle"]))


def lose(running: Running, those: Sequence[dict[str, Any]]) -> None:
    for one in those:
        with suppress(redis.ResponseError):
            running.redis.client_kill(one["addr"])


def test_each_submission_is_accepted_whatever_happens_to_connections(
    start: Callable[..., Any],
) -> None:
    with start("-c", "16") as running:
        for number in range(2000):
            running.submit(number)
            if number % 100 == 50:
                lose(running, connections(running))
            elif number % 50 == 0:
                lose(running, connections(running)[-1:])
            elif number in {700, 1500}:
                # Half-open: the connection stays, and every byte is lost.
                running.proxy.cut()
        running.until(lambda: not running.under_way, "all to be acknowledged")
        assert running.numbers("taken in") == set(range(2000))
        running.sweep()
        running.until(lambda: running.sweeps, "a sweep")
        end(running)


def test_one_thread_serves_submissions_and_notifications(
    start: Callable[..., Any],
) -> None:
    with start("-c", "1") as running:
        for number in range(50):
            running.submit(number)
            running.sweep()
        running.until(lambda: running.sweeps == 50, "sweeps")
        running.until(lambda: not running.under_way, "submissions")
        end(running)


def test_a_warm_shutdown_acknowledges_running_tasks_and_requeues_the_rest(
    start: Callable[..., Any],
) -> None:
    with start("-c", "2") as running:
        for number in range(5):
            running.submit(number, kwargs={"gate": "open"})
        running.until(lambda: len(running.numbers("began")) == 2, "two")
        running.process.send_signal(signal.SIGTERM)
        # It takes no more messages, and other workers can see those that it has.
        running.until(lambda: not running.redis.llen(TAKING), "their being noted")
        assert running.redis.llen(INTAKE) == 3
        running.redis.set("open", 1)
        assert running.process.wait(PATIENCE) == 0
        assert running.numbers("taken in") == running.numbers("began")
        assert running.redis.llen(INTAKE) == running.under_way == 3


def test_a_worker_whose_redis_does_not_answer_can_be_stopped(
    start: Callable[..., Any],
) -> None:
    """Celery alone: never, since it retried its heartbeat for ever."""
    with start("-c", "2", "--heartbeat-interval", "1") as running:
        running.proxy.swallow()
        running.until(lambda: seconds_of_silence(running) >= 2, "two lost heartbeats")
        end(running)


def seconds_of_silence(running: Running) -> int:
    return min(int(one["idle"]) for one in connections(running))


def test_tasks_that_end_without_acknowledgement_do_not_count_as_prefetched_for_ever(
    start: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OVERDUE_SECONDS", "1")
    with start("-c", "1") as running:
        running.producer.send_task("rescind.fatal", queue=SWEEPS)
        running.producer.send_task("rescind.fatal", queue=INTAKE, expires=2)
        running.until(lambda: "was not acknowledged" in running.said(), "a word")
        running.sweep()
        running.submit(1)
        running.until(lambda: running.sweeps, "a sweep")
        running.until(lambda: running.numbers("taken in"), "a submission")


MARK = "TR560006100519786457800001"


def test_arguments_of_tasks_reach_neither_events_nor_the_log(
    start: Callable[..., Any],
) -> None:
    odd = {
        "shadow": MARK,
        "argsrepr": MARK,
        "kwargsrepr": MARK,
        "parent_id": f"X {MARK}",
    }
    with start("-c", "2", "--loglevel", "debug") as running:
        seen: list[dict[str, Any]] = []
        with running.producer.connection() as connection:
            receiver = running.producer.events.Receiver(
                connection, handlers={"*": seen.append}
            )
            told = receiver.itercapture(limit=None, timeout=PATIENCE, wakeup=False)
            running.until(lambda: next(told) or seen, "the first event")
            running.submit(1, kwargs={"gate": MARK}, headers=odd)
            running.redis.set(MARK, "open")
            running.submit(2, kwargs={"no-such": MARK}, headers=odd)
            wanted = {"task-received", "task-started", "task-succeeded", "task-failed"}
            running.until(
                lambda: next(told) or wanted <= {one["type"] for one in seen}, "all"
            )
            told.close()
        end(running)
        assert [one for one in seen if MARK in str(one)] == []
        assert MARK not in running.said()
