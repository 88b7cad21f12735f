"""The two kinds of orders: Shiprocket's own order ids, and AWBs of couriers.

Both may be digits alone, and each has a cancel call of its own. A prefix says which one
an identifier is: ``order:16168898`` or ``awb:141123221084922``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rescind.provider import Order

ORDER, AWB = "order:", "awb:"
PATTERN = re.compile(rf"{ORDER}[1-9][0-9]{{0,17}}|{AWB}[0-9A-Za-z-]{{4,40}}")
FORM = (
    "order:ID with the Shiprocket order id (not the shop's own number), such as"
    " order:16168898, or awb:AWB with 4 to 40 letters, digits and hyphens, such as"
    " awb:141123221084922"
)

CANCELLED_AT_ONCE = {ORDER: 100, AWB: 2000}
"""Most of one kind in a cancel call: of AWBs [D], of orders our own courtesy [A]."""
READ_AT_ONCE = {ORDER: 1, AWB: 50}
"""Most of one kind in a reading [D]."""


def is_awb(order: Order) -> bool:
    return order.id.startswith(AWB)


def bare(order: Order) -> str:
    """The identifier as Shiprocket knows it."""
    return order.id.partition(":")[2]


def canonical(order: str) -> str:
    """Couriers print AWBs in capitals, and no two differ in their case alone [A]."""
    kind, colon, rest = order.partition(":")
    return f"{kind}{colon}{rest.upper()}"


def in_calls(
    orders: Sequence[Order], most: dict[str, int]
) -> Iterator[Sequence[Order]]:
    """``orders`` by the call that each belongs into: of one kind, and not too many."""
    for kind, size in most.items():
        alike = [one for one in orders if one.id.startswith(kind)]
        for start in range(0, len(alike), size):
            yield alike[start : start + size]
