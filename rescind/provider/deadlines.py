"""Until when a provider cancels an order, guarded against faults of its package."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rescind.provider.interface import Provider


def provider_deadline(
    provider: Provider[Any], order: str, params: Mapping[str, Any]
) -> datetime | None:
    """What ``cancellable_until`` says of an order and its open params; ``None`` if it
    raises, or gives no time with a time zone. Never raises.

    Without it, a late cancel is refused by the provider, so nothing becomes untrue.
    """
    try:
        found = provider.cancellable_until(order, params)
    except Exception:  # noqa: BLE001  (a fault of one package must not hide a row)
        return None
    has_zone = isinstance(found, datetime) and found.utcoffset() is not None
    return found if has_zone else None


def earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    """The earlier of two deadlines, of which either may be missing."""
    if one is None or other is None:
        return one or other
    return min(one, other)
