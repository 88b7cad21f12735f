"""celery-batches: a task an order. A child process gets 100 of them at once.

Late acknowledgement, no results, no events, as for plain Celery. The prefetch has to
hold more than one batch for each child; otherwise no batch is ever full.
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
    # In the producer's process.
    Batches = app.Task


@app.task(name="cancel", base=Batches, flush_every=100, flush_interval=1)
def cancel(requests: Sequence[Any]) -> None:
    provider = requests[0].args[0]
    work.cancel_many(provider, [request.args[1] for request in requests])


def send(provider: str, order: str) -> None:
    app.send_task("cancel", (provider, order))


def send_many(provider: str, orders: Sequence[str]) -> None:
    # One connection for all messages.
    with app.producer_pool.acquire(block=True) as producer:
        for order in orders:
            app.send_task("cancel", (provider, order), producer=producer)
