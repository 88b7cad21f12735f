"""A policy with a wrong value is refused when it is made, and a guide lists all."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import limits
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from providers.registry import PROVIDERS
from rescind.provider.policy import Policy, policy_fault, seconds

MINUTE = timedelta(minutes=1)
WAITS = seconds(1)
UNITS = st.sampled_from(["second", "minute", "hour", "day", "minutes"])


def policy(**values: Any) -> Policy:
    waits = {"resend_delays": WAITS, "poll_delays": WAITS, "verify_delays": WAITS}
    return Policy.model_validate({"active_trusted_after": MINUTE, **waits, **values})


@pytest.mark.parametrize("name", ["rate", "read_rate"])
@pytest.mark.parametrize(
    "rate",
    [
        *("banana", "1/0", "80 per min", "", "0/minute", "1/0 second", "-1/minute"),
        *("1.5/second", "90", "/minute", "9/second; 90/minute", "90/minute x"),
    ],
)
def test_a_wrong_rate_is_refused_by_name(name: str, rate: str) -> None:
    with pytest.raises(ValidationError, match=f'{name} must be such as "90/minute"'):
        policy(**{name: rate})


@given(
    amount=st.integers(1, 10**8),
    number=st.none() | st.integers(1, 10**5),
    unit=UNITS,
    between=st.sampled_from(["/", " / ", " per "]),
)
def test_every_rate_that_is_accepted_is_understood(
    amount: int, number: int | None, unit: str, between: str
) -> None:
    rate = f"{amount}{between}{number or ''} {unit}"
    understood = limits.parse(policy(rate=rate).rate)
    assert (understood.amount, understood.multiples) == (amount, number or 1)


def test_a_number_is_a_duration_in_seconds() -> None:
    assert policy(active_trusted_after=45).active_trusted_after == timedelta(seconds=45)


@pytest.mark.parametrize("name", ["queued_for", "active_trusted_after"])
def test_polling_lasts_longer_than_a_cancel_may_wait(name: str) -> None:
    poll_for = timedelta(days=2)
    assert policy_fault(policy(poll_for=poll_for, **{name: poll_for - MINUTE})) is None
    for waits in (poll_for, timedelta(days=14)):
        why = policy_fault(policy(poll_for=poll_for, **{name: waits}))
        assert "must have poll_for longer than queued_for" in str(why)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda one: one.name)
def test_no_provider_polls_for_too_short_a_time(provider: Any) -> None:
    assert policy_fault(provider.policy) is None
