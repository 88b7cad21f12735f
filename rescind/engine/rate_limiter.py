"""The rate limiter: all workers share each lane's rate through Redis.

A call takes a permit before its orders are claimed: a place in the lane's rate, which
is free again one whole window after the call's answer. So no window at the provider
holds more calls than the rate has places. Cancels come before reads.
"""

from __future__ import annotations

import math
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from time import monotonic, sleep

from redis import ConnectionError as ConnectionLostError
from redis import RedisError
from redis import TimeoutError as NoAnswerError

from rescind.config.accounts import Lane
from rescind.config.redis_client import client_of
from rescind.engine.rate_rules import Rule, rules_of
from rescind.engine.rate_scripts import FORGET, RELEASE, SERVER_TIME, TAKE
from rescind.provider.policy import Policy
from rescind.provider.system_clock import Times

READ_SHARE = 0.8
"""Largest share of a lane's rate for reads: a cancel may come at any time."""
CONTESTED_SHARE = 0.5
"""Largest share for reads while cancels wait: cancels come first."""
SEND_WITHIN = timedelta(seconds=5)
"""A permit must be used within this time and the policy's ``connect_timeout``."""
AHEAD = timedelta(milliseconds=50)
"""If a lane's calls are closer together than this, permits are granted so long before
their places are free, to claim orders meanwhile. An urgent order waits no longer."""
MOST_PENDING = 10_000
"""Most scripts that wait until Redis can be reached again; the oldest are dropped."""

AWAY = (ConnectionLostError, NoAnswerError)
"""Errors after which a script is sent again. Redis would refuse it again after any
other error."""


@dataclass(slots=True)
class Permit:
    """Room for one call in its lane's rate. Without rules there is always room."""

    rules: tuple[Rule, ...] = ()
    not_before: float = 0.0
    """The earliest use, by this process's monotonic clock."""
    send_by: datetime | None = None
    """The latest use, by the worker's clock. Later, another call may have the same
    place."""
    names: list[str] = field(default_factory=list)
    """Its places in Redis: two if the call was sent twice."""
    free: int = 0
    """When its place is free if it is not used, in microseconds of Redis's clock."""
    more: Callable[[], list[Permit]] | None = None
    """Takes another permit of the same rules. The list is empty if there is no room."""
    used: bool = False
    ended: float | None = None
    """When its call ended, by this process's monotonic clock."""

    def again(self) -> bool:
        """Take room to send the call a second time: the provider counts that as well.
        False if there is no room.

        Raises ``RedisError``.
        """
        if self.more is None:
            return True
        found = self.more()
        for one in found:
            self.names += one.names
            self.not_before, self.send_by = one.not_before, one.send_by
        return bool(found)

    def wait(self) -> None:
        """Wait until ``not_before``: a permit may be granted up to ``AHEAD`` early."""
        if (left := self.not_before - monotonic()) > 0:
            sleep(left)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Mark the permit as used, around the call: from before the request can be on
        the wire until the call is over."""
        self.used = True
        try:
            yield
        finally:
            self.ended = monotonic()


@dataclass(frozen=True, slots=True)
class Grant:
    """The answer to a request for permits."""

    places: tuple[Permit, ...]
    """The permits that were granted: perhaps fewer than requested."""
    wait: timedelta = timedelta(0)
    """If there are too few: the time until the next request is useful."""

    @property
    def calls(self) -> int:
        return len(self.places)


class Rates:
    """The lanes' rates, in Redis. ``take`` raises ``RedisError`` if Redis is away."""

    def __init__(
        self,
        redis_url: str,
        options: dict[str, object],
        times: Times,
        clock: str = SERVER_TIME,
    ) -> None:
        """``times``: the clocks that calls go by. ``clock``: Redis's, in a script."""
        self._times = times
        redis = client_of(redis_url, **options)
        self._take = redis.register_script(TAKE % clock)
        self._release = redis.register_script(RELEASE % clock)
        self._forget = redis.register_script(FORGET)
        self._pending: deque[Callable[[], object]] = deque(maxlen=MOST_PENDING)
        """Scripts that Redis has not run, because it was away."""

    def take(
        self, lane: Lane, policy: Policy, wanted: int, share: float = 1.0
    ) -> Grant:
        """Take up to ``wanted`` permits, for use at once. The caller has to ``release``
        every one.

        Reads give a ``share`` below 1. Their calls count in ``policy.read_rate`` too.
        """
        rules = tuple(rules_of(lane, policy, share))
        if not rules or not wanted:
            return Grant(tuple(Permit() for _ in range(wanted)))
        return self._permits(rules, policy, wanted)

    def release(self, permits: Iterable[Permit]) -> None:
        """Release permits. The place of a used permit is free one window after the end
        of its call, any other place at once.

        If Redis is away, the release is sent when Redis is back. If that takes long,
        the places are free when they would be if this worker had died.
        """
        alike: dict[tuple[Rule, ...], list[Permit]] = {}
        for permit in permits:
            alike.setdefault(permit.rules, []).append(permit)
        for rules, some in alike.items():
            if rules:
                self._pending.append(partial(self._send_release, rules, some))
        with suppress(RedisError):
            self._send_pending()

    def _send_pending(self) -> None:
        """Send the pending scripts to Redis. Raises ``RedisError``."""
        while self._pending:
            try:
                send = self._pending.popleft()
            except IndexError:
                # Another thread sends the last one.
                return
            try:
                send()
            except AWAY:
                self._pending.appendleft(send)
                raise

    def _permits(self, rules: tuple[Rule, ...], policy: Policy, wanted: int) -> Grant:
        self._send_pending()
        good_for = timedelta(seconds=policy.connect_timeout) + SEND_WITHIN
        hold = good_for + timedelta(seconds=2 * policy.read_timeout)
        prefix = f"{secrets.token_hex(8)}:"
        limits = [n for rule in rules for n in (rule.amount, _micros(rule.window))]
        # The time is read before Redis reads its own: so ``send_by`` is not too late.
        send_by = self._times.earliest() + good_for
        keys = [rule.key for rule in rules]
        ahead = _micros(_ahead(rules))
        given: list[str | int] = [wanted, _micros(hold), ahead, prefix, *limits]
        try:
            now, wait, free = self._take(keys, given)
        except RedisError:
            # Redis may have granted them, and only the answer was lost.
            names = [f"{prefix}{n}" for n in range(1, wanted + 1)]
            self._pending.append(partial(self._forget, keys, names))
            raise
        here = monotonic()
        permits = tuple(
            Permit(
                rules,
                here + (at - now) / 1e6,
                send_by,
                [f"{prefix}{n}"],
                at,
                lambda: list(self._permits(rules, policy, 1).places),
            )
            for n, at in enumerate(free, 1)
        )
        return Grant(permits, timedelta(microseconds=wait))

    def _send_release(self, rules: tuple[Rule, ...], permits: list[Permit]) -> None:
        now = monotonic()
        values = [
            value
            for permit in permits
            for name in permit.names
            for value in (name, permit.free, _age(permit, now))
        ]
        windows = [_micros(rule.window) for rule in rules]
        self._release([rule.key for rule in rules], [*windows, *values])


def _ahead(rules: tuple[Rule, ...]) -> timedelta:
    close = all(rule.window / rule.amount <= AHEAD for rule in rules)
    return AHEAD if close else timedelta(0)


def _age(permit: Permit, now: float) -> int:
    """Microseconds since the end of its call; less than 0 if it had no call."""
    if not permit.used:
        return -1
    return 0 if permit.ended is None else max(0, math.floor((now - permit.ended) * 1e6))


def _micros(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
