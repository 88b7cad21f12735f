"""RQ: a job an order. Its workers do not fork for each job: that is far slower."""

from __future__ import annotations

from collections.abc import Sequence

from redis import Redis
from rq import Queue

from bench.peers import work

QUEUE = "cancellations"
queue = Queue(QUEUE, connection=Redis.from_url(work.REDIS)) if work.REDIS else None
KEEP = {"result_ttl": 0, "failure_ttl": 3600}


def cancel(provider: str, order: str) -> None:
    work.cancel(provider, order)


def send(provider: str, order: str) -> None:
    if queue is not None:
        queue.enqueue(cancel, provider, order, **KEEP)


def send_many(provider: str, orders: Sequence[str]) -> None:
    if queue is not None:
        jobs = [
            Queue.prepare_data(cancel, args=(provider, order), **KEEP)
            for order in orders
        ]
        queue.enqueue_many(jobs)
