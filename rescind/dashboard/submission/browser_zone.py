"""The time zone of the reader's browser."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import Request

LONGEST_NAME = 64
COOKIE = "rescind_zone"
"""The cookie in which the page's script names the browser's time zone."""


def zone_named(name: str) -> ZoneInfo:
    """The time zone that a browser names, or UTC if it is not known here."""
    try:
        return ZoneInfo(name[:LONGEST_NAME] or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def zone_of(request: Request) -> ZoneInfo:
    """The time zone of the reader's browser; UTC without scripts."""
    return zone_named(request.cookies.get(COOKIE, ""))


def local_now(request: Request, now: datetime) -> datetime:
    """``now`` in the time zone of the reader's browser; in UTC without scripts."""
    return now.astimezone(zone_of(request))
