"""Periods of a list: absolute times, or relative ones such as ``-7d`` and ``today``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from fastapi import Request

from rescind.config.times import parse_time
from rescind.dashboard.page_guard import RefusedError
from rescind.dashboard.submission.browser_zone import COOKIE, zone_of
from rescind.dashboard.translation import _
from rescind.intake.local_times import with_offset
from rescind.ledger.storage.milliseconds import to_ms

TODAY = "today"
UNITS = {"m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Period:
    """From ``first`` to before ``end``, in ms; and both as they were written."""

    since: str = ""
    until: str = ""
    first: int | None = None
    end: int | None = None

    def in_zone(self, zone: tzinfo) -> tuple[str, str]:
        """Both times as a form has them that names this zone beside its fields."""
        return _in_zone(self.since, zone), _in_zone(self.until, zone)


ALWAYS = Period()


def presets() -> list[tuple[str, str]]:
    """The values of ``since`` that a page offers, each with its name."""
    return [
        ("-1h", _("last hour")),
        (TODAY, _("today")),
        ("-7d", _("last 7 days")),
        ("-30d", _("last 30 days")),
    ]


def period_fields(request: Request, period: Period) -> dict[str, Any]:
    """The values with which a page shows the fields of a period."""
    zone, known = zone_of(request), COOKIE in request.cookies
    written = (period.since, period.until)
    shown = period.in_zone(zone) if known else written
    return {"zone": zone, "period": shown, "presets": presets()}


def period_of(since: str, until: str, now: datetime) -> Period:
    """The period of these fields.

    Raises ``RefusedError`` for what is no time, and if it ends before it begins.
    Times without an offset, and the beginning of today, are in the zone of ``now``.
    """
    written = (since.strip(), until.strip())
    first, end = (_moment(one, now) for one in written)
    if first is not None and end is not None and end <= first:
        why = _(
            "The period ends before it begins: write a later end."
            " A day without a time means the beginning of that day."
        )
        raise RefusedError(why, 422)
    return Period(*written, to_ms(first), to_ms(end))


def _in_zone(written: str, zone: tzinfo) -> str:
    """A time with an offset as the zone's clocks show it; any other text unchanged.

    A time that the clocks show twice keeps its offset.
    """
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        return written
    if moment.tzinfo is None:
        return written
    shown = moment.astimezone(zone).replace(tzinfo=None)
    text = shown.isoformat(" ", _precision(shown))
    is_read_back = datetime.fromisoformat(with_offset(text, zone)) == moment
    return text if is_read_back else written


def _precision(shown: datetime) -> str:
    if shown.microsecond:
        return "milliseconds"
    return "seconds" if shown.second else "minutes"


def _moment(written: str, now: datetime) -> datetime | None:
    if not written:
        return None
    if written == TODAY:
        return now.replace(hour=0, minute=0, second=0, microsecond=0)
    ago = re.fullmatch(r"-([0-9]{1,5})([mhd])", written)
    if ago:
        return now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
    try:
        zone = now.tzinfo
        assert zone is not None  # noqa: S101  (every time of ours has a zone)
        return parse_time(with_offset(written, zone), now)
    except ValueError:
        why = _("This is no time: write 2026-11-20 18:00, 20.11.2026, -7d or today.")
        raise RefusedError(why, 422) from None
