"""The heartbeat: each worker that sweeps writes the time of the sweep to Redis.

An operator can see from it that work is consumed, and not only that a process runs.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from socket import gethostname
from typing import Any

from redis import Redis

from rescind.ledger.storage.milliseconds import in_ms

KEY = "rescind:pulse"
"""A hash from a worker's host to the time of its latest sweep in milliseconds."""
AHEAD = "rescind:ahead"
"""The milliseconds that the ledger is ahead of the clock of the worker that wrote it
last."""
AHEAD_SECONDS = 60.0
"""The difference between machines' clocks above which it is reported. A worker's value
also expires after this time."""
WRITE_CHECK = "rescind:write-check"
"""A key that is written only to learn whether Redis accepts writes."""
WRITE_CHECK_SECONDS = 60
FORGOTTEN_MS = 3_600_000
"""A host that has not swept for this time is no longer shown."""
MOST = 100
"""The number of hosts above which old ones are removed."""
TIDY_SECONDS = 60.0
"""The least time between two clean-ups by one process."""
_tidy_at = 0.0


def write(redis: Redis, now: datetime) -> None:
    """Write that this host has swept; raises ``RedisError``.

    It is called each second, so most calls send only one command.
    """
    global _tidy_at  # noqa: PLW0603  (one value for each process)
    is_new = redis.hset(KEY, gethostname(), in_ms(now))
    if is_new or time.monotonic() >= _tidy_at:
        _tidy_at = time.monotonic() + TIDY_SECONDS
        _tidy(redis, now)


def _tidy(redis: Redis, now: datetime) -> None:
    redis.pexpire(KEY, FORGOTTEN_MS)
    if redis.hlen(KEY) > MOST:
        _forget(redis, in_ms(now))


def _forget(redis: Redis, now: int) -> None:
    """Remove hosts that swept too long ago, and all but the ``MOST`` latest ones."""
    latest = sorted(_times(redis).items(), key=lambda one: one[1], reverse=True)
    over = [
        host
        for place, (host, at) in enumerate(latest)
        if place >= MOST or now - at > FORGOTTEN_MS
    ]
    if over:
        redis.hdel(KEY, *over)


def ages(redis: Redis, now: datetime) -> dict[str, float]:
    """Seconds since each host's latest sweep, latest first; raises ``RedisError``."""
    found = {host: (in_ms(now) - at) / 1000 for host, at in _times(redis).items()}
    shown = {host: max(0.0, age) for host, age in found.items()}
    return dict(sorted(shown.items(), key=lambda one: one[1]))


def write_clock_skew(redis: Redis, ahead: timedelta) -> None:
    """Write how far the ledger is ahead of this worker's clock.

    Raises ``RedisError``.
    """
    milliseconds = int(ahead.total_seconds() * 1000)
    redis.set(AHEAD, milliseconds, px=int(AHEAD_SECONDS * 1000))


def ahead(redis: Redis) -> float:
    """Seconds by which a clock was set back, as a worker saw it lately.

    0 if at most ``AHEAD_SECONDS``. Raises ``RedisError``.
    """
    kept: Any = redis.get(AHEAD)
    seconds = int(kept or 0) / 1000
    return seconds if seconds > AHEAD_SECONDS else 0.0


def check_writable(redis: Redis) -> None:
    """Write something small. Raises ``ResponseError`` if Redis refuses to write.

    A Redis whose disk or memory is full still answers reads.
    """
    redis.set(WRITE_CHECK, 1, ex=WRITE_CHECK_SECONDS)


def _times(redis: Redis) -> dict[str, int]:
    kept: Any = redis.hgetall(KEY)
    return {host.decode("utf-8", "replace"): int(at) for host, at in kept.items()}
