"""From a producer's message to the final state, through real processes and sockets."""

from __future__ import annotations

import itertools
import json
import uuid
from socket import gethostname

import pytest
import redis

from tests.tasks.conftest import Running, until

_numbers = itertools.count(500_000_001)


def number() -> str:
    return str(next(_numbers))


def sms(system: Running, state: str = "scheduled") -> str:
    order = number()
    system.sandbox.seed("iletimerkezi", order, state)
    return order


def panel(system: Running, state: str = "pending") -> str:
    order = f"ord_{number()}"
    system.sandbox.seed("notpanel", order, state)
    return order


def test_every_provider_cancels(system: Running) -> None:
    box = system.sandbox
    meal, web, parcel = str(uuid.uuid4()), number(), number()
    message, smm = sms(system), panel(system)
    box.seed("dukkango", meal, "received")
    box.seed("akinon", web, "approved")
    box.seed("ithink", parcel, "manifested")
    system.submit(
        {"provider": "iletimerkezi", "order": message},
        {"provider": "dukkango", "order": meal, "params": {"reason_id": 4}},
        {
            "provider": "akinon",
            "order": web,
            "params": {"is_all": True, "reasons": {"101": 2}},
        },
        {"provider": "ithink", "order": parcel},
        {"provider": "notpanel", "order": smm, "metadata": {"shop": "7"}},
    )
    paths = {
        f"iletimerkezi/default/{message}",
        f"dukkango/default/{meal}",
        f"akinon/default/{web}",
        f"ithink/default/{parcel}",
        f"notpanel/default/{smm}",
    }
    for path in paths:
        record = system.ends(path)
        assert (record["state"], record["reason"]) == ("cancelled", "confirmed"), record
        assert record["attempts"] == 1
        assert record["by"] == f"celery:{gethostname()}"
        provider, _, order = path.split("/")
        assert box.order(provider, order)["truth"] == "cancelled"
        assert len(system.events(provider, order, "cancel")) == 1


def test_an_order_submitted_many_times_is_cancelled_once(system: Running) -> None:
    order = sms(system)
    entry = {"provider": "iletimerkezi", "order": order}
    for _ in range(3):
        system.submit(entry, entry)
    assert system.ends(f"iletimerkezi/default/{order}")["state"] == "cancelled"
    assert len(system.events("iletimerkezi", order, "cancel")) == 1


def test_the_three_meanings_of_455_are_told_apart(system: Running) -> None:
    meanings = {
        sms(system, "sending"): "window_closed",
        sms(system, "finished"): "already_completed",
        sms(system, "missing"): "not_found",
    }
    system.submit(*({"provider": "iletimerkezi", "order": one} for one in meanings))
    for order, reason in meanings.items():
        record = system.ends(f"iletimerkezi/default/{order}")
        assert (record["state"], record["reason"]) == ("rejected", reason)


@pytest.mark.parametrize(
    "fault", ["drop_after", "error_500_after", "garbage", "slow_after"]
)
def test_after_a_lost_answer_the_order_is_read_back_and_not_sent_again(
    system: Running, fault: str
) -> None:
    parcel, web = number(), number()
    system.sandbox.seed("ithink", parcel, "manifested")
    system.sandbox.seed("akinon", web, "approved")
    orders = {
        "iletimerkezi": sms(system),
        "notpanel": panel(system),
        "ithink": parcel,
        "akinon": web,
    }
    for provider, order in orders.items():
        system.sandbox.script(provider, "cancel", fault)
        whole = {"is_all": True, "reasons": {"101": 2}} if order == web else {}
        system.submit({"provider": provider, "order": order, "params": whole})
    for provider, order in orders.items():
        record = system.ends(f"{provider}/default/{order}")
        assert record["state"] == "cancelled", record
        cancels = system.events(provider, order, "cancel")
        assert [event["fault"] for event in cancels] == [fault]
        assert record["attempts"] == 1


def test_a_call_that_was_not_acted_on_is_sent_again_once_that_is_seen(
    system: Running,
) -> None:
    faults = ["drop_before", "error_503_before", "slow_before"]
    orders = [sms(system) for _ in faults]
    for fault in faults:
        system.sandbox.script("iletimerkezi", "cancel", fault)
    system.submit(*({"provider": "iletimerkezi", "order": one} for one in orders))
    seen = []
    for order in orders:
        record = system.ends(f"iletimerkezi/default/{order}")
        assert (record["state"], record["attempts"]) == ("cancelled", 2)
        events = system.sandbox.order("iletimerkezi", order)["events"]
        first, *between, last = [event["op"] for event in events]
        # After a reading before ``active_trusted_after``, another one follows.
        assert (first, set(between), last) == ("cancel", {"read"}, "cancel")
        seen.append(events[0]["fault"])
    assert sorted(seen) == faults


def test_a_refused_batch_is_halved_until_the_bad_order_stands_alone(
    system: Running,
) -> None:
    good = [panel(system) for _ in range(40)]
    bad = f"ord_bad{number()}"
    system.submit(*({"provider": "notpanel", "order": o} for o in [*good, bad]))
    record = system.ends(f"notpanel/default/{bad}")
    assert record["state"] == "rejected"
    for order in good:
        assert system.ends(f"notpanel/default/{order}")["state"] == "cancelled"
        acted = [e for e in system.events("notpanel", order, "cancel") if e["acted"]]
        assert len(acted) == 1


