"""Checks that a worker takes messages from each queue, by asking the workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from redis import Redis, RedisError

from rescind.operations.findings import Check, Level
from rescind.telemetry import heartbeat

ANSWER_SECONDS = 1.5
"""How long to wait for answers; a healthy worker answers in a few milliseconds."""
UNSERVED = "queue-unserved"


Consumed = tuple[list[str], dict[str, Any]]
"""Rescind's queues; and, by worker, its answer about the queues that it consumes."""
Ask = Callable[[float], Consumed]
"""Asks all workers, and waits for the given seconds; ``OSError`` without a broker."""


def worker_checks(client: Redis, ask: Ask) -> Iterator[Check]:
    """One check for the workers, and one for each queue that none of them takes."""
    try:
        if not heartbeat.ages(client, datetime.now(UTC)):
            says = "no worker has swept in the last hour: `rescind up` starts one"
            yield Check("workers", Level.WARNING, says, UNSERVED)
            return
        ours, answers = ask(ANSWER_SECONDS)
    except (RedisError, OSError) as error:
        says = f"the workers cannot be asked: {error}"
        yield Check("workers", Level.UNREACHABLE, says, "redis-unreachable")
        return
    yield from queue_checks(ours, answers)


def queue_checks(ours: list[str], answers: dict[str, Any]) -> Iterator[Check]:
    """Checks that each queue in ``ours`` is consumed by a worker in ``answers``."""
    if not answers:
        says = f"no worker answers within {ANSWER_SECONDS:g} s: look at their logs"
        yield Check("workers", Level.WRONG, says, UNSERVED)
        return
    lists = [queues for queues in answers.values() if isinstance(queues, list)]
    taken = {queue["name"] for queues in lists for queue in queues}
    yield Check("workers", Level.OK, f"{', '.join(sorted(answers))} answer")
    for queue in ours:
        if queue not in taken:
            says = "no worker takes its messages, so they wait: start one that does"
            yield Check(f"queue {queue}", Level.WRONG, says, UNSERVED)
