"""Times that people write without an offset, in the time zone of their browser."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LONGEST_NAME = 64


def zone_named(name: str) -> ZoneInfo:
    """The time zone that a browser names, or UTC if it is not known here."""
    try:
        return ZoneInfo(name[:LONGEST_NAME] or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def with_offset(written: str, zone: ZoneInfo) -> str:
    """``written`` with the offset of ``zone``, if it is a time without an offset.

    Any other text is returned unchanged: intake checks it. A time that the clocks of
    the zone pass over is returned unchanged, too, and so is refused. Of a time that
    they show twice, the first is meant.
    """
    try:
        moment = datetime.fromisoformat(written.strip())
        if moment.tzinfo is not None:
            return written
        aware = moment.replace(tzinfo=zone)
        back = aware.astimezone(UTC).astimezone(zone)
    except (ValueError, OverflowError):
        return written
    return aware.isoformat() if back.replace(tzinfo=None) == moment else written
