"""A lane's rate, shared by every worker through Redis; cancels before reads."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from datetime import timedelta

from limits import RateLimitItem, parse
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter

from providers.model import Policy
from worker.accounts import Lane

READ_SHARE = 0.8
"""Reads never take more of a lane's rate than this: a cancel may come any time."""
CONTESTED_SHARE = 0.5
"""Nor more than this while cancels are waiting: they come first."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How many calls may be made now; if none, when to ask again."""

    calls: int
    wait: timedelta = timedelta(0)


class Rates:
    """The lanes' rates. Raises ``redis.RedisError`` when Redis cannot be reached."""

    def __init__(self, redis_url: str, options: dict[str, object]) -> None:
        self._storage = RedisStorage(redis_url, key_prefix="rescind-rate", **options)  # type: ignore[arg-type]
        self._limiter = MovingWindowRateLimiter(self._storage)

    def take(
        self, lane: Lane, policy: Policy, wanted: int, share: float = 1.0
    ) -> Budget:
        """Take up to ``wanted`` calls of the lane's rate, for use at once.

        Reads have a ``share`` below 1 of it, and ``policy.read_rate`` besides.
        """
        rules = _rules(policy, share)
        for taken in range(wanted):
            refused = self._first_refusal(lane, rules)
            if refused is not None:
                return Budget(taken, self._until(lane, refused))
        return Budget(wanted)

    def _first_refusal(
        self, lane: Lane, rules: list[tuple[str, RateLimitItem]]
    ) -> tuple[str, RateLimitItem] | None:
        # All are tested before any is hit: a refusal must not use up the others.
        for name, rule in rules:
            if not self._limiter.test(rule, *lane, name):
                return name, rule
        for name, rule in rules:
            if not self._limiter.hit(rule, *lane, name):
                return name, rule
        return None

    def _until(self, lane: Lane, refused: tuple[str, RateLimitItem]) -> timedelta:
        name, rule = refused
        reset, _ = self._limiter.get_window_stats(rule, *lane, name)
        return timedelta(seconds=max(0.01, reset - time.time()))


def _rules(policy: Policy, share: float) -> list[tuple[str, RateLimitItem]]:
    rules = []
    if share < 1 and policy.read_rate != "none":
        rules.append(("reads", parse(policy.read_rate)))
    if policy.rate != "none":
        every = parse(policy.rate)
        if share < 1:
            some = max(1, math.floor(every.amount * share))
            rules.append(("reads of all", type(every)(some, every.multiples)))
        rules.append(("all", every))
    return rules
