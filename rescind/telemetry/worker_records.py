"""What each worker process last said of itself: one short record in Redis.

Each process writes its record every few seconds. The record of a process that ended
stays for an hour, so that an operator can see when it was last there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from socket import gethostname
from typing import Any

from redis import Redis

from rescind.ledger.storage.milliseconds import in_ms, moment

KEY = "rescind:workers"
"""A hash from a process (``host pid``) to its record."""
EVERY_SECONDS = 5.0
FORGOTTEN = timedelta(hours=1)
LATE = timedelta(seconds=20)
"""Without a sign of life for so long, a process has probably ended, or hangs."""


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """One worker process at one moment; times are milliseconds since 1970 UTC."""

    host: str
    pid: int
    version: str
    started_at: int
    at: int
    calls: int
    """Calls to providers that are under way."""
    lanes: int
    """Lanes with such calls."""
    sweeping_since: int | None = None
    """When the sweep that runs began; ``None`` if none runs."""

    @property
    def seen_at(self) -> datetime:
        return moment(self.at)

    @property
    def since(self) -> datetime:
        return moment(self.started_at)

    def sweeping_for(self, now: datetime) -> float:
        """Seconds that the sweep has run; 0 if none runs."""
        if self.sweeping_since is None:
            return 0.0
        return max(0.0, (now - moment(self.sweeping_since)).total_seconds())


NAMES = {one.name for one in fields(WorkerRecord)}


def own_record(
    version: str,
    started_at: datetime,
    now: datetime,
    load: tuple[int, int],
    sweeping_for: float | None,
) -> WorkerRecord:
    """The record of this process: its calls and lanes, and the seconds of its sweep."""
    started, at = in_ms(started_at), in_ms(now)
    since = None if sweeping_for is None else at - round(sweeping_for * 1000)
    named = (gethostname(), os.getpid(), version)
    return WorkerRecord(*named, started, at, *load, sweeping_since=since)


def write(redis: Redis, record: WorkerRecord) -> None:
    """Write a record; raises ``RedisError``."""
    field = f"{record.host} {record.pid}"
    is_new = redis.hset(KEY, field, json.dumps(asdict(record)))
    if is_new:
        _forget(redis, moment(record.at))
    redis.pexpire(KEY, FORGOTTEN)


def remove(redis: Redis, record: WorkerRecord) -> None:
    """Remove the record of a process that stops; raises ``RedisError``."""
    redis.hdel(KEY, f"{record.host} {record.pid}")


def _forget(redis: Redis, now: datetime) -> None:
    old = [field for field, one in _read(redis) if one is None or _is_old(one, now)]
    if old:
        redis.hdel(KEY, *old)


def records(redis: Redis, now: datetime) -> list[WorkerRecord]:
    """The records of the last hour, by host and process; raises ``RedisError``."""
    found = [
        one for _, one in _read(redis) if one is not None and not _is_old(one, now)
    ]
    return sorted(found, key=lambda one: (one.host, one.pid))


def _read(redis: Redis) -> Iterator[tuple[bytes, WorkerRecord | None]]:
    kept: Any = redis.hgetall(KEY)
    for field, text in kept.items():
        try:
            yield field, _record(json.loads(text))
        except (AttributeError, TypeError, ValueError):
            # Not a record that this version can read.
            yield field, None


def _record(said: dict[str, Any]) -> WorkerRecord:
    """The record, without the values that only a newer version knows."""
    return WorkerRecord(**{name: one for name, one in said.items() if name in NAMES})


def _is_old(one: WorkerRecord, now: datetime) -> bool:
    return now - one.seen_at > FORGOTTEN
