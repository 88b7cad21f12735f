"""Times as the ledger stores them: whole milliseconds since 1970 UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache


def in_ms(moment: datetime) -> int:
    """Milliseconds since 1970 UTC."""
    return round(moment.timestamp() * 1000)


def to_ms(moment: datetime | None) -> int | None:
    return None if moment is None else in_ms(moment)


def from_ms(value: int | None) -> datetime | None:
    return None if value is None else moment(value)


@lru_cache(maxsize=1024)  # rows of one message share their times
def moment(value: int) -> datetime:
    return datetime.fromtimestamp(value / 1000, UTC)
