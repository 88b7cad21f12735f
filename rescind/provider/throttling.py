"""How long a throttling provider asks us to wait."""

from __future__ import annotations

import email.utils
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

LONGEST_WAIT = timedelta(hours=1)
"""Longest wait that we obey; after it the provider is called again."""


def throttle_wait(
    headers: Mapping[str, str], now: datetime, default: timedelta
) -> timedelta:
    """The wait that a 429 asks for: ``Retry-After`` (seconds or a date), or notpanel's
    ``X-RateLimit-Reset`` (Unix seconds); else ``default``."""
    asked = retry_after(headers.get("retry-after", ""), now)
    if asked is None:
        asked = _reset(headers.get("x-ratelimit-reset", ""), now)
    if asked is None:
        return default
    return bounded(asked)


def bounded(asked: timedelta) -> timedelta:
    """The wait that we obey: at least a second, at most ``LONGEST_WAIT``."""
    return min(max(asked, timedelta(seconds=1)), LONGEST_WAIT)


def retry_after(value: str, now: datetime) -> timedelta | None:
    """The wait in ``Retry-After``: seconds, or a date; ``None`` if it is neither."""
    if value.strip().isascii() and value.strip().isdigit():
        return timedelta(seconds=min(int(value.strip()[:9]), 86_400))
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=moment.tzinfo or UTC) - now


def _reset(value: str, now: datetime) -> timedelta | None:
    if not (value.strip().isascii() and value.strip().isdigit()):
        return None
    # One second more: Reset is rounded down, and clocks differ a little.
    return timedelta(seconds=int(value.strip()[:12]) + 1 - now.timestamp())
