"""The rules of a lane's rate: how many calls any window may hold."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache

from limits import parse

from rescind.config.accounts import Lane
from rescind.provider.policy import Policy


@dataclass(frozen=True, slots=True)
class Rule:
    """At most ``amount`` calls in any ``window``, counted under a Redis key."""

    key: str
    amount: int
    window: timedelta


def rules_of(lane: Lane, policy: Policy, share: float) -> Iterator[Rule]:
    """The rules for calls of a lane. Reads give a ``share`` below 1."""
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
