"""The data that the demo's oracle compares: ledger rows and providers' records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LedgerRow = Mapping[str, Any]
"""A cancellation in the form of ``rescind.ledger.reading.queries.as_record``."""
Wish = tuple[str, str, str]
"""Provider, account and key, which identify a cancellation."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One call about one order, as the provider saw it."""

    op: str
    acted: bool = False
    """Whether the provider processed the call, and decided about the order."""
    changed: bool = False
    """Whether the call changed the order."""
    answered: bool = False
    """Whether the caller was still connected and got a readable answer."""
    status: int | None = None
    active: bool | None = None
    """Whether the answer showed the order as not cancelled."""


@dataclass(frozen=True, slots=True)
class Order:
    """One order's true state at the end, and every call about it, oldest first."""

    provider: str
    order: str
    truth: str
    """cancelled, partial, cancelling, active, completed, unsupported or missing."""
    calls: Sequence[Seen] = ()
    items: Mapping[str, str] = field(default_factory=dict)
    """The state of each item, at Akinon; cancelled and cancelling differ."""

    @property
    def changed_by_us(self) -> bool:
        return any(call.op == "cancel" and call.changed for call in self.calls)


@dataclass(frozen=True, slots=True)
class Offence:
    """One order for which the ledger is wrong, or Rescind behaved wrongly."""

    provider: str
    order: str
    why: str