def test_bad_credentials_hold_their_lane_alone_and_burn_no_attempt(
    system: Running,
) -> None:
    good = system.accounts.read_text()
    bad = good.replace("the-panel-key", "wrong")
    stuck = panel(system)
    other = sms(system)
    system.accounts.write_text(bad)
    try:
        system.submit(
            {"provider": "notpanel", "order": stuck},
            {"provider": "iletimerkezi", "order": other},
        )
        assert system.ends(f"iletimerkezi/default/{other}")["state"] == "cancelled"
        until(lambda: _held(system, "notpanel"), "the lane to be held")
        record = system.record(f"notpanel/default/{stuck}")
        assert (record["state"], record["attempts"]) == ("queued", 0)
    finally:
        system.accounts.write_text(good)
    _resume(system, "notpanel")
    assert system.ends(f"notpanel/default/{stuck}")["state"] == "cancelled"


def _held(system: Running, provider: str) -> bool:
    from rescind.ledger.changes.lane_states import read_lane
    from rescind.ledger.storage.transactions import reading

    with reading(system.engine) as connection:
        return read_lane(connection, (provider, "default")).held_at is not None


def _resume(system: Running, provider: str) -> None:
    from rescind.ledger.changes.lane_states import LaneState, write_lane
    from rescind.ledger.storage.transactions import writing

    with writing(system.engine) as connection:
        write_lane(connection, (provider, "default"), LaneState())


def test_a_token_that_is_refused_is_renewed_once(system: Running) -> None:
    first, second = str(uuid.uuid4()), str(uuid.uuid4())
    for order in (first, second):
        system.sandbox.seed("dukkango", order, "received")
    entry = {"provider": "dukkango", "params": {"reason_id": 4}}
    system.submit({**entry, "order": first})
    system.ends(f"dukkango/default/{first}")
    system.sandbox.expire_tokens()
    system.submit({**entry, "order": second})
    record = system.ends(f"dukkango/default/{second}")
    assert (record["state"], record["attempts"]) == ("cancelled", 1)


def test_nothing_is_sent_after_cancel_before(system: Running) -> None:
    order = sms(system)
    system.submit({"provider": "iletimerkezi", "order": order, "cancel_before": "+0s"})
    record = system.ends(f"iletimerkezi/default/{order}")
    assert (record["state"], record["reason"]) == ("expired", "deadline_passed")
    assert system.sandbox.order("iletimerkezi", order)["events"] == []


def test_not_before_is_waited_for(system: Running) -> None:
    order = sms(system)
    system.submit({"provider": "iletimerkezi", "order": order, "not_before": "+1s"})
    record = system.ends(f"iletimerkezi/default/{order}")
    assert [step["to"] for step in record["history"]] == [
        "scheduled",
        "queued",
        "sending",
        "cancelled",
    ]


def test_one_bad_entry_harms_no_other_and_is_kept_with_what_is_wrong(
    system: Running,
) -> None:
    order, meal = sms(system), str(uuid.uuid4())
    system.submit(
        {"provider": "dukkango", "order": meal, "params": {"reason_id": 9}},
        {"provider": "iletimerkezi", "order": order},
    )
    assert system.ends(f"iletimerkezi/default/{order}")["state"] == "cancelled"
    refused = [r for r in system.records(states=["rejected"]) if r["order"] == meal]
    assert [r["reason"] for r in refused] == ["invalid_request"]
    assert "reason_id" in refused[0]["provider_message"]


def test_malformed_messages_stop_nothing(system: Running) -> None:
    order = sms(system)
    producer = system.producer
    producer.send_task("rescind.submit", kwargs={"nonsense": 1}, queue="rescind")
    producer.send_task("rescind.submit", args=["x", "y"], queue="rescind")
    producer.send_task("somebody.elses", queue="rescind")
    producer.send_task("notpanel.cancel", args=["no-such-account"], queue="notpanel")
    client = redis.Redis.from_url(system.system.redis_url)
    client.lpush("rescind", json.dumps({"body": "###", "headers": {}}))
    system.submit({"provider": "iletimerkezi", "order": order})
    assert system.ends(f"iletimerkezi/default/{order}")["state"] == "cancelled"


def test_an_emptied_redis_loses_nothing_that_was_accepted(system: Running) -> None:
    system.sandbox.settings(hang=["ithink"])
    parcels = [number() for _ in range(3)]
    system.sandbox.seed("ithink", parcels, "manifested")
    system.submit(*({"provider": "ithink", "order": one} for one in parcels))
    path = f"ithink/default/{parcels[0]}"
    until(lambda: system.record(path)["state"] in ("sending", "verifying"), path)
    redis.Redis.from_url(system.system.redis_url).flushall()
    system.sandbox.settings(hang=[])
    for one in parcels:
        assert system.ends(f"ithink/default/{one}")["state"] == "cancelled"


def test_params_do_not_show_in_celerys_events(system: Running) -> None:
    seen: list[str] = []
    web = number()
    system.sandbox.seed("akinon", web, "approved")
    with system.producer.connection() as connection:
        receiver = system.producer.events.Receiver(
            connection,
            handlers={"task-received": lambda event: seen.append(str(event))},
        )
        # Sweeps come each second: after the first, the test receives events.
        told = receiver.itercapture(limit=None, timeout=10, wakeup=False)
        until(lambda: next(told) or seen, "the first event")
        system.submit(
            {
                "provider": "akinon",
                "order": web,
                "params": {
                    "is_all": True,
                    "reasons": {"101": 2},
                    "ibans": {"101": "TR330006100519786457841326"},
                },
            }
        )
        until(
            lambda: next(told) or any("rescind.submit" in one for one in seen),
            "the event of rescind.submit",
        )
    assert any("rescind.submit" in one for one in seen)
    assert not any("TR3300" in one for one in seen)
    record = system.ends(f"akinon/default/{web}")
    assert "TR3300" not in json.dumps(record)
    assert record["state"] == "cancelled"
