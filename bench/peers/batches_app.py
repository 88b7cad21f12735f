"""celery-batches: a task an order, handed to a child by the hundred.

Late acknowledgement, no results, no events, as for plain Celery. The prefetch has to
hold more than one batch for each child, or no batch ever fills.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from celery import Celery

from bench.peers import work

app = Celery("batches", broker=work.REDIS or "memory://")
app.conf.update(
    task_acks_late=True,
    task_ignore_result=True,
    worker_prefetch_multiplier=200,
    broker_connection_retry_on_startup=True,
)
try:
    from celery_batches import Batches
except ImportError:
    # Where only the producer runs.
    Batches = app.Task


@app.task(name="cancel", base=Batches, flush_every=100, flush_interval=1)
def cancel(requests: Sequence[Any]) -> None:
    provider = requests[0].args[0]
    work.cancel_many(provider, [request.args[1] for request in requests])


def send(provider: str, order: str) -> None:
    app.send_task("cancel", (provider, order))


def send_many(provider: str, orders: Sequence[str]) -> None:
    # One connection for all of them.
    with app.producer_pool.acquire(block=True) as producer:
        for order in orders:
            app.send_task("cancel", (provider, order), producer=producer)
