"""What each worker process last said of itself: one short record in Redis.

Each process writes its record every few seconds. The record of a process that ended
stays for an hour, so that an operator can see when it was last there.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
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

    @property
    def seen_at(self) -> datetime:
        return moment(self.at)

    @property
    def since(self) -> datetime:
        return moment(self.started_at)


def own_record(
    version: str, started_at: datetime, now: datetime, calls: int, lanes: int
) -> WorkerRecord:
    """The record of this process."""
    started, at = in_ms(started_at), in_ms(now)
    return WorkerRecord(gethostname(), os.getpid(), version, started, at, calls, lanes)


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
            yield field, WorkerRecord(**json.loads(text))
        except (TypeError, ValueError):
            # A record of another version.
            yield field, None


def _is_old(one: WorkerRecord, now: datetime) -> bool:
    return now - one.seen_at > FORGOTTEN
