"""Plain Celery: a task an order, prefork.

Late acknowledgement, so that no order is lost with its worker. No results, no events.
Every other setting is the default.
"""

from __future__ import annotations

from collections.abc import Sequence

from celery import Celery

from bench.peers import work

app = Celery("plain", broker=work.REDIS or "memory://")
app.conf.update(
    task_acks_late=True,
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
)


@app.task(name="cancel")
def cancel(provider: str, order: str) -> None:
    if work.cancel(provider, order) == "requested":
        look.apply_async((order,), countdown=1)


@app.task(name="look", bind=True, max_retries=20)
def look(self: object, order: str) -> None:
    if not work.look(order):
        raise self.retry(countdown=5)  # type: ignore[attr-defined]


def send(provider: str, order: str) -> None:
    cancel.apply_async((provider, order))


def send_many(provider: str, orders: Sequence[str]) -> None:
    # One connection for all messages.
    with app.producer_pool.acquire(block=True) as producer:
        for order in orders:
            cancel.apply_async((provider, order), producer=producer)
