"""A lane's rate is one for all workers, and cancels come before reads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count

import pytest

from providers.model import Policy, seconds
from worker.broker import REDIS_OPTIONS
from worker.limits import Rates

_numbers = count(1)


def policy(rate: str, read_rate: str = "none") -> Policy:
    every = seconds(1)
    return Policy(
        rate=rate,
        read_rate=read_rate,
        resend_delays=every,
        poll_delays=every,
        verify_delays=every,
    )


@pytest.fixture
def lane() -> tuple[str, str]:
    return ("notpanel", f"account-{next(_numbers)}")


@pytest.fixture
def rates(valkey_url: str) -> Rates:
    return Rates(valkey_url, REDIS_OPTIONS)


def test_no_limit_is_no_limit(rates: Rates, lane: tuple[str, str]) -> None:
    assert rates.take(lane, policy("none"), 1000).calls == 1000


def test_a_rate_is_given_out_to_the_last_call_and_then_says_when(
    rates: Rates, lane: tuple[str, str]
) -> None:
    assert rates.take(lane, policy("5/minute"), 3).calls == 3
    rest = rates.take(lane, policy("5/minute"), 3)
    assert rest.calls == 2
    assert timedelta(0) < rest.wait <= timedelta(minutes=1)
    assert rates.take(lane, policy("5/minute"), 1).calls == 0


def test_lanes_share_nothing(rates: Rates, lane: tuple[str, str]) -> None:
    rates.take(lane, policy("1/minute"), 1)
    assert rates.take((lane[0], lane[1] + "x"), policy("1/minute"), 1).calls == 1


def test_many_workers_together_never_pass_the_rate(
    valkey_url: str, lane: tuple[str, str]
) -> None:
    together = threading.Barrier(8)

    def worker(_: int) -> int:
        mine = Rates(valkey_url, REDIS_OPTIONS)
        together.wait()
        return sum(mine.take(lane, policy("40/minute"), 2).calls for _ in range(10))

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(worker, range(8))) == 40


def test_reads_leave_their_share_to_cancels(
    rates: Rates, lane: tuple[str, str]
) -> None:
    rule = policy("10/minute")
    assert rates.take(lane, rule, 10, share=0.5).calls == 5
    assert rates.take(lane, rule, 10).calls == 5


def test_reads_have_a_rate_of_their_own_where_the_provider_says_so(
    rates: Rates, lane: tuple[str, str]
) -> None:
    rule = policy("none", read_rate="1/30 second")
    first, second = (rates.take(lane, rule, 1, share=0.8) for _ in range(2))
    assert (first.calls, second.calls) == (1, 0)
    assert second.wait > timedelta(seconds=25)
    assert rates.take(lane, rule, 5).calls == 5
