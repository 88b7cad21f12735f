"""What each process last said of itself: one short record in Redis.

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
from rescind.ledger.storage.schema_versions import head

KEY = "rescind:workers"
"""A hash from a worker's process (``host pid``) to its record."""
API_KEY = "rescind:apis"
"""The same for processes of the HTTP API."""
EVERY_SECONDS = 5.0
FORGOTTEN = timedelta(hours=1)
LATE = timedelta(seconds=20)
"""Without a sign of life for so long, a process has probably ended, or hangs."""


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """One process at one moment; times are milliseconds since 1970 UTC."""

    host: str
    pid: int
    version: str
    started_at: int
    at: int
    calls: int
    """Calls to providers that are under way."""
    lanes: int
    """Lanes with such calls."""
    schema: str = ""
    """The newest migration of the ledger that it knows; a version that did not write
    this is older than all that do."""
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
    return WorkerRecord(*named, started, at, *load, head(), sweeping_since=since)


def write(redis: Redis, record: WorkerRecord, key: str = KEY) -> None:
    """Write a record; raises ``RedisError``."""
    field = f"{record.host} {record.pid}"
    is_new = redis.hset(key, field, json.dumps(asdict(record)))
    if is_new:
        _forget(redis, moment(record.at), key)
    redis.pexpire(key, FORGOTTEN)


def remove(redis: Redis, record: WorkerRecord, key: str = KEY) -> None:
    """Remove the record of a process that stops; raises ``RedisError``."""
    redis.hdel(key, f"{record.host} {record.pid}")


def _forget(redis: Redis, now: datetime, key: str) -> None:
    read = _read(redis, key)
    old = [field for field, one in read if one is None or _is_old(one, now)]
    if old:
        redis.hdel(key, *old)


def records(redis: Redis, now: datetime, key: str = KEY) -> list[WorkerRecord]:
    """The records of the last hour, by host and process; raises ``RedisError``."""
    read = _read(redis, key)
    found = [one for _, one in read if one is not None and not _is_old(one, now)]
    return sorted(found, key=lambda one: (one.host, one.pid))


def _read(redis: Redis, key: str) -> Iterator[tuple[bytes, WorkerRecord | None]]:
    kept: Any = redis.hgetall(key)
    for field, text in kept.items():
        try:
            yield field, _record(json.loads(text))
        except (TypeError, ValueError):
            yield field, None


def _record(told: dict[str, Any]) -> WorkerRecord:
    """A record, also of another version: of a newer one, what this one knows.

    Raises ``TypeError`` if it lacks something.
    """
    ours = {one.name for one in fields(WorkerRecord)}
    return WorkerRecord(**{name: told[name] for name in told if name in ours})


def _is_old(one: WorkerRecord, now: datetime) -> bool:
    return now - one.seen_at > FORGOTTEN
