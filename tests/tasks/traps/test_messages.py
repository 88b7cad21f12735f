"""Messages that come twice, late, or not at all."""

from __future__ import annotations

from datetime import UTC, datetime

from celery import Celery

from rescind.config.accounts import load_accounts
from rescind.intake.submissions import take_in
from rescind.sandbox import Sandbox
from tests.ledger.build import BY
from tests.tasks.conftest import Running, until
from tests.tasks.traps.acts import (
    PROVIDER,
    a_while_passes,
    cancelled_once,
    client,
    entry,
    kill,
    locked_ledger,
    new_orders,
    record,
    submitted,
    wait_until_held,
    worker_that_runs,
)
from tests.tasks.traps.conftest import Cuttable
from tests.tasks.traps.event_listener import EventListener
from worker.intake_channel import VISIBILITY_SECONDS
from worker.notifications import notify_lane


def test_an_eta_beyond_the_visibility_timeout_delivers_often_and_cancels_once(
    quick: Cuttable,
) -> None:
    """Celery alone: one task with an eta, four runs of it at once."""
    running = quick.running
    (order,) = new_orders(running, 1)
    with EventListener(quick.direct) as listener:
        running.producer.send_task(
            "rescind.submit",
            kwargs={"cancellations": [entry(order)]},
            queue="rescind",
            countdown=3,
        )
        until(lambda: listener.received("rescind.submit") > 1, "a second delivery")
        cancelled_once(running, [order])
    assert len(running.events(PROVIDER, order, "cancel")) == 1


def test_a_second_start_of_a_task_beside_the_first_sends_nothing_twice(
    quick: Cuttable, sandbox: Sandbox
) -> None:
    """Celery alone: three overlapping starts of one task, longer than the timeout."""
    running = quick.running
    sandbox.settings(latency_ms={PROVIDER: 3500.0})
    lane = "slow-answers"
    with EventListener(quick.direct) as listener:
        (order,) = submitted(running, 1, lane)
        until(lambda: record(running, order, lane)["state"] == "sending", order)
        before = listener.received(f"{PROVIDER}.cancel", lane)
        notify_lane(running.producer, (PROVIDER, lane), "cancel")
        until(
            lambda: listener.received(f"{PROVIDER}.cancel", lane) > before,
            "another start",
        )
        assert record(running, order, lane)["state"] == "sending"
        cancelled_once(running, [order], lane)
    assert len(running.events(PROVIDER, order, "cancel")) == 1
    sandbox.settings(latency_ms={PROVIDER: 0.0})


def test_a_killed_workers_submissions_are_accepted_by_another_within_seconds(
    fleet: Running,
) -> None:
    """Celery alone: 90 seconds late with a visibility timeout of 5; with one of ten
    minutes, more than ten minutes. And beside the lock that a worker leaves which is
    killed while it gives back: not until that expires, after five minutes."""
    with client(fleet) as redis_client, locked_ledger(fleet):
        redis_client.set("unacked_mutex", "of one that was killed", ex=300)
        orders = submitted(fleet, 3)
        wait_until_held(fleet)
        kill(fleet, worker_that_runs(fleet, "rescind.submit"))
        a_while_passes(fleet, VISIBILITY_SECONDS)
    cancelled_once(fleet, orders)
    assert redis_client.delete("unacked_mutex") == 1, "it was in the way all the time"


def test_orders_without_a_message_are_found_by_the_sweep(
    fleet: Running,
) -> None:
    """Celery alone: 7 of 400 stayed behind in one run of nine."""
    orders = new_orders(fleet, 3)
    settings = fleet.system.settings
    accounts = load_accounts(fleet.accounts)
    entries = [entry(order) for order in orders]
    # Simulate the loss of the notification that follows.
    take_in(fleet.engine, accounts, settings.seal(), entries, datetime.now(UTC), by=BY)
    cancelled_once(fleet, orders)


def test_a_client_that_only_sends_requeues_nothing_too_early(
    fleet: Running,
) -> None:
    """The shortest visibility timeout on a broker counts, but only for consumers."""
    impatient = Celery(broker=fleet.system.redis_url)
    impatient.conf.broker_transport_options = {"visibility_timeout": 0}
    with locked_ledger(fleet), EventListener(fleet.producer) as listener:
        orders = new_orders(fleet, 2)
        for order in orders:
            impatient.send_task(
                "rescind.submit",
                kwargs={"cancellations": [entry(order)]},
                queue="rescind",
            )
        wait_until_held(fleet, 2)
        listener.wait_for_sweeps(2)
        assert listener.received("rescind.submit") == 2
    cancelled_once(fleet, orders)
