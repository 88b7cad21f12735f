"""The results of `rescind doctor`, and its checks of Redis."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from redis import Redis, RedisError
from redis.exceptions import ResponseError

from rescind.config.redis_client import kind_fault
from rescind.errors import anchor
from rescind.errors.redis_refusals import LOG, refusal

REFUSES = "redis-refuses"
UNSAID = "Redis does not report this (its user may need +info): make sure"
CLOCK_SECONDS = 2.0
"""If clocks differ by more, rates, tokens and deadlines are wrong."""


class Level(IntEnum):
    """The result of a check. All numbers from WRONG on are exit statuses."""

    ABSENT = -1
    """A file or a value that may be missing, and is missing."""
    OK = 0
    WARNING = 1
    WRONG = 2
    UNREACHABLE = 3


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its subject, its result, and what to do."""

    what: str
    level: Level
    says: str
    problem: str | None = None
    """The name of its section in ``docs/errors.md``; ``None`` if nothing is wrong."""

    def line(self) -> str:
        page = f" (see {anchor(self.problem)})" if self.problem else ""
        return f"{self.level.name.lower():<12} {self.what:<22} {self.says}{page}"

    def document(self) -> dict[str, Any]:
        named = {"what": self.what, "level": self.level.name.lower()}
        return {**named, "says": self.says, "problem": self.problem}


def status(found: Iterable[Check]) -> int:
    """The exit status for ``found``; a warning does not count as a failure."""
    worst = max((check.level for check in found), default=Level.OK)
    return int(worst) if worst >= Level.WRONG else 0


# --- Redis ------------------------------------------------------------------------


def redis_checks(
    client: Redis, shown: str, advice: str, log: str = LOG
) -> Iterator[Check]:
    """Checks that Redis answers, accepts writes, keeps them, and has the same time.
    ``log`` says in words where it has its log."""
    try:
        client.ping()
        fault = kind_fault(client)
    except ResponseError as error:
        yield Check("redis", Level.WRONG, f"{shown}: {refusal(error, log)}", REFUSES)
        return
    except (RedisError, OSError) as error:
        says = f"{shown} cannot be reached: {error}; {advice}"
        yield Check("redis", Level.UNREACHABLE, says, "redis-unreachable")
        return
    if fault:
        yield Check("redis", Level.WRONG, f"{shown}: {fault}", "redis-url")
        return
    info = _info(client)
    name = info.get("server_name", "redis")
    version = info.get(f"{name}_version") or info.get("redis_version", "")
    yield Check("redis", Level.OK, f"{shown} answers: {name} {version}".rstrip())
    yield _writes(client, log)
    yield _persistence(info, log)
    yield _eviction(info)
    yield _times(client)


def _info(client: Redis) -> dict[str, Any]:
    """The reply to INFO; empty if the user may not call it."""
    try:
        return dict(client.info())
    except ResponseError:
        return {}


def _writes(client: Redis, log: str) -> Check:
    """Checks a write: a full Redis, a replica or a user without rights refuses it."""
    try:
        client.set("rescind:doctor", "1", px=1)
    except RedisError as error:
        return Check("redis writes", Level.WRONG, refusal(error, log), REFUSES)
    return Check("redis writes", Level.OK, "it accepts them")


def _times(client: Redis) -> Check:
    try:
        return clock_check("redis clock", _clock(client))
    except RedisError as error:
        return Check("redis clock", Level.WRONG, refusal(error), REFUSES)


def _clock(client: Redis) -> float:
    seconds, micros = client.time()
    return float(seconds) + float(micros) / 1e6 - time.time()


def _persistence(info: dict[str, Any], log: str) -> Check:
    what = "redis persistence"
    if "aof_enabled" not in info:
        says = f"{UNSAID} that it runs with appendonly yes"
        return Check(what, Level.WARNING, says, "redis-persistence")
    if not info["aof_enabled"]:
        says = (
            "appendonly is off: a restart of Redis loses queued submissions; set"
            " `appendonly yes`"
        )
        return Check(what, Level.WRONG, says, "redis-persistence")
    if info.get("aof_last_write_status", "ok") != "ok":
        says = f"its last write failed: look at {log}, and make room on its disk"
        return Check(what, Level.WRONG, says, "redis-persistence")
    return Check(what, Level.OK, "appendonly is on")


def _eviction(info: dict[str, Any]) -> Check:
    what, policy = "redis eviction", info.get("maxmemory_policy")
    if policy is None:
        says = f"{UNSAID} that maxmemory-policy is noeviction"
        return Check(what, Level.WARNING, says, "redis-eviction")
    if policy != "noeviction":
        says = (
            f"maxmemory-policy is {policy}: Redis may delete queued submissions; set"
            " `maxmemory-policy noeviction`"
        )
        return Check(what, Level.WRONG, says, "redis-eviction")
    return Check(what, Level.OK, "maxmemory-policy is noeviction")


def clock_check(what: str, ahead: float) -> Check:
    """Checks a clock that is ``ahead`` seconds ahead of this machine's clock."""
    if abs(ahead) > CLOCK_SECONDS:
        way = "ahead of" if ahead > 0 else "behind"
        says = (
            f"it is {abs(ahead):.1f} s {way} this machine: synchronise both (NTP), or"
            " deadlines and rates are wrong"
        )
        return Check(what, Level.WRONG, says, "clock")
    return Check(what, Level.OK, f"within {CLOCK_SECONDS:g} s of this machine")
