"""taskiq on Redis streams: a task an order, acknowledged after it has run.

The task is not a coroutine, since ``requests`` blocks: taskiq runs it in threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from taskiq_redis import RedisStreamBroker

from bench.peers import work

broker = RedisStreamBroker(url=work.REDIS)
_loop: asyncio.AbstractEventLoop | None = None


@broker.task(task_name="cancel")
def cancel(provider: str, order: str) -> None:
    work.cancel(provider, order)


def send(provider: str, order: str) -> None:
    _started().run_until_complete(cancel.kiq(provider, order))


def send_many(provider: str, orders: Sequence[str]) -> None:
    async def send_all() -> None:
        for order in orders:
            await cancel.kiq(provider, order)

    _started().run_until_complete(send_all())


def _started() -> asyncio.AbstractEventLoop:
    global _loop  # noqa: PLW0603  (a producer has one loop for its whole life)
    if _loop is None:
        _loop = asyncio.new_event_loop()
        _loop.run_until_complete(broker.startup())
    return _loop
