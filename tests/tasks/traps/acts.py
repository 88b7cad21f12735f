"""Actions and checks on a running system for the tests of traps."""

from __future__ import annotations

import itertools
import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import redis
from celery.app.control import Inspect
from sqlalchemy import update

from rescind.ledger.states import State
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import writing
from tests.tasks.conftest import Running, until

PROVIDER = "iletimerkezi"
_numbers = itertools.count(900_000_001)


def new_orders(running: Running, count: int, begins: str = "") -> list[str]:
    """Make orders at the simulated provider that can be cancelled."""
    orders = [f"{begins}{next(_numbers)}" for _ in range(count)]
    running.sandbox.seed(PROVIDER, orders, "scheduled")
    return orders


def entry(order: str, account: str = "default", **rest: Any) -> dict[str, Any]:
    return {"provider": PROVIDER, "account": account, "order": order, **rest}


def submitted(running: Running, count: int, account: str = "default") -> list[str]:
    """Submit so many new orders in one message."""
    orders = new_orders(running, count)
    running.submit(*(entry(order, account) for order in orders))
    return orders


def record(running: Running, order: str, account: str = "default") -> dict[str, Any]:
    return running.record(f"{PROVIDER}/{account}/{order}")


def cancelled_once(
    running: Running, orders: list[str], account: str = "default"
) -> None:
    """Check that each is cancelled at the provider, and no cancel was sent after."""
    for order in orders:
        found = running.ends(f"{PROVIDER}/{account}/{order}")
        assert found["state"] == "cancelled", found
        acted = [e["acted"] for e in running.events(PROVIDER, order, "cancel")]
        assert acted.count(True) == 1, acted
        assert acted[-1], acted


def client(running: Running) -> redis.Redis:
    return redis.Redis.from_url(running.system.redis_url)


def redis_answers(running: Running) -> bool:
    with suppress(redis.ConnectionError):
        return bool(client(running).ping())
    return False


@contextmanager
def locked_ledger(running: Running) -> Iterator[None]:
    """Lock the ledger against writes; a worker that accepts a submission waits."""
    path = running.system.settings.database.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, timeout=20, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def submissions_under_way(running: Running) -> list[bytes]:
    """The tags of the submissions that workers hold unacknowledged."""
    held: Any = client(running).hkeys("rescind:unacked")
    return list(held)


def wait_until_held(running: Running, count: int = 1) -> None:
    until(
        lambda: len(submissions_under_way(running)) == count,
        f"{count} submissions under way",
    )


def a_while_passes(running: Running, seconds: float) -> None:
    """Make the messages under way older in Redis."""
    with client(running) as redis_client:
        for tag in submissions_under_way(running):
            redis_client.zincrby("rescind:unacked_index", -seconds, tag)


def leases_run_out(running: Running, account: str = "default") -> None:
    """End the leases of all claims on the lane in the ledger."""
    with writing(running.engine) as connection:
        connection.execute(
            update(CANCELLATION)
            .where(
                CANCELLATION.c.account == account,
                CANCELLATION.c.state == State.SENDING,
            )
            .values(due_at=1)
        )


@contextmanager
def both_workers(running: Running) -> Iterator[Inspect]:
    """Ask both workers of a fleet, over a new connection."""
    with running.producer.connection() as fresh:
        yield running.producer.control.inspect(timeout=3, limit=2, connection=fresh)


def both_say(running: Running, command: str, **how: Any) -> dict[str, Any]:
    """Both workers' answers to a command that inspects, once both run."""
    said: dict[str, Any] = {}

    def both_have_said() -> bool:
        with both_workers(running) as asked:
            said.update(getattr(asked, command)(**how) or {})
        return len(said) == 2

    until(both_have_said, f"both workers' {command}")
    return said


def worker_that_runs(running: Running, task: str) -> str:
    """The program (``worker`` or ``worker-2``) that runs such a task."""
    found: list[str] = []

    def look() -> bool:
        with both_workers(running) as asked:
            active = asked.active() or {}
        names = [n for n, all_ in active.items() for t in all_ if t["name"] == task]
        found.extend("worker-2" if n.startswith("second@") else "worker" for n in names)
        return bool(found)

    until(look, f"a worker at {task}")
    return found[0]


def kill(running: Running, program: str) -> None:
    """``kill -9``, and wait for the end; its supervisor restarts it."""
    until(lambda: program in running.system.pids, program)
    pid = running.system.pids[program]
    os.kill(pid, signal.SIGKILL)
    until(lambda: running.system.pids.get(program) != pid, f"the end of {program}")
