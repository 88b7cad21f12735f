"""The orders of one call, with its id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rescind.ledger.progress import Claimed
from rescind.provider.outcomes import Order


@dataclass(frozen=True, slots=True)
class Batch:
    """The orders of one call."""

    call: str
    """The id of the call."""
    claimed: Sequence[Claimed]
    orders: Sequence[Order]


class UnbuildableError(Exception):
    """No request could be built from the orders. Nothing was sent."""
