"""Params that hold personal data: unsealed for a call, and masked in its reply."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rescind.ledger.progress import Claimed
from rescind.ledger.seal import Seal
from rescind.provider.outcomes import (
    Order,
)


def unsealed_order(claimed: Claimed, seal: Seal) -> Order:
    if claimed.sealed is None:
        return claimed.order
    personal = seal.open(claimed.sealed)
    return Order(claimed.order.id, {**claimed.order.params, **personal})


def personal_texts(orders: Sequence[Order]) -> Iterator[str]:
    """Every text in params that are dicts of texts. These are IBANs and names."""
    for order in orders:
        for value in order.params.values():
            if isinstance(value, dict):
                yield from (v for v in value.values() if isinstance(v, str))
