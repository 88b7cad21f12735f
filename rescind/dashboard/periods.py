"""Periods of a list: absolute times, or relative ones such as ``-7d`` and ``today``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rescind.config.times import parse_time
from rescind.dashboard.page_guard import RefusedError
from rescind.dashboard.translation import _
from rescind.ledger.storage.milliseconds import to_ms

TODAY = "today"
DATE = re.compile(r"\d{4}-\d\d-\d\d")
NO_ZONE = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?")
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Period:
    """From ``first`` to before ``end``, in ms; and both as they were written."""

    since: str = ""
    until: str = ""
    first: int | None = None
    end: int | None = None


ALWAYS = Period()


def presets() -> list[tuple[str, str]]:
    """The values of ``since`` that a page offers, each with its name."""
    return [
        ("-1h", _("last hour")),
        (TODAY, _("today (UTC)")),
        ("-7d", _("last 7 days")),
        ("-30d", _("last 30 days")),
    ]


def period_of(since: str, until: str, now: datetime) -> Period:
    """The period of these fields; raises ``RefusedError`` for what is no time."""
    written = (since.strip(), until.strip())
    first, end = (_moment(one, now) for one in written)
    return Period(*written, to_ms(first), to_ms(end))


def _moment(written: str, now: datetime) -> datetime | None:
    if not written:
        return None
    if written == TODAY:
        return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    ago = re.fullmatch(r"-([0-9]{1,5})([mhd])", written)
    if ago:
        return now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
    try:
        return parse_time(_with_zone(written), now)
    except ValueError:
        why = _("This is no time: write 2026-11-20T18:00 (UTC), -7d or today.")
        raise RefusedError(why, 422) from None


def _with_zone(written: str) -> str:
    """A time without a zone is in UTC, as the page says; a date begins its day."""
    if DATE.fullmatch(written):
        return f"{written}T00:00Z"
    return f"{written}Z" if NO_ZONE.fullmatch(written) else written
