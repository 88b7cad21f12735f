"""What follows an attempt to deliver."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescind.ledger.deliveries.retry_policy import (
    DELAYS,
    JITTER,
    LONGEST_WAIT,
    ClaimedDelivery,
    Kind,
    Response,
    Result,
    delay_after,
    judge,
    webhook_id,
)
from tests.ledger.build import HOUR, NOW

chances = st.floats(0, 1, exclude_max=True)


def delivery(attempts: int) -> ClaimedDelivery:
    return ClaimedDelivery("id", 3, Kind.WEBHOOK, "host", 1, attempts, "", {})


def test_the_schedule_is_that_of_the_specification() -> None:
    since, table = timedelta(0), []
    for delay in DELAYS:
        since += delay
        table.append(str(since))
    assert table == [
        "0:00:05",
        "0:05:05",
        "0:35:05",
        "2:35:05",
        "7:35:05",
        "17:35:05",
        "1 day, 7:35:05",
        "2 days, 3:35:05",
        "3 days, 3:35:05",
    ]


@given(st.integers(1, len(DELAYS)), chances)
def test_a_wait_is_at_least_the_schedules_and_at_most_a_tenth_longer(
    attempts: int, chance: float
) -> None:
    response = Response(accepted=False, status=500)
    attempt = judge(delivery(attempts), response, NOW, chance)
    assert attempt.result is Result.RETRIED
    assert attempt.due_at is not None
    plain = DELAYS[attempts - 1]
    assert plain <= attempt.due_at - NOW <= plain * (1 + JITTER)


@given(st.integers(len(DELAYS) + 1, 1000), chances)
def test_a_delivery_is_given_up_after_the_last_attempt(
    attempts: int, chance: float
) -> None:
    attempt = judge(delivery(attempts), Response(accepted=False), NOW, chance)
    assert (attempt.result, attempt.due_at) == (Result.GIVEN_UP, None)


@pytest.mark.parametrize("attempts", [1, 10, 11])
def test_an_accepted_delivery_is_delivered_at_any_attempt(attempts: int) -> None:
    attempt = judge(delivery(attempts), Response(accepted=True, status=200), NOW, 0.5)
    assert (attempt.result, attempt.due_at) == (Result.DELIVERED, None)


def test_a_receiver_that_wants_no_more_is_not_called_again() -> None:
    attempt = judge(
        delivery(1), Response(accepted=False, status=410, gone=True), NOW, 0.5
    )
    assert attempt.result is Result.GIVEN_UP


@pytest.mark.parametrize(
    ("asked", "waits"),
    [
        (timedelta(seconds=1), DELAYS[0]),
        (HOUR, HOUR),
        (timedelta(days=9), LONGEST_WAIT),
    ],
)
def test_a_receiver_that_asks_for_a_longer_wait_gets_it_up_to_a_limit(
    asked: timedelta, waits: timedelta
) -> None:
    attempt = judge(
        delivery(1), Response(accepted=False, status=429, wait=asked), NOW, 0.0
    )
    assert attempt.due_at == NOW + waits


def test_a_webhook_id_names_the_end_and_not_the_attempt() -> None:
    assert delivery(1).webhook_id == delivery(7).webhook_id == webhook_id("id", 3)
    assert "." not in webhook_id("01a1ff29-c9cb-72df", 3)
    assert delay_after(0, 0.0) == DELAYS[0]
