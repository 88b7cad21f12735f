"""Rescind's producer, as its README shows it: a plain Celery client."""

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
    _submit_all([{"provider": provider, "order": order} for order in orders])


def send_spread(
    lanes: Sequence[tuple[str, str]], orders: Sequence[str], **more: Any
) -> None:
    """Send each order to the next lane, and start again after the last lane."""
    chosen = (lanes[number % len(lanes)] for number in range(len(orders)))
    _submit_all(
        [
            {"provider": provider, "account": account, "order": order, **more}
            for (provider, account), order in zip(chosen, orders, strict=True)
        ]
    )


def send_plans(provider: str, orders: Sequence[str], *, many: bool) -> None:
    """Send the orders in plans of three, many in a message or one: two wait for the one
    before them."""
    most = MOST - MOST % 3 if many else 3
    for start in range(0, len(orders), most):
        some = orders[start : start + most]
        _submit([_planned(provider, one, n) for n, one in enumerate(some)])


def _planned(provider: str, order: str, place: int) -> dict[str, Any]:
    entry = {"provider": provider, "order": order}
    if place % 3 == 0:
        return {**entry, "ref": "first"}
    return {**entry, "after": "first", "only_if": ("cancelled", "any")[place % 3 - 1]}


def _submit_all(entries: list[dict[str, Any]]) -> None:
    for start in range(0, len(entries), MOST):
        _submit(entries[start : start + MOST])


def _submit(entries: list[dict[str, Any]]) -> None:
    app.send_task("rescind.submit", queue="rescind", kwargs={"cancellations": entries})
