"""A rate in words, and how long a caller has to wait that has used it up."""

from __future__ import annotations

import math
import time

from limits import RateLimitItem
from limits.strategies import RateLimiter


def seconds_to_wait(limiter: RateLimiter, rate: RateLimitItem, name: str) -> int:
    """Whole seconds until the rate has room for ``name`` again, at least 1."""
    free_at = limiter.get_window_stats(rate, name).reset_time
    return max(1, math.ceil(free_at - time.time()))


def in_words(rate: RateLimitItem, what: str) -> str:
    """Such as ``600 requests in 60 s``."""
    return f"{rate.amount:,} {what} in {rate.get_expiry():,} s"
