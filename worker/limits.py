"""A lane's rate, shared by every worker through Redis; cancels before reads.

A call takes a *place* before it is sent, and its place is free again one whole window
after its answer came. The provider received it somewhere between the two, so no stretch
of one window holds more calls than the rate has places, whatever delays any of them.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from time import monotonic

from limits import parse
from redis import Redis, RedisError

from providers.model import Policy
from worker.accounts import Lane

READ_SHARE = 0.8
"""Reads never take more of a lane's rate than this: a cancel may come any time."""
CONTESTED_SHARE = 0.5
"""Nor more than this while cancels are waiting: they come first."""
SEND_WITHIN = timedelta(seconds=5)
"""A place is good for so long, and a connection's time; later it must not be used."""

SERVER_TIME = "redis.call('TIME')"
"""The one clock that all workers share."""

# Each rule is a sorted set of places, by the microsecond at which each is free again.
# A place whose call is under way stands at the latest moment possible, so that one
# whose worker died is free then.
_TAKE = """
local at = %s
local now = at[1] * 1000000 + at[2]
local wanted, hold, name = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local function rule(i) return tonumber(ARGV[2 + 2 * i]), tonumber(ARGV[3 + 2 * i]) end

local got = wanted
for i, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  got = math.max(0, math.min(got, rule(i) - redis.call('ZCARD', key)))
end
local wait = 0
for i, key in ipairs(KEYS) do
  local amount, window = rule(i)
  for n = 1, got do
    redis.call('ZADD', key, now + hold + window, name .. n)
  end
  if got > 0 then
    redis.call('PEXPIRE', key, math.ceil((hold + window) / 1000) + 1000)
  end
  local over = redis.call('ZCARD', key) - amount
  if got < wanted and over >= 0 then
    local next = tonumber(redis.call('ZRANGE', key, over, over, 'WITHSCORES')[2])
    wait = math.max(wait, math.min(next, now + window) - now)
  end
end
return {got, wait}
"""
_RELEASE = """
local at = %s
local now = at[1] * 1000000 + at[2]
for i, key in ipairs(KEYS) do
  local window = tonumber(ARGV[i])
  for n = #KEYS + 1, #ARGV, 2 do
    local place, age = ARGV[n], tonumber(ARGV[n + 1])
    if age < 0 then
      redis.call('ZREM', key, place)
    else
      redis.call('ZADD', key, now - age + window, place)
    end
  end
  if redis.call('PTTL', key) < window / 1000 then
    redis.call('PEXPIRE', key, math.ceil(window / 1000) + 1000)
  end
end
"""


@dataclass(frozen=True, slots=True)
class Rule:
    """So many calls in any window, counted under a key."""

    key: str
    amount: int
    window: timedelta


@dataclass(frozen=True, slots=True)
class _Taken:
    send_by: datetime
    names: list[str]
    wait: timedelta


@dataclass(slots=True)
class Place:
    """Room for one call in its lane's rate. Without rules there is always room."""

    rules: tuple[Rule, ...] = ()
    send_by: datetime | None = None
    """Later it may be somebody else's."""
    names: list[str] = field(default_factory=list)
    more: Callable[[], _Taken] | None = None
    used: bool = False
    ended: float | None = None

    def again(self) -> bool:
        """Whether its call may be sent once more, which the provider counts as well.

        Raises ``RedisError``.
        """
        if self.more is None:
            return True
        taken = self.more()
        if taken.names:
            self.send_by = taken.send_by
            self.names += taken.names
        return bool(taken.names)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Around the call: from before it can be on the wire until it is over."""
        self.used = True
        try:
            yield
        finally:
            self.ended = monotonic()


@dataclass(frozen=True, slots=True)
class Budget:
    """Places for the calls that may be made now; if too few, when to ask again."""

    places: tuple[Place, ...]
    wait: timedelta = timedelta(0)

    @property
    def calls(self) -> int:
        return len(self.places)


class Rates:
    """The lanes' rates. Taking raises ``RedisError`` when Redis cannot be reached."""

    def __init__(
        self, redis_url: str, options: dict[str, object], clock: str = SERVER_TIME
    ) -> None:
        redis = Redis.from_url(redis_url, **options)
        self._take = redis.register_script(_TAKE % clock)
        self._release = redis.register_script(_RELEASE % clock)

    def take(
        self, lane: Lane, policy: Policy, wanted: int, share: float = 1.0
    ) -> Budget:
        """Take up to ``wanted`` places, for use at once: ``release`` every one.

        Reads have a ``share`` below 1 of the rate, and ``policy.read_rate`` besides.
        """
        rules = tuple(_rules(lane, policy, share))
        if not rules:
            return Budget(tuple(Place() for _ in range(wanted)))
        taken = self._names(rules, policy, wanted)
        more = partial(self._names, rules, policy, 1)
        places = (Place(rules, taken.send_by, [name], more) for name in taken.names)
        return Budget(tuple(places), taken.wait)

    def release(self, places: Iterable[Place]) -> None:
        """Those that were used are free a window after their end, the others at once.

        What Redis is not told, because it is away, is free when it would be if this
        worker had died.
        """
        alike: dict[tuple[Rule, ...], list[Place]] = {}
        for place in places:
            alike.setdefault(place.rules, []).append(place)
        for rules, some in alike.items():
            if rules:
                with suppress(RedisError):
                    self._give_back(rules, some)

    def _names(self, rules: tuple[Rule, ...], policy: Policy, wanted: int) -> _Taken:
        good_for = timedelta(seconds=policy.connect_timeout) + SEND_WITHIN
        hold = good_for + timedelta(seconds=2 * policy.read_timeout)
        prefix = f"{secrets.token_hex(8)}:"
        limits = [n for rule in rules for n in (rule.amount, _micros(rule.window))]
        # Looked at before Redis does: what is in time here is in time there.
        send_by = datetime.now(UTC) + good_for
        got, wait = self._take(
            [rule.key for rule in rules], [wanted, _micros(hold), prefix, *limits]
        )
        names = [f"{prefix}{n}" for n in range(1, got + 1)]
        return _Taken(send_by, names, timedelta(microseconds=wait))

    def _give_back(self, rules: tuple[Rule, ...], places: list[Place]) -> None:
        now = monotonic()
        ages = [
            word
            for place in places
            for name in place.names
            for word in (name, _age(place, now))
        ]
        windows = [_micros(rule.window) for rule in rules]
        self._release([rule.key for rule in rules], [*windows, *ages])


def _rules(lane: Lane, policy: Policy, share: float) -> Iterator[Rule]:
    if share < 1 and policy.read_rate != "none":
        yield _rule(lane, "reads", policy.read_rate)
    if policy.rate != "none":
        if share < 1:
            yield _rule(lane, "reads of all", policy.rate, share)
        yield _rule(lane, "all", policy.rate)


def _rule(lane: Lane, name: str, rate: str, share: float = 1.0) -> Rule:
    parsed = parse(rate)
    amount = max(1, math.floor(parsed.amount * share)) if share < 1 else parsed.amount
    key = f"rescind-rate:{'/'.join(lane)}:{name}"
    return Rule(key, amount, timedelta(seconds=parsed.get_expiry()))


def _age(place: Place, now: float) -> int:
    """How long ago its call ended, in microseconds; less than 0 if there was none."""
    if not place.used:
        return -1
    return 0 if place.ended is None else max(0, math.floor((now - place.ended) * 1e6))


def _micros(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
