"""No window holds more calls than allowed, whatever delays calls or kills workers.

Time is simulated: the scripts run in a real Valkey, and read the test's clock.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from bench.stats import most_within
from rescind.engine.rate_limiter import Grant, Permit, Rates
from rescind.provider.policy import Policy, seconds
from rescind.provider.system_clock import SystemClock

CLOCK = "{0, redis.call('GET', 'the-clock')}"
WINDOW = 1_000_000
POLICY = Policy(
    rate="2/second",
    connect_timeout=1,
    read_timeout=1,
    resend_delays=seconds(1),
    poll_delays=seconds(1),
    verify_delays=seconds(1),
)
MOST = 2
SEND_BY = 6_000_000
"""The longest time between taking a permit and using it, in microseconds."""
LONGEST = 2_000_000
"""The longest time of a call after that, in microseconds."""

_numbers = count(1)
Asks = list[tuple[int, int, "Call"]]
"""Requests: the time since the one before, the number of calls, and their fate."""


@dataclass(frozen=True)
class Call:
    """The fate of a call whose permit was taken: delays, in microseconds."""

    sent: int
    arrives: int
    answered: int
    released: int
    dies: bool = False
    made: bool = True


@dataclass
class World:
    """Workers, a provider and the time, in microseconds."""

    rates: Rates
    redis: Redis
    lane: tuple[str, str]
    ahead: timedelta
    now: int = 10 * WINDOW
    arrived: list[int] = field(default_factory=list)
    _releases: list[tuple[int, int, Permit, int]] = field(default_factory=list)

    def move(self, by: int) -> None:
        """Let time pass, and release the permits that are due for it."""
        until = self.now + by
        while self._releases and self._releases[0][0] <= until:
            self.now, _, permit, age = heapq.heappop(self._releases)
            self._release(permit, age)
        self.now = until

    def live_through(self, asks: Asks, share: float) -> None:
        for gap, wanted, call in asks:
            self.move(gap)
            self.ask(share, wanted, call)

    def ask(self, share: float, wanted: int, call: Call) -> None:
        """Make so many calls, waiting for permits as long as the limiter says."""
        while wanted:
            self.redis.set("the-clock", self.now)
            grant = self._take(wanted, share)
            for permit in grant.places:
                self._make(permit, call)
            wanted -= grant.calls
            self.move(grant.wait // timedelta(microseconds=1))

    def _take(self, wanted: int, share: float) -> Grant:
        clock = patch("rescind.engine.rate_limiter.monotonic", lambda: self.now / 1e6)
        with clock, patch("rescind.engine.rate_limiter.AHEAD", self.ahead):
            return self.rates.take(self.lane, POLICY, wanted, share)

    def _make(self, permit: Permit, call: Call) -> None:
        sent = max(self.now + call.sent, round(permit.not_before * 1e6))
        ended = min(sent + call.arrives + call.answered, sent + LONGEST)
        if call.made:
            self.arrived.append(min(sent + call.arrives, ended))
            permit.used = True
        if not call.dies:
            due = (ended if call.made else self.now) + call.released
            heapq.heappush(self._releases, (due, next(_numbers), permit, call.released))

    def _release(self, permit: Permit, age: int) -> None:
        self.redis.set("the-clock", self.now)
        permit.ended = (self.now - age) / 1e6
        with patch("rescind.engine.rate_limiter.monotonic", lambda: self.now / 1e6):
            self.rates.release([permit])


def delays(most: int) -> st.SearchStrategy[int]:
    # Few and extreme values: the latest calls have to meet the earliest ones.
    return st.sampled_from([0, WINDOW // 4, most // 2, most])


PROMPT = Call(sent=0, arrives=0, answered=0, released=0)
UNUSED = replace(PROMPT, made=False)
LATEST = Call(sent=SEND_BY, arrives=LONGEST, answered=0, released=0, dies=True)
CALLS = st.one_of(
    st.sampled_from([PROMPT, LATEST, UNUSED]),
    st.builds(
        Call,
        sent=delays(SEND_BY),
        arrives=delays(LONGEST),
        answered=delays(LONGEST),
        released=delays(5 * WINDOW),
        dies=st.booleans(),
        made=st.booleans(),
    ),
)
ASKS = st.lists(st.tuples(delays(2 * WINDOW), st.integers(1, 4), CALLS), max_size=12)


AHEAD = st.sampled_from([timedelta(0), timedelta(seconds=1)])


def lane() -> tuple[str, str]:
    return ("notpanel", f"simulated-{next(_numbers)}")


@pytest.fixture(scope="module")
def client(valkey_url: str) -> Redis:
    # A database of its own: the clock is this module's.
    return Redis.from_url(f"{valkey_url.removesuffix('/0')}/9")


@pytest.fixture(scope="module")
def simulated(valkey_url: str) -> Rates:
    return Rates(f"{valkey_url.removesuffix('/0')}/9", {}, SystemClock(), CLOCK)


@given(asks=ASKS, ahead=AHEAD)
@settings(deadline=None, max_examples=100)
def test_no_window_ever_holds_more_calls_than_the_rate_allows(
    simulated: Rates, client: Redis, asks: Asks, ahead: timedelta
) -> None:
    world = World(simulated, client, lane(), ahead)
    world.live_through(asks, share=1.0)
    assert most_within(world.arrived, WINDOW) <= MOST


@given(asks=ASKS, ahead=AHEAD)
@settings(deadline=None, max_examples=30)
def test_reads_alone_never_hold_more_than_their_share(
    simulated: Rates, client: Redis, asks: Asks, ahead: timedelta
) -> None:
    world = World(simulated, client, lane(), ahead)
    world.live_through(asks, share=0.5)
    assert most_within(world.arrived, WINDOW) <= MOST // 2


@given(asks=ASKS, ahead=AHEAD)
@settings(deadline=None, max_examples=30)
def test_all_permits_become_free_however_the_calls_ended(
    simulated: Rates, client: Redis, asks: Asks, ahead: timedelta
) -> None:
    world = World(simulated, client, lane(), ahead)
    world.live_through(asks, share=1.0)
    world.move(SEND_BY + LONGEST + 5 * WINDOW)
    world.move(WINDOW)
    before = len(world.arrived)
    world.ask(1.0, MOST, PROMPT)
    assert world.arrived[before:] == [world.now] * MOST
