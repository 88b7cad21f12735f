"""The times of an entry: from when, and until when, its order may be cancelled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rescind.config.times import parse_time
from rescind.provider.outcomes import InvalidRequestError


def times_of(
    entry: Mapping[str, Any], now: datetime
) -> tuple[datetime | None, datetime | None]:
    """``not_before`` and ``cancel_before``; raises ``InvalidRequestError``."""
    not_before = _time(entry, "not_before", now)
    cancel_before = _time(entry, "cancel_before", now)
    if not_before and cancel_before and cancel_before <= not_before:
        says = "cancel_before must be later than not_before"
        raise InvalidRequestError(says, param="/cancel_before")
    return not_before, cancel_before


def check_window(not_before: datetime | None, until: datetime | None) -> None:
    """Raise ``InvalidRequestError`` if its provider cancels an order only ``until`` a
    time that is not later than ``not_before``."""
    if not_before and until and until <= not_before:
        says = (
            "not_before must be earlier than"
            f" {until.isoformat(timespec='seconds')}: the provider cancels this order"
            " only until then"
        )
        raise InvalidRequestError(says, param="/not_before")


def _time(entry: Mapping[str, Any], name: str, now: datetime) -> datetime | None:
    value = entry.get(name)
    if value is None:
        return None
    try:
        return parse_time(value, now)
    except ValueError as error:
        raise InvalidRequestError(f"{name} {error}", param=f"/{name}") from None
