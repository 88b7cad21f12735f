"""When a schedule is due. Pure functions: the caller passes the time.

Cron lines follow Debian's cron when clocks change. A moment in an hour that is skipped
runs as soon as that hour would end. A moment in an hour that is repeated runs in the
first one. Lines with a ``*`` for the minute or hour follow real time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from cronsim import CronSim, CronSimError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LEAST_INTERVAL = timedelta(minutes=1)
LONGEST_SPAN = timedelta(days=366)
SECOND = timedelta(seconds=1)
REACHES = (timedelta(hours=1), timedelta(days=1), timedelta(days=32))
"""The spans in which ``latest`` searches first, before it searches all of the time."""
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Timing(Protocol):
    """The moments of a schedule. ``str`` is the same for the same moments."""

    def next_after(self, moment: datetime) -> datetime | None:
        """The first moment later than ``moment``, in UTC; ``None`` means never."""


@dataclass(frozen=True, slots=True)
class Every:
    """Moments at equal intervals, counted from the beginning of 1970 UTC."""

    interval: timedelta

    def next_after(self, moment: datetime) -> datetime:
        passed = (moment - EPOCH) // self.interval
        return EPOCH + (passed + 1) * self.interval

    def __str__(self) -> str:
        return f"every {self.interval // SECOND} s"


@dataclass(frozen=True, slots=True)
class Cron:
    """The moments of a cron line, by the clocks of ``zone``."""

    line: str
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))

    def next_after(self, moment: datetime) -> datetime | None:
        for found in CronSim(self.line, moment.astimezone(self.zone)):
            # In a repeated hour, CronSim begins again with the first one.
            if (at := found.astimezone(UTC)) > moment:
                return at
        return None

    def __str__(self) -> str:
        return f"cron {self.line} {self.zone.key}"


def latest(timing: Timing, after: datetime, until: datetime) -> datetime | None:
    """The latest moment later than ``after`` and not later than ``until``."""
    for reach in (*REACHES, until - after):
        start = max(after, until - reach)
        found = _last(timing, start, until)
        if found is not None or start == after:
            return found
    return None


def _last(timing: Timing, after: datetime, until: datetime) -> datetime | None:
    found: datetime | None = None
    coming = timing.next_after(after)
    while coming is not None and coming <= until:
        found, coming = coming, timing.next_after(coming)
    return found


# --- parsing ----------------------------------------------------------------------


def parse_cron(line: str, zone: ZoneInfo) -> Cron:
    """Raises ``ValueError`` with a sentence."""
    text = " ".join(line.split())
    form = 'five fields, such as "30 2 * * *": minute, hour, day, month, day of week'
    if len(text.split()) != 5:
        raise ValueError(f"cron must have {form}")
    cron = Cron(text, zone)
    try:
        coming = cron.next_after(EPOCH)
    except CronSimError as error:
        why = str(error).removeprefix("Bad ")
        raise ValueError(f"cron: its {why} is wrong; it must have {form}") from None
    if coming is None:
        raise ValueError(f"cron {text!r} names a day that never comes")
    return cron


def parse_every(text: str) -> Every:
    """Raises ``ValueError`` with a sentence."""
    return Every(parse_span("every", text, LEAST_INTERVAL))


def parse_span(name: str, text: str, least: timedelta) -> timedelta:
    """A duration such as ``15m``; raises ``ValueError`` with a sentence."""
    found = re.fullmatch(r"([1-9]\d{0,7})([smhd])", text.strip(), re.ASCII)
    if found is None:
        raise ValueError(f"{name} must be such as 15m, 6h or 1d")
    span = timedelta(**{_UNITS[found[2]]: int(found[1])})
    if not least <= span <= LONGEST_SPAN:
        raise ValueError(
            f"{name} must be at least {least // SECOND} seconds and at most"
            f" {LONGEST_SPAN.days} days"
        )
    return span


def parse_zone(name: str) -> ZoneInfo:
    """Raises ``ValueError`` with a sentence."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        near = get_close_matches(name, available_timezones(), 1)
        hint = f"did you mean {near[0]}?" if near else "use one such as Europe/Istanbul"
        raise ValueError(f"timezone: there is no {name[:40]!r}: {hint}") from None
