"""Rescind's producer, as its README shows it: a Celery client, and no more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from celery import Celery

from bench.peers import work

app = Celery(broker=work.REDIS or "memory://")
MOST = 1000


def send(provider: str, order: str, **more: Any) -> None:
    _submit([{"provider": provider, "order": order, **more}])


def send_many(provider: str, orders: Sequence[str]) -> None:
    for start in range(0, len(orders), MOST):
        some = orders[start : start + MOST]
        _submit([{"provider": provider, "order": order} for order in some])


def _submit(entries: list[dict[str, Any]]) -> None:
    app.send_task("rescind.submit", queue="rescind", kwargs={"cancellations": entries})
