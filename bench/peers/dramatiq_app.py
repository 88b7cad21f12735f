"""Dramatiq on Redis: a message an order, in processes of many threads."""

from __future__ import annotations

from collections.abc import Sequence

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from bench.peers import work

broker = RedisBroker(url=work.REDIS)
dramatiq.set_broker(broker)


@dramatiq.actor(max_retries=5)
def cancel(provider: str, order: str) -> None:
    work.cancel(provider, order)


def send(provider: str, order: str) -> None:
    cancel.send(provider, order)


def send_many(provider: str, orders: Sequence[str]) -> None:
    for order in orders:
        cancel.send(provider, order)
