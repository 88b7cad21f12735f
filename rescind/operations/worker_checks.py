"""Whether some worker takes messages from each queue, as the workers themselves say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from redis import Redis, RedisError

from rescind.operations.findings import Check, Level
from rescind.telemetry import heartbeat

ANSWER_SECONDS = 1.5
"""How long workers are waited for; one that is well answers in a few milliseconds."""
UNSERVED = "queue-unserved"


Asked = tuple[list[str], dict[str, Any]]
"""The queues of ours, and what each worker says of those that it consumes."""
Ask = Callable[[float], Asked]
"""Asks all workers for so many seconds; raises ``OSError`` where there is no broker."""


def worker_checks(client: Redis, ask: Ask) -> Iterator[Check]:
    """One check for the workers, and one for each queue that none of them takes."""
    try:
        if not heartbeat.ages(client, datetime.now(UTC)):
            says = "none has swept in the last hour: `rescind up` starts one"
            yield Check("workers", Level.WARNING, says, UNSERVED)
            return
        ours, answers = ask(ANSWER_SECONDS)
    except (RedisError, OSError) as error:
        says = f"they cannot be asked: {error}"
        yield Check("workers", Level.UNREACHABLE, says, "redis-unreachable")
        return
    yield from queue_checks(ours, answers)


def queue_checks(ours: list[str], answers: dict[str, Any]) -> Iterator[Check]:
    """What follows from the queues that each worker says it takes messages from."""
    if not answers:
        says = f"none answers within {ANSWER_SECONDS:g} s: look at their logs"
        yield Check("workers", Level.WRONG, says, UNSERVED)
        return
    lists = [queues for queues in answers.values() if isinstance(queues, list)]
    taken = {queue["name"] for queues in lists for queue in queues}
    yield Check("workers", Level.OK, f"{', '.join(sorted(answers))} answer")
    for queue in ours:
        if queue not in taken:
            says = "no worker takes its messages, so they wait: start one that does"
            yield Check(f"queue {queue}", Level.WRONG, says, UNSERVED)
