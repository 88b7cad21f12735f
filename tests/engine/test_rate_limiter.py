"""All workers share a lane's rate, and cancels come before reads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
import redis

from rescind.config.queues import REDIS_OPTIONS
from rescind.engine.rate_limiter import SEND_WITHIN, Permit, Rates
from rescind.provider.policy import Policy, seconds
from rescind.provider.system_clock import SystemClock
from tests.conftest import free_port

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
    return Rates(valkey_url, REDIS_OPTIONS, SystemClock())


def test_no_limit_is_no_limit(rates: Rates, lane: tuple[str, str]) -> None:
    assert rates.take(lane, policy("none"), 1000).calls == 1000


def test_a_rate_is_granted_to_the_last_call_and_then_says_when_to_ask_again(
    rates: Rates, lane: tuple[str, str]
) -> None:
    assert rates.take(lane, policy("5/minute"), 3).calls == 3
    rest = rates.take(lane, policy("5/minute"), 3)
    assert rest.calls == 2
    assert timedelta(0) < rest.wait <= timedelta(minutes=1)
    assert rates.take(lane, policy("5/minute"), 1).calls == 0


def test_a_permit_is_timed_by_the_clock_that_its_call_goes_by(
    valkey_url: str, lane: tuple[str, str]
) -> None:
    class Slow(SystemClock):
        def now(self) -> datetime:
            return super().now() - timedelta(hours=1)

    clock, rule = Slow(), policy("5/minute")
    (permit,) = Rates(valkey_url, REDIS_OPTIONS, clock).take(lane, rule, 1).places
    assert permit.send_by is not None
    left = permit.send_by - clock.now()
    assert timedelta(0) < left <= SEND_WITHIN + timedelta(seconds=rule.connect_timeout)


def test_lanes_share_nothing(rates: Rates, lane: tuple[str, str]) -> None:
    rates.take(lane, policy("1/minute"), 1)
    assert rates.take((lane[0], lane[1] + "x"), policy("1/minute"), 1).calls == 1


def test_many_workers_together_never_pass_the_rate(
    valkey_url: str, lane: tuple[str, str]
) -> None:
    together = threading.Barrier(8)

    def worker(_: int) -> int:
        mine = Rates(valkey_url, REDIS_OPTIONS, SystemClock())
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


def test_earlier_reads_count_when_cancels_arrive(
    rates: Rates, lane: tuple[str, str]
) -> None:
    rule = policy("10/minute")
    assert rates.take(lane, rule, 5, share=0.8).calls == 5
    assert rates.take(lane, rule, 5, share=0.5).calls == 0
    assert rates.take(lane, rule, 5).calls == 5


def test_an_unused_permit_is_free_at_once(rates: Rates, lane: tuple[str, str]) -> None:
    rule = policy("3/minute", read_rate="2/minute")
    rates.release(rates.take(lane, rule, 2, share=0.8).places)
    assert rates.take(lane, rule, 2, share=0.8).calls == 2


def test_a_used_permit_is_free_one_window_after_its_call_ended(
    rates: Rates, lane: tuple[str, str]
) -> None:
    rule = policy("1/minute")
    (permit,) = rates.take(lane, rule, 1).places
    with permit.in_use():
        pass
    assert permit.ended is not None
    permit.ended -= 45
    rates.release([permit])
    again = rates.take(lane, rule, 1)
    assert again.calls == 0
    assert timedelta(seconds=10) < again.wait <= timedelta(seconds=15)


def test_a_call_that_is_sent_twice_needs_room_twice(
    rates: Rates, lane: tuple[str, str]
) -> None:
    (permit,) = rates.take(lane, policy("2/minute"), 1).places
    assert permit.again()
    assert not permit.again()
    assert Permit().again(), "no limit is no limit"


def test_permits_that_are_not_released_stay_taken(
    rates: Rates, lane: tuple[str, str]
) -> None:
    rule = policy("1/minute")
    taken = rates.take(lane, rule, 1)
    away = Rates(f"redis://127.0.0.1:{free_port()}", {"retry": None}, SystemClock())
    away.release(taken.places)
    assert rates.take(lane, rule, 1).calls == 0


def test_permits_expire_in_redis(
    rates: Rates, valkey_url: str, lane: tuple[str, str]
) -> None:
    (permit,) = rates.take(lane, policy("1/second"), 1).places
    client = redis.Redis.from_url(valkey_url)
    (key,) = (rule.key for rule in permit.rules)
    most = 1 + 5 + 5 + 2 * 20 + 2
    assert 0 < int(str(client.ttl(key))) <= most
    client.flushdb()
    with permit.in_use():
        pass
    rates.release([permit])
    assert 0 < int(str(client.ttl(key))) <= 3


def test_permits_whose_answer_was_lost_are_granted_again(
    rates: Rates, lane: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Redis client sends the same command again by itself."""
    take = rates._take

    def twice(*asked: Any) -> object:
        take(*asked)
        return take(*asked)

    with monkeypatch.context() as lost:
        lost.setattr(rates, "_take", twice)
        assert rates.take(lane, policy("5/minute"), 4).calls == 4
    assert rates.take(lane, policy("5/minute"), 4).calls == 1


@pytest.mark.parametrize("rate", ["3/minute", "40/second"])
def test_permits_granted_again_are_valid_no_earlier_than_at_first(
    rates: Rates, lane: tuple[str, str], monkeypatch: pytest.MonkeyPatch, rate: str
) -> None:
    take, at_first = rates._take, list[Any]()

    def twice(*asked: Any) -> object:
        at_first.append(take(*asked))
        return take(*asked)

    monkeypatch.setattr(rates, "_take", twice)
    places = rates.take(lane, policy(rate), 3).places
    ((_, _, free),) = at_first
    assert [one.free >= at for one, at in zip(places, free, strict=True)] == [True] * 3


def test_permits_whose_answer_never_arrived_are_free_when_redis_is_back(
    rates: Rates, lane: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    take = rates._take

    def unanswered(*asked: Any) -> object:
        take(*asked)
        raise redis.TimeoutError("Timeout reading from socket")

    with monkeypatch.context() as lost:
        lost.setattr(rates, "_take", unanswered)
        with pytest.raises(redis.TimeoutError):
            rates.take(lane, policy("5/minute"), 5)
    assert rates.take(lane, policy("5/minute"), 5).calls == 5


def test_releases_that_could_not_be_sent_are_sent_when_redis_is_back(
    rates: Rates, lane: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = rates.take(lane, policy("5/minute"), 5)

    def away(*_: object) -> object:
        raise redis.ConnectionError("connection refused")

    with monkeypatch.context() as gone:
        gone.setattr(rates, "_release", away)
        rates.release(taken.places)
    assert rates.take(lane, policy("5/minute"), 5).calls == 5
