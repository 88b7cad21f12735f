"""Nothing is sent after ``cancel_before``, and sent orders are read to their end."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
import redis

from rescind.config.times import utc_now
from rescind.ledger.changes.lane_states import LaneState, hold_for_operator, write_lane
from rescind.ledger.storage.transactions import writing
from rescind.sandbox import Sandbox
from tests.ledger.build import BY
from tests.tasks.conftest import QUICK, Running, accounts_toml, until, written

GRAIN = 0.25
"""Seconds between our look at the clock and the call's arrival at the provider."""
PATIENT = QUICK.replace("read_timeout = 1", "read_timeout = 4")

_numbers = itertools.count(300_000_001)


def accounts_of(sandbox: Sandbox) -> str:
    """The usual accounts, some with long timeouts, and one with a limited rate."""
    usual = accounts_toml(sandbox)
    patient = usual.replace(".default]", ".patient]").replace(QUICK, PATIENT)
    base = sandbox.base_url("iletimerkezi")
    slow = QUICK.replace('\nrate = "none"', '\nrate = "5/second"')
    limited = f'key = "a"\nhash = "b"\nbase_url = "{base}"{slow}'
    return f"{usual}\n{patient}\n[iletimerkezi.limited]\n{limited}"


@pytest.fixture
def running(sandbox: Sandbox, spare_system: Running) -> Iterator[Running]:
    # The sandbox has forgotten its issued tokens, so Rescind must forget them too.
    client = redis.Redis.from_url(spare_system.system.redis_url)
    client.delete(*client.keys("rescind-token:*"), "nothing")
    with written(spare_system.accounts, accounts_of(sandbox)):
        # Deadlines are short: they must pass while the system works, not at its start.
        first = entry(spare_system, "notpanel")
        spare_system.submit(first)
        spare_system.ends(path_of(first))
        yield spare_system


def entry(running: Running, provider: str, **values: Any) -> dict[str, Any]:
    """A cancellation of a new order that can be cancelled."""
    states = {
        "iletimerkezi": "scheduled",
        "dukkango": "received",
        "akinon": "approved",
        "ithink": "manifested",
        "notpanel": "pending",
    }
    params = {
        "dukkango": {"reason_id": 4},
        "akinon": {"is_all": True, "reasons": {"101": 2}},
    }
    order = str(uuid.uuid4()) if provider == "dukkango" else str(next(_numbers))
    order = f"ord_{order}" if provider == "notpanel" else order
    running.sandbox.seed(provider, order, states[provider])
    return {
        "provider": provider,
        "order": order,
        "params": params.get(provider, {}),
        **values,
    }


def path_of(given: dict[str, Any]) -> str:
    return f"{given['provider']}/{given.get('account', 'default')}/{given['order']}"


def sent_at(running: Running, given: dict[str, Any]) -> list[float]:
    """When the provider received each cancel call for the order."""
    events = running.events(given["provider"], given["order"], "cancel")
    return [event["t"] for event in events]


def in_seconds(seconds: float) -> str:
    return (utc_now() + timedelta(seconds=seconds)).isoformat()


def test_no_call_reaches_a_provider_after_the_deadline(running: Running) -> None:
    # Akinon's and dukkango's calls come after a login that is as slow.
    running.sandbox.settings(latency_ms={"akinon": 600.0, "dukkango": 400.0})
    given = [
        entry(
            running,
            provider,
            cancel_before=in_seconds(after),
            account="limited" if provider == "iletimerkezi" else "default",
        )
        for provider in ("iletimerkezi", "akinon", "dukkango", "notpanel")
        for after in (*(n / 5 for n in range(12)), 60, 60)
    ]
    running.submit(*given)
    ends = {path_of(one): running.ends(path_of(one)) for one in given}
    for one in given:
        deadline = datetime.fromisoformat(one["cancel_before"]).timestamp()
        assert all(at <= deadline + GRAIN for at in sent_at(running, one)), one
        state = ends[path_of(one)]["state"]
        truth = running.sandbox.order(one["provider"], one["order"])["truth"]
        assert (state, truth) in {("cancelled", "cancelled"), ("expired", "active")}
    assert {record["state"] for record in ends.values()} == {"cancelled", "expired"}


@contextmanager
def on_hold(running: Running, lane: tuple[str, str]) -> Iterator[None]:
    with writing(running.engine) as connection:
        write_lane(connection, lane, hold_for_operator(LaneState(), utc_now(), BY))
    try:
        yield
    finally:
        with writing(running.engine) as connection:
            write_lane(connection, lane, LaneState())


def test_a_lane_that_is_held_past_the_deadline_sends_nothing_after_it(
    running: Running,
) -> None:
    with on_hold(running, ("ithink", "default")):
        one = entry(running, "ithink", cancel_before=in_seconds(1))
        running.submit(one)
        record = running.ends(path_of(one))
    assert (record["state"], record["attempts"]) == ("expired", 0)
    after = entry(running, "ithink")
    running.submit(after)
    assert running.ends(path_of(after))["state"] == "cancelled"
    assert sent_at(running, one) == []


ACTED = ("iletimerkezi", "akinon")
DID_NOT_ACT = ("ithink", "notpanel")


def test_an_answer_lost_at_the_deadline_is_read_back_to_its_true_end(
    running: Running,
) -> None:
    running.sandbox.settings(slow_seconds=8)
    for provider in ACTED:
        running.sandbox.script(provider, "cancel", "slow_after")
    for provider in DID_NOT_ACT:
        running.sandbox.script(provider, "cancel", "slow_before")
    deadline = {"account": "patient", "cancel_before": in_seconds(3)}
    given = [entry(running, one, **deadline) for one in (*ACTED, *DID_NOT_ACT)]
    running.submit(*given)
    for one in given:
        record = running.ends(path_of(one))
        acted = one["provider"] in ACTED
        assert record["state"] == ("cancelled" if acted else "expired"), record
        assert [step["to"] for step in record["history"]][1:3] == [
            "sending",
            "verifying",
        ]
        assert len(sent_at(running, one)) == 1


# This test is the last here, since it leaves work behind.
def test_the_nearest_deadline_overtakes_orders_that_wait_for_the_rate(
    running: Running,
) -> None:
    limited = {"account": "limited"}
    others = [entry(running, "iletimerkezi", **limited) for _ in range(80)]
    running.submit(*others)
    until(lambda: sent_at(running, others[0]) or sent_at(running, others[1]), "a start")
    late = entry(running, "iletimerkezi", cancel_before=in_seconds(600), **limited)
    urgent = entry(running, "iletimerkezi", cancel_before=in_seconds(300), **limited)
    running.submit(late, urgent)
    record = running.ends(path_of(urgent))
    assert record["state"] == "cancelled"
    accepted = datetime.fromisoformat(record["created_at"]).timestamp()
    (own,) = sent_at(running, urgent)
    between = [
        at
        for order in running.sandbox.orders("iletimerkezi")
        for at in (event["t"] for event in order["events"])
        if accepted < at < own
    ]
    # Orders that were claimed already, and those sent within the same second.
    assert len(between) <= 15
    assert running.ends(path_of(late))["state"] == "cancelled"
    (its,) = sent_at(running, late)
    assert own <= its + GRAIN
