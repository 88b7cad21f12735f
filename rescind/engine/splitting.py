"""Splits the orders of one claim into the calls that a provider wants for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import structlog

from rescind.provider.interface import Provider
from rescind.provider.outcomes import Order

log = structlog.get_logger("rescind.calls")


def places_by_call(
    provider: Provider[Any], operation: str, orders: Sequence[Order]
) -> list[list[int]]:
    """For each call, the places in ``orders`` of its orders: each place in one call.

    If the provider's split raises, or loses or doubles an order, each order has a
    call of its own. Never raises.
    """
    if len(orders) <= 1:
        return [[place] for place in range(len(orders))]
    place_of = {id(order): place for place, order in enumerate(orders)}
    split = provider.split if operation == "cancel" else provider.split_reading
    try:
        parts = [[place_of[id(one)] for one in part] for part in split(orders)]
    except Exception:
        log.exception("the split of a provider failed", provider=provider.name)
        parts = []
    times = Counter(place for part in parts for place in part)
    if times != Counter(range(len(orders))):
        log.error("a provider split a claim wrongly", provider=provider.name)
        return [[place] for place in range(len(orders))]
    return [part for part in parts if part]
