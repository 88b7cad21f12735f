"""Several programs at once, and tasks that delay each other."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from sqlalchemy import update

from rescind.ledger.changes.lane_states import LaneState, hold_for_operator, write_lane
from rescind.ledger.states import FINAL, State
from rescind.ledger.storage.milliseconds import to_ms
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import writing
from rescind.operations.findings import Level, redis_checks
from rescind.sandbox import Sandbox
from tests.ledger.build import BY
from tests.tasks.conftest import Running, until
from tests.tasks.traps.acts import (
    PROVIDER,
    both_say,
    cancelled_once,
    client,
    entry,
    leases_run_out,
    new_orders,
    record,
    submitted,
)
from tests.tasks.traps.event_listener import EventListener
from tests.tasks.traps.poison import DEADLY
from worker.notifications import notify_lane


def test_a_worker_starts_with_threads_alone(fleet: Running) -> None:
    """Celery alone: a call that hangs blocks all others, or is killed half way."""
    # One got ``--pool prefork``, by which Celery means "as configured".
    stats = both_say(fleet, "stats")
    pools = [one["pool"]["implementation"] for one in stats.values()]
    assert pools == ["celery.concurrency.thread:TaskPool"] * 2
    refused = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "worker", "worker", "-P", "solo"],
        env=fleet.system.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    said = refused.stderr.splitlines()[-1]
    assert said.startswith("rescind: a worker is one process with threads, so the pool")


def test_a_rate_is_one_for_all_workers_and_holds_up_no_other_lane(
    fleet: Running,
) -> None:
    """Celery alone: two workers made 10.3 calls/s of 5, and the tasks behind a
    limited task waited with it."""
    rationed = submitted(fleet, 12, "rationed")
    others = submitted(fleet, 3)
    until(lambda: _called(fleet, rationed) == 4, "all the calls that may be made")
    cancelled_once(fleet, others)
    with EventListener(fleet.producer) as listener:
        listener.wait_for_sweeps(4)
    assert _called(fleet, rationed) == 4
    hold(fleet, "rationed")


def _called(fleet: Running, orders: Iterable[str]) -> int:
    return sum(len(fleet.events(PROVIDER, order, "cancel")) for order in orders)


def hold(fleet: Running, account: str) -> None:
    with writing(fleet.engine) as connection:
        held = hold_for_operator(LaneState(), datetime.now(UTC), BY)
        write_lane(connection, (PROVIDER, account), held)


def resume(fleet: Running, account: str) -> None:
    with writing(fleet.engine) as connection:
        write_lane(connection, (PROVIDER, account), LaneState())


def test_two_beats_side_by_side_do_nothing_twice(fleet: Running) -> None:
    """Celery alone: 22 ticks for 12."""
    assert {"beat", "beat-2"} <= fleet.system.pids.keys()
    orders = new_orders(fleet, 30)
    fleet.submit(*(entry(order, not_before="+1s") for order in orders))
    cancelled_once(fleet, orders)
    for order in orders:
        steps = [step["to"] for step in record(fleet, order)["history"]]
        assert steps == ["scheduled", "queued", "sending", "cancelled"]
        assert sum(State(step) in FINAL for step in steps) == 1


def test_the_nearest_deadline_goes_first_however_late_it_came(fleet: Running) -> None:
    """Celery alone (priorities on Redis): a late urgent one came twelfth."""
    hold(fleet, "in-turn")
    orders = submitted(fleet, 12, "in-turn")
    (urgent,) = new_orders(fleet, 1)
    until(lambda: record(fleet, orders[-1], "in-turn")["state"] == "queued")
    fleet.submit(entry(urgent, "in-turn", cancel_before="+5m"))
    until(lambda: record(fleet, urgent, "in-turn")["state"] == "queued", urgent)
    resume(fleet, "in-turn")
    cancelled_once(fleet, [*orders, urgent], "in-turn")
    called = {o: fleet.events(PROVIDER, o, "cancel")[0]["t"] for o in [*orders, urgent]}
    # If two workers begin at once, one may send the second order first.
    assert sorted(called, key=lambda order: called[order]).index(urgent) < 2


def test_an_order_that_kills_its_worker_ends_by_its_attempts_and_stops_no_lane(
    fleet: Running,
) -> None:
    """Celery alone: 26 children died in a short run, without an end."""
    (deadly,) = new_orders(fleet, 1, begins=DEADLY)
    deaths = _deaths(fleet)
    fleet.submit(entry(deadly, "poisoned"))

    def is_over() -> bool:
        leases_run_out(fleet, "poisoned")
        return record(fleet, deadly, "poisoned").get("finished_at") is not None

    others = submitted(fleet, 5)
    until(is_over, "the end of it")
    found = record(fleet, deadly, "poisoned")
    assert (found["state"], found["reason"]) == ("failed", "attempts_exhausted")
    assert found["attempts"] == 2
    assert fleet.events(PROVIDER, deadly, "cancel") == []
    # Other orders may have been under way in a worker that it killed.
    leases_run_out(fleet)
    cancelled_once(fleet, others)
    assert _deaths(fleet) - deaths == found["attempts"]


def _deaths(fleet: Running) -> int:
    return sum("was ended by SIGKILL" in line for line in fleet.said)


def test_two_operations_of_a_held_lane_do_not_notify_each_other(
    fleet: Running,
) -> None:
    """Celery alone: two tasks notified each other hundreds of times a second."""
    hold(fleet, "held")
    first, second = submitted(fleet, 2, "held")
    until(lambda: record(fleet, second, "held")["state"] == "queued", second)
    _now_unknown(fleet, first)
    lane = (PROVIDER, "held")
    with EventListener(fleet.producer) as listener:
        for operation in ("cancel", "verify"):
            notify_lane(fleet.producer, lane, operation)
        listener.wait_for_sweeps(4)
        assert listener.received(PROVIDER, "held") < 10


def _now_unknown(fleet: Running, order: str) -> None:
    now = to_ms(datetime.now(UTC))
    with writing(fleet.engine) as connection:
        connection.execute(
            update(CANCELLATION)
            .where(CANCELLATION.c.order_id == order)
            .values(state=State.VERIFYING, lost=1, since=now, sent_at=now)
        )


def test_no_result_stays_in_redis(fleet: Running, sandbox: Sandbox) -> None:
    """Celery alone: 24.3 commands on Redis for each task, for 10.1."""
    del sandbox
    cancelled_once(fleet, submitted(fleet, 5))
    with client(fleet) as redis_client:
        keys = sorted(redis_client.keys("*"))
    ours = (b"_kombu.", b"rescind", b"unacked", b"LIMITS", *_queues())
    assert [key for key in keys if not key.startswith(ours)] == []


def _queues() -> list[bytes]:
    from providers.registry import PROVIDERS

    return [provider.name.encode() for provider in PROVIDERS]


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("appendonly", "no", "redis persistence"),
        ("maxmemory-policy", "allkeys-lru", "redis eviction"),
    ],
)
def test_doctor_sees_a_redis_that_may_lose_submissions(
    fleet: Running, name: str, value: str, what: str
) -> None:
    """Without the check, such a server loses them silently."""
    with client(fleet) as redis_client:
        good = redis_client.config_get(name)[name]
        redis_client.config_set(name, value)
        try:
            found = {c.what: c.level for c in redis_checks(redis_client, "it", "do")}
        finally:
            redis_client.config_set(name, good)
    assert found[what] is Level.WRONG
