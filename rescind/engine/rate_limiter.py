"""A lane's rate, shared by every worker through Redis; cancels before reads.

A call takes a *place* before it is sent, and its place is free again one whole window
after its answer came. The provider received it somewhere between the two, so no stretch
of one window holds more calls than the rate has places, whatever delays any of them.
"""

from __future__ import annotations

import math
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from time import monotonic, sleep

from limits import parse
from redis import ConnectionError as ConnectionLostError
from redis import RedisError
from redis import TimeoutError as NoAnswerError

from rescind.config.accounts import Lane
from rescind.config.redis_client import client_of
from rescind.engine.rate_scripts import FORGET, RELEASE, SERVER_TIME, TAKE
from rescind.provider.policy import Policy

READ_SHARE = 0.8
"""Reads never take more of a lane's rate than this: a cancel may come any time."""
CONTESTED_SHARE = 0.5
"""Nor more than this while cancels are waiting: they come first."""
SEND_WITHIN = timedelta(seconds=5)
"""A place is good for so long, and a connection's time; later it must not be used."""
AHEAD = timedelta(milliseconds=50)
"""Where calls follow each other more closely, places are given out so long before they
are free, to be claimed for meanwhile. An urgent order waits no longer than that."""
MOST_UNTOLD = 10_000
"""What Redis could not be told, and is told later; of more than that, the latest."""

AWAY = (ConnectionLostError, NoAnswerError)
"""What is refused for another reason would be refused again."""


@dataclass(frozen=True, slots=True)
class Rule:
    """So many calls in any window, counted under a key."""

    key: str
    amount: int
    window: timedelta


@dataclass(slots=True)
class Place:
    """Room for one call in its lane's rate. Without rules there is always room."""

    rules: tuple[Rule, ...] = ()
    not_before: float = 0.0
    """By this process's monotonic clock; ``send_by`` by that of the machine."""
    send_by: datetime | None = None
    """Later it may be somebody else's."""
    names: list[str] = field(default_factory=list)
    free: int = 0
    """When it is free if it is not used, by Redis's clock, in microseconds."""
    more: Callable[[], list[Place]] | None = None
    used: bool = False
    ended: float | None = None

    def again(self) -> bool:
        """Whether its call may be sent once more, which the provider counts as well.

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
        """Wait until it is free: it is given out a moment ahead."""
        if (left := self.not_before - monotonic()) > 0:
            sleep(left)

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
        redis = client_of(redis_url, **options)
        self._take = redis.register_script(TAKE % clock)
        self._release = redis.register_script(RELEASE % clock)
        self._forget = redis.register_script(FORGET)
        self._untold: deque[Callable[[], object]] = deque(maxlen=MOST_UNTOLD)
        """What Redis has not been told while it was away."""

    def take(
        self, lane: Lane, policy: Policy, wanted: int, share: float = 1.0
    ) -> Budget:
        """Take up to ``wanted`` places, for use at once: ``release`` every one.

        Reads have a ``share`` below 1 of the rate, and ``policy.read_rate`` besides.
        """
        rules = tuple(_rules(lane, policy, share))
        if not rules or not wanted:
            return Budget(tuple(Place() for _ in range(wanted)))
        return self._places(rules, policy, wanted)

    def release(self, places: Iterable[Place]) -> None:
        """Those that were used are free a window after their end, the others at once.

        What Redis cannot be told, because it is away, it is told when it is back. Until
        then it is free when it would be if this worker had died.
        """
        alike: dict[tuple[Rule, ...], list[Place]] = {}
        for place in places:
            alike.setdefault(place.rules, []).append(place)
        for rules, some in alike.items():
            if rules:
                self._untold.append(partial(self._give_back, rules, some))
        with suppress(RedisError):
            self._tell()

    def _tell(self) -> None:
        """Tell Redis what it does not know; raises ``RedisError``."""
        while self._untold:
            try:
                told = self._untold.popleft()
            except IndexError:
                # Another thread tells it.
                return
            try:
                told()
            except AWAY:
                self._untold.appendleft(told)
                raise

    def _places(self, rules: tuple[Rule, ...], policy: Policy, wanted: int) -> Budget:
        self._tell()
        good_for = timedelta(seconds=policy.connect_timeout) + SEND_WITHIN
        hold = good_for + timedelta(seconds=2 * policy.read_timeout)
        prefix = f"{secrets.token_hex(8)}:"
        limits = [n for rule in rules for n in (rule.amount, _micros(rule.window))]
        # Looked at before Redis does: what is in time here is in time there.
        send_by = datetime.now(UTC) + good_for
        keys = [rule.key for rule in rules]
        ahead = _micros(_ahead(rules))
        given: list[str | int] = [wanted, _micros(hold), ahead, prefix, *limits]
        try:
            now, wait, free = self._take(keys, given)
        except RedisError:
            # It may have given them, and only the answer was lost.
            names = [f"{prefix}{n}" for n in range(1, wanted + 1)]
            self._untold.append(partial(self._forget, keys, names))
            raise
        here = monotonic()
        places = tuple(
            Place(
                rules,
                here + (at - now) / 1e6,
                send_by,
                [f"{prefix}{n}"],
                at,
                lambda: list(self._places(rules, policy, 1).places),
            )
            for n, at in enumerate(free, 1)
        )
        return Budget(places, timedelta(microseconds=wait))

    def _give_back(self, rules: tuple[Rule, ...], places: list[Place]) -> None:
        now = monotonic()
        told = [
            word
            for place in places
            for name in place.names
            for word in (name, place.free, _age(place, now))
        ]
        windows = [_micros(rule.window) for rule in rules]
        self._release([rule.key for rule in rules], [*windows, *told])


def _ahead(rules: tuple[Rule, ...]) -> timedelta:
    close = all(rule.window / rule.amount <= AHEAD for rule in rules)
    return AHEAD if close else timedelta(0)


def _rules(lane: Lane, policy: Policy, share: float) -> Iterator[Rule]:
    if share < 1 and policy.read_rate != "none":
        yield _rule(lane, "reads", policy.read_rate)
    if policy.rate != "none":
        if share < 1:
            yield _rule(lane, "reads of all", policy.rate, share)
        yield _rule(lane, "all", policy.rate)


@lru_cache(4096)
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
