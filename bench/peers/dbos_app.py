"""DBOS: a workflow of one step for each order, on a queue in PostgreSQL.

The workflow's id names the order, so that an order enqueued twice is cancelled once.
The workflow returns the outcome, and DBOS commits it: no other table is needed.
``python -m bench.peers.dbos_app prepare`` makes the tables, ``work AT_ONCE`` works.
"""

from __future__ import annotations

import sys
import threading
import uuid
from collections.abc import Sequence
from functools import cache

from dbos import DBOS, DBOSClient, DBOSConfig

from bench.peers import work

APPLICATION, QUEUE, POLLED_SECONDS = "bench", "cancellations", 0.02
URL = work.DATABASE.replace("postgresql+psycopg://", "postgresql://")


@DBOS.step(retries_allowed=True, max_attempts=5)
def ask(provider: str, order: str) -> str:
    return work.ask(provider, order)


@DBOS.workflow(name="cancel")
def cancel(provider: str, order: str) -> str:
    state: str = ask(provider, order)
    return state


def send(provider: str, order: str) -> None:
    _client().enqueue(
        {
            "workflow_name": "cancel",
            "queue_name": QUEUE,
            "workflow_id": f"{provider}-{order}",
            "application_name": APPLICATION,
        },
        provider,
        order,
    )


def send_many(provider: str, orders: Sequence[str]) -> None:
    for order in orders:
        send(provider, order)


@cache
def _client() -> DBOSClient:
    return DBOSClient(system_database_url=URL)


def _configuration() -> DBOSConfig:
    return {
        "name": APPLICATION,
        "system_database_url": URL,
        # Several processes on one database need different executor ids.
        "executor_id": str(uuid.uuid4()),
        "log_level": "WARNING",
    }


def main() -> None:
    DBOS(config=_configuration())
    DBOS.launch()
    if sys.argv[1] == "work":
        at_once = int(sys.argv[2])
        DBOS.register_queue(
            QUEUE, worker_concurrency=at_once, polling_interval_sec=POLLED_SECONDS
        )
        threading.Event().wait()
    DBOS.destroy()


if __name__ == "__main__":
    main()
