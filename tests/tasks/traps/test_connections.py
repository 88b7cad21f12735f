"""Connections to Redis that go dead, or away."""

from __future__ import annotations

from sandbox import Sandbox
from tests.tasks.conftest import Running, until
from tests.tasks.traps.acts import (
    PROVIDER,
    a_while_passes,
    cancelled_once,
    kill,
    leases_run_out,
    locked_ledger,
    record,
    redis_answers,
    submitted,
    worker_that_runs,
)
from tests.tasks.traps.conftest import Cuttable
from worker.intake_channel import VISIBILITY_SECONDS

CANCELLED = "cannot be acknowledged after a connection loss"
"""What Celery says of a task that it ends when its connection is lost."""


def test_connections_that_go_dead_unnoticed_stop_neither_workers_nor_producers(
    hasty: Cuttable,
) -> None:
    """Left alone both hung, for the four minutes of the experiment and no doubt
    for ever."""
    running = hasty.running
    cancelled_once(running, submitted(running, 1))
    hasty.proxy.cut()
    cancelled_once(running, submitted(running, 1))


def test_calls_under_way_when_redis_restarts_are_made_once(
    fleet: Running, sandbox: Sandbox
) -> None:
    """Left alone: a second copy of the task ran beside the first; and with kombu 5.7
    a worker with anything under way ended."""
    workers = _workers(fleet)
    sandbox.settings(latency_ms={PROVIDER: 1500.0})
    orders = submitted(fleet, 4, "slow-answers")
    until(lambda: all(_cancels(fleet, order) for order in orders), "the calls")
    ended_before = _ended(fleet)
    kill(fleet, "redis")
    until(lambda: _ended(fleet) > ended_before, "the end of what lost its connection")
    sandbox.settings(latency_ms={PROVIDER: 0.0})
    leases_run_out(fleet, "slow-answers")
    cancelled_once(fleet, orders, "slow-answers")
    assert [_cancels(fleet, order) for order in orders] == [1, 1, 1, 1]
    assert _workers(fleet) == workers


def test_a_submission_under_way_when_redis_restarts_is_taken_in(
    fleet: Running,
) -> None:
    """Left alone it came back after ten minutes: its worker lives, its task died."""
    with locked_ledger(fleet):
        orders = submitted(fleet, 2)
        worker_that_runs(fleet, "rescind.submit")
        ended_before = _ended(fleet)
        kill(fleet, "redis")
        until(lambda: _ended(fleet) > ended_before, "the end of the task")
        until(lambda: redis_answers(fleet), "Redis")
        a_while_passes(fleet, VISIBILITY_SECONDS)
    cancelled_once(fleet, orders)
    assert record(fleet, orders[0])["attempts"] == 1


def _cancels(fleet: Running, order: str) -> int:
    return len(fleet.events(PROVIDER, order, "cancel"))


def _workers(fleet: Running) -> list[int | None]:
    return [fleet.system.pids.get(name) for name in ("worker", "worker-2")]


def _ended(fleet: Running) -> int:
    return sum(CANCELLED in line for line in fleet.said)
