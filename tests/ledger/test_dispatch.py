"""One worker at a time makes an attempt to deliver, and its result is recorded."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, delete

from rescind.ledger.deliveries.delivery_queries import due_targets
from rescind.ledger.deliveries.dispatch import postpone
from rescind.ledger.deliveries.retry_policy import DELAYS, ClaimedDelivery, Response
from rescind.ledger.deliveries.store import BROKER
from rescind.ledger.reading.counter_totals import totals
from rescind.ledger.storage.counters import WEBHOOK
from rescind.ledger.storage.tables import CANCELLATION, TRANSITION
from rescind.ledger.storage.transactions import reading, writing
from tests.ledger.build import (
    HOUR,
    NOW,
    SECOND,
)
from tests.ledger.delivering import (
    GONE,
    HEARD,
    LEASE,
    NOT_TAKEN,
    TAKEN,
    TASK,
    deliveries_for,
    ended,
    holding,
    settling,
)


def test_two_workers_never_hold_the_same_delivery(engine: Engine) -> None:
    for order in range(20):
        ended(engine, str(order))
    start, found = threading.Barrier(4), list[ClaimedDelivery]()

    def take() -> None:
        start.wait()
        found.extend(holding(engine, limit=7))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.cancellation_id for one in found}) == len(found)
    found += holding(engine, limit=20)
    assert len(found) == 20


def test_a_delivery_whose_worker_died_is_sent_again_with_the_same_id(
    engine: Engine,
) -> None:
    ended(engine)
    [lost] = holding(engine)
    assert holding(engine, now=NOW + LEASE - SECOND) == []
    [again] = holding(engine, now=NOW + LEASE)
    assert again.webhook_id == lost.webhook_id
    assert (lost.attempts, again.attempts) == (1, 2)


def test_a_worker_that_is_too_late_settles_nothing(engine: Engine) -> None:
    one = ended(engine)
    [late] = holding(engine)
    [other] = holding(engine, now=NOW + LEASE)
    assert settling(engine, late, GONE) == 0
    assert deliveries_for(engine, one)[0]["state"] == "waiting"
    assert settling(engine, other, TAKEN) == 1
    assert settling(engine, late, GONE) == 0
    assert deliveries_for(engine, one)[0]["state"] == "delivered"


@pytest.mark.parametrize("response", HEARD, ids=["taken", "not taken", "gone"])
def test_an_attempt_is_recorded_and_counted_once(
    engine: Engine, response: Response
) -> None:
    # A commit whose acknowledgement was lost is repeated.
    ended(engine)
    [delivery] = holding(engine)
    assert settling(engine, delivery, response) == 1
    assert settling(engine, delivery, response) == 0
    with reading(engine) as connection:
        counted = [t for t in totals(connection) if t.metric == WEBHOOK]
    [one] = counted
    results = {TAKEN: "delivered", NOT_TAKEN: "failed", GONE: "given_up"}
    assert (one.first, one.count) == (results[response], 1)


def test_a_refused_delivery_is_retried_until_it_is_given_up(
    engine: Engine,
) -> None:
    one, now = ended(engine), NOW
    for attempt, delay in enumerate(DELAYS, 1):
        [delivery] = holding(engine, now=now)
        assert delivery.attempts == attempt
        settling(engine, delivery, NOT_TAKEN, now)
        assert holding(engine, now=now + delay) == []
        now += delay * 1.1
    [last] = holding(engine, now=now)
    settling(engine, last, NOT_TAKEN, now)
    [kept] = deliveries_for(engine, one)
    assert (kept["state"], kept["attempts"], kept["status"]) == ("given_up", 10, 500)
    assert (kept["detail"], kept["due_at"]) == ("HTTP 500", None)


def test_a_delivery_whose_cancellation_was_deleted_by_hand_stops_no_others(
    engine: Engine,
) -> None:
    gone, there = ended(engine, "1"), ended(engine, "2")
    with writing(engine) as connection:
        for table in (TRANSITION, CANCELLATION):
            mine = table.c["id" if table is CANCELLATION else "cancellation_id"] == gone
            connection.execute(delete(table).where(mine))
    assert [one.cancellation_id for one in holding(engine)] == [there]


def test_a_target_is_given_only_its_own_deliveries_the_longest_due_first(
    engine: Engine,
) -> None:
    ids = {ended(engine, "1"), ended(engine, "2")}
    other = ended(engine, "3", callback_url="https://b.example.com:8443/")
    task = ended(engine, "4", **TASK)
    [first] = holding(engine, limit=1)
    settling(engine, first, replace(NOT_TAKEN, wait=timedelta(seconds=30)))
    [second] = holding(engine, limit=1, now=NOW + HOUR)
    [third] = holding(engine, limit=1, now=NOW + HOUR)
    assert {first.cancellation_id, second.cancellation_id} == ids
    assert third.cancellation_id == first.cancellation_id
    assert [t.cancellation_id for t in holding(engine, "b.example.com:8443")] == [other]
    assert [t.cancellation_id for t in holding(engine, BROKER)] == [task]


def test_a_target_that_asks_for_a_wait_gets_it_and_no_other_waits(
    engine: Engine,
) -> None:
    ended(engine, "1")
    ended(engine, "2", callback_url="https://b.example.com/")
    with writing(engine) as connection:
        postpone(connection, "shop.example.com", NOW + HOUR)
    with reading(engine) as connection:
        assert due_targets(connection, "", NOW) == (["b.example.com"], "")
        both = ["b.example.com", "shop.example.com"]
        assert due_targets(connection, "", NOW + HOUR) == (both, "")


def test_each_attempt_is_counted_by_its_result_and_a_late_one_is_not(
    engine: Engine,
) -> None:
    ended(engine)
    [delivery] = holding(engine)
    assert settling(engine, delivery, NOT_TAKEN) == 1
    assert settling(engine, delivery, TAKEN) == 0
    [again] = holding(engine, now=NOW + HOUR)
    settling(engine, again, TAKEN, NOW + HOUR)
    ended(engine, "2")
    [other] = holding(engine)
    settling(engine, other, GONE)
    with reading(engine) as connection:
        of_them = [one for one in totals(connection) if one.metric == WEBHOOK]
    counted = {one.first: one.count for one in of_them}
    assert counted == {"delivered": 1, "failed": 1, "given_up": 1}
