"""procrastinate: a job an order, in PostgreSQL, which notifies workers of new jobs.

The task is not a coroutine, since ``requests`` blocks: procrastinate runs it in
threads, as many as jobs at once. ``python -m
bench.peers.procrastinate_app prepare`` makes the tables, ``work AT_ONCE`` works.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from procrastinate import App, PsycopgConnector, RetryStrategy, SyncPsycopgConnector

from bench.peers import work

URL = work.DATABASE.replace("postgresql+psycopg://", "postgresql://")
MOST = 1000
app = App(connector=PsycopgConnector(conninfo=URL))


@app.task(name="cancel", retry=RetryStrategy(max_attempts=5, wait=1))
def cancel(provider: str, order: str) -> None:
    work.cancel(provider, order)


def send(provider: str, order: str) -> None:
    _producer().configure_task("cancel").defer(provider=provider, order=order)


def send_many(provider: str, orders: Sequence[str]) -> None:
    for start in range(0, len(orders), MOST):
        jobs = [
            {"provider": provider, "order": order} for order in orders[start:][:MOST]
        ]
        _producer().configure_task("cancel").batch_defer(*jobs)


@cache
def _producer() -> App:
    opened = App(connector=SyncPsycopgConnector(conninfo=URL))
    opened.open()
    return opened


async def _prepare() -> None:
    async with app.open_async():
        await app.schema_manager.apply_schema_async()


async def _work(at_once: int) -> None:
    # The default executor has a few threads for each core: too few for waiting calls.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(at_once))
    async with app.open_async():
        await app.run_worker_async(concurrency=at_once)


def main() -> None:
    asyncio.run(_prepare() if sys.argv[1] == "prepare" else _work(int(sys.argv[2])))


if __name__ == "__main__":
    main()
