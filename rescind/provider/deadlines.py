"""Until when a provider cancels an order, guarded against faults of its package."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rescind.provider.guarded import asked
from rescind.provider.interface import Provider
from rescind.provider.outcomes import InvalidRequestError


def provider_deadline(
    provider: Provider[Any], order: str, params: Mapping[str, Any]
) -> datetime | None:
    """What ``cancellable_until`` says of an order and its open params; ``None`` if it
    raises, which is logged, or gives no time with a time zone. Never raises.

    Without it, a late cancel is refused by the provider, so nothing becomes untrue.
    """
    try:
        found = asked(
            provider, lambda: provider.cancellable_until(order, params), lambda _: None
        )
    except InvalidRequestError:
        return None
    has_zone = isinstance(found, datetime) and found.utcoffset() is not None
    return found if has_zone else None


def earlier(one: datetime | None, other: datetime | None) -> datetime | None:
    """The earlier of two deadlines, of which either may be missing."""
    if one is None or other is None:
        return one or other
    return min(one, other)
