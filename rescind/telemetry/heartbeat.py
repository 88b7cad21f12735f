"""The pulse: each worker that takes a sweep leaves the time of it in Redis.

So that somebody can see whether work is consumed, and not merely that a process lives.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from socket import gethostname
from typing import Any

from redis import Redis

from rescind.ledger.storage.milliseconds import in_ms

KEY = "rescind:pulse"
"""A hash: a worker's host, and the time of its latest sweep in milliseconds."""
AHEAD = "rescind:ahead"
"""By how many milliseconds the ledger is ahead of the clock of the worker that has
looked last."""
AHEAD_SECONDS = 60.0
"""So far may the clocks of several machines be apart, before it is said. What a worker
has seen is good for so long, too."""
FORGOTTEN_MS = 3_600_000
"""A host that has not swept for so long is not shown any more."""
MOST = 100
"""Hosts beyond which those are looked for that are to be forgotten."""
TIDY_SECONDS = 60.0
"""A process looks no more often for what is to be forgotten."""
_tidy_at = 0.0


def leave(redis: Redis, now: datetime) -> None:
    """Say that this host has swept; raises ``RedisError``.

    It is called each second, so most calls are one command.
    """
    global _tidy_at  # noqa: PLW0603  (of this process alone)
    is_new = redis.hset(KEY, gethostname(), in_ms(now))
    if is_new or time.monotonic() >= _tidy_at:
        _tidy_at = time.monotonic() + TIDY_SECONDS
        _tidy(redis, now)


def _tidy(redis: Redis, now: datetime) -> None:
    redis.pexpire(KEY, FORGOTTEN_MS)
    if redis.hlen(KEY) > MOST:
        _forget(redis, in_ms(now))


def _forget(redis: Redis, now: int) -> None:
    """The hosts that left, and of more than ``MOST`` those that swept longest ago."""
    latest = sorted(_times(redis).items(), key=lambda one: one[1], reverse=True)
    over = [
        host
        for place, (host, at) in enumerate(latest)
        if place >= MOST or now - at > FORGOTTEN_MS
    ]
    if over:
        redis.hdel(KEY, *over)


def ages(redis: Redis, now: datetime) -> dict[str, float]:
    """Seconds since each host has swept, the latest first; raises ``RedisError``."""
    found = {host: (in_ms(now) - at) / 1000 for host, at in _times(redis).items()}
    shown = {host: max(0.0, age) for host, age in found.items()}
    return dict(sorted(shown.items(), key=lambda one: one[1]))


def say_ahead(redis: Redis, ahead: timedelta) -> None:
    """Leave how far the ledger is ahead of this worker's clock; raises
    ``RedisError``."""
    milliseconds = int(ahead.total_seconds() * 1000)
    redis.set(AHEAD, milliseconds, px=int(AHEAD_SECONDS * 1000))


def ahead(redis: Redis) -> float:
    """Seconds by which a clock was set back, as a worker has seen it lately; 0 if by no
    more than machines differ. Raises ``RedisError``."""
    kept: Any = redis.get(AHEAD)
    seconds = int(kept or 0) / 1000
    return seconds if seconds > AHEAD_SECONDS else 0.0


def _times(redis: Redis) -> dict[str, int]:
    kept: Any = redis.hgetall(KEY)
    return {host.decode("utf-8", "replace"): int(at) for host, at in kept.items()}
