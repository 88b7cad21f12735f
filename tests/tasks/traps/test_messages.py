"""Messages that come twice, late, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime

from celery import Celery

from sandbox import Sandbox
from tests.tasks.conftest import Running, until
from tests.tasks.traps.acts import (
    PROVIDER,
    a_while_passes,
    cancelled_once,
    client,
    entry,
    kill,
    leases_run_out,
    locked_ledger,
    new_orders,
    record,
    submissions_under_way,
    submitted,
    wait_until_held,
    worker_that_runs,
)
from tests.tasks.traps.conftest import Cuttable
from tests.tasks.traps.ears import Ears
from worker.accounts import load_accounts
from worker.intake import take_in
from worker.intake_channel import VISIBILITY_SECONDS
from worker.wake import wake_one


def test_an_eta_beyond_the_visibility_timeout_delivers_often_and_cancels_once(
    hasty: Cuttable,
) -> None:
    """Left alone: one task with an eta, four runs of it at once."""
    running = hasty.running
    (order,) = new_orders(running, 1)
    with Ears(hasty.direct) as ears:
        running.producer.send_task(
            "rescind.submit",
            kwargs={"cancellations": [entry(order)]},
            queue="rescind",
            countdown=3,
        )
        until(lambda: ears.received("rescind.submit") > 1, "a second delivery")
        cancelled_once(running, [order])
    assert len(running.events(PROVIDER, order, "cancel")) == 1


def test_a_second_start_of_a_task_beside_the_first_sends_nothing_twice(
    hasty: Cuttable, sandbox: Sandbox
) -> None:
    """Left alone: three overlapping starts of one task, longer than the timeout."""
    running = hasty.running
    sandbox.settings(latency_ms={PROVIDER: 3500.0})
    lane = "slow-answers"
    with Ears(hasty.direct) as ears:
        (order,) = submitted(running, 1, lane)
        until(lambda: record(running, order, lane)["state"] == "sending", order)
        before = ears.received(f"{PROVIDER}.cancel", lane)
        wake_one(running.producer, (PROVIDER, lane), "cancel")
        until(
            lambda: ears.received(f"{PROVIDER}.cancel", lane) > before, "another start"
        )
        assert record(running, order, lane)["state"] == "sending"
        cancelled_once(running, [order], lane)
    assert len(running.events(PROVIDER, order, "cancel")) == 1
    sandbox.settings(latency_ms={PROVIDER: 0.0})


def test_what_a_killed_worker_was_given_is_taken_in_by_another_within_seconds(
    fleet: Running,
) -> None:
    """Left alone: 90 seconds late with a visibility timeout of 5; with one of ten
    minutes, more than ten minutes."""
    with locked_ledger(fleet):
        orders = submitted(fleet, 3)
        wait_until_held(fleet)
        kill(fleet, worker_that_runs(fleet, "rescind.submit"))
        assert submissions_under_way(fleet), "no message of it but this"
        a_while_passes(fleet, VISIBILITY_SECONDS)
    cancelled_once(fleet, orders)


def test_the_lock_that_a_worker_killed_in_the_restore_leaves_keeps_nothing_back(
    fleet: Running,
) -> None:
    """Left alone: no message came back until the lock expired, after five minutes."""
    with client(fleet) as redis_client, locked_ledger(fleet):
        redis_client.set("unacked_mutex", "of one that was killed", ex=300)
        orders = submitted(fleet, 3)
        wait_until_held(fleet)
        kill(fleet, worker_that_runs(fleet, "rescind.submit"))
        a_while_passes(fleet, VISIBILITY_SECONDS)
    cancelled_once(fleet, orders)
    assert redis_client.delete("unacked_mutex") == 1, "it was in the way all the time"


def test_what_runs_in_workers_that_are_killed_again_and_again_is_not_lost(
    fleet: Running,
) -> None:
    """Left alone (acknowledged early): of 400, 58 were unfinished after three kills."""
    orders = new_orders(fleet, 8)
    with locked_ledger(fleet):
        for order in orders:
            fleet.submit(entry(order))
        for _ in range(2):
            wait_until_held(fleet, len(orders))
            for worker in ("worker", "worker-2"):
                kill(fleet, worker)
            a_while_passes(fleet, VISIBILITY_SECONDS)
    cancelled_once(fleet, orders)


def test_what_no_message_speaks_of_any_more_is_found_by_the_sweep(
    fleet: Running,
) -> None:
    """Left alone: 7 of 400 stayed behind in one run of nine."""
    orders = new_orders(fleet, 3)
    settings = fleet.system.settings
    accounts = load_accounts(fleet.accounts)
    entries = [entry(order) for order in orders]
    # As if the wake-up that follows had been lost.
    take_in(fleet.engine, accounts, settings.seal(), entries, datetime.now(UTC))
    cancelled_once(fleet, orders)


def test_a_worker_killed_between_the_answer_and_its_record_sends_nothing_again(
    fleet: Running, sandbox: Sandbox
) -> None:
    """Left alone: 9 to 23 of 400 orders were cancelled twice."""
    sandbox.settings(latency_ms={PROVIDER: 1000.0})
    orders = submitted(fleet, 3, "slow-answers")
    until(lambda: _calls(fleet, orders) == 3, "all the calls")
    with locked_ledger(fleet):
        until(lambda: _answered(fleet, orders) == 3, "all the answers")
        # Each of the two may have some of them.
        kill(fleet, "worker")
        kill(fleet, "worker-2")
    leases_run_out(fleet, "slow-answers")
    cancelled_once(fleet, orders, "slow-answers")
    for order in orders:
        assert len(fleet.events(PROVIDER, order, "cancel")) == 1
        steps = [s["to"] for s in record(fleet, order, "slow-answers")["history"]]
        assert steps == ["queued", "sending", "verifying", "cancelled"]


def _calls(fleet: Running, orders: list[str]) -> int:
    return sum(len(fleet.events(PROVIDER, order, "cancel")) for order in orders)


def _answered(fleet: Running, orders: list[str]) -> int:
    events = [e for o in orders for e in fleet.events(PROVIDER, o, "cancel")]
    return sum(event["answered"] for event in events)


def test_a_client_that_only_sends_gives_nothing_back_too_early(
    fleet: Running,
) -> None:
    """The shortest visibility timeout on a broker counts, but for consumers alone."""
    impatient = Celery(broker=fleet.system.redis_url)
    impatient.conf.broker_transport_options = {"visibility_timeout": 0}
    with locked_ledger(fleet), Ears(fleet.producer) as ears:
        orders = new_orders(fleet, 2)
        for order in orders:
            impatient.send_task(
                "rescind.submit",
                kwargs={"cancellations": [entry(order)]},
                queue="rescind",
            )
        wait_until_held(fleet, 2)
        ears.sit_through(2)
        assert ears.received("rescind.submit") == 2
    cancelled_once(fleet, orders)
