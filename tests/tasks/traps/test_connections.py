"""Connections to Redis that hang or are lost."""

from __future__ import annotations

from rescind.sandbox import Sandbox
from tests.tasks.conftest import Running, until
from tests.tasks.traps.acts import (
    PROVIDER,
    cancelled_once,
    kill,
    locked_ledger,
    record,
    redis_answers,
    submitted,
    worker_that_runs,
)
from tests.tasks.traps.conftest import Cuttable


def test_connections_that_go_dead_unnoticed_stop_neither_workers_nor_producers(
    quick: Cuttable,
) -> None:
    """Celery alone: both hung, for the four minutes of the experiment, and probably
    for ever."""
    running = quick.running
    cancelled_once(running, submitted(running, 1))
    quick.proxy.cut()
    cancelled_once(running, submitted(running, 1))


def test_calls_under_way_when_redis_restarts_are_made_once(
    fleet: Running, sandbox: Sandbox
) -> None:
    """Celery alone: a second copy of the task ran beside the first; and with kombu 5.7
    a worker with a running task ended."""
    workers = _workers(fleet)
    sandbox.settings(latency_ms={PROVIDER: 1500.0})
    orders = submitted(fleet, 4, "slow-answers")
    until(lambda: all(_cancels(fleet, order) for order in orders), "the calls")
    kill(fleet, "redis")
    cancelled_once(fleet, orders, "slow-answers")
    # No order had to be read back: the worker got the answers, and still runs.
    steps = [s["to"] for s in record(fleet, orders[0], "slow-answers")["history"]]
    assert steps == ["queued", "sending", "cancelled"]
    assert [_cancels(fleet, order) for order in orders] == [1, 1, 1, 1]
    sandbox.settings(latency_ms={PROVIDER: 0.0})
    until(lambda: redis_answers(fleet), "Redis")
    cancelled_once(fleet, submitted(fleet, 1))
    assert _workers(fleet) == workers


def test_a_submission_under_way_when_redis_restarts_is_taken_in(
    fleet: Running,
) -> None:
    """Celery alone: it came back after ten minutes: its worker lived, its task died."""
    with locked_ledger(fleet):
        orders = submitted(fleet, 2)
        worker_that_runs(fleet, "rescind.submit")
        kill(fleet, "redis")
        until(lambda: redis_answers(fleet), "Redis")
    cancelled_once(fleet, orders)
    assert record(fleet, orders[0])["attempts"] == 1


def _cancels(fleet: Running, order: str) -> int:
    return len(fleet.events(PROVIDER, order, "cancel"))


def _workers(fleet: Running) -> list[int | None]:
    return [fleet.system.pids.get(name) for name in ("worker", "worker-2")]
