"""What the demo's judge compares: the ledger's rows, and what the providers saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LedgerRow = Mapping[str, Any]
"""A cancellation as ``rescind.ledger.reading.queries.as_record`` gives it."""
Wish = tuple[str, str, str]
"""Provider, account and key: what makes a cancellation one."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One call about one order, as the provider saw it."""

    op: str
    acted: bool = False
    """The provider got as far as deciding about the order."""
    changed: bool = False
    """It changed the order."""
    told: bool = False
    """An answer that can be read was given to a caller who was still there."""
    status: int | None = None
    active: bool | None = None
    """Whether the answer showed the order as not cancelled."""


@dataclass(frozen=True, slots=True)
class Order:
    """One order's truth at the end, and every call about it, oldest first."""

    provider: str
    order: str
    truth: str
    """cancelled, partial, cancelling, active, completed, unsupported or missing."""
    calls: Sequence[Seen] = ()
    items: Mapping[str, str] = field(default_factory=dict)
    """Akinon: the truth of each item, cancelled and cancelling apart."""

    @property
    def changed_by_us(self) -> bool:
        return any(call.op == "cancel" and call.changed for call in self.calls)


@dataclass(frozen=True, slots=True)
class Offence:
    """One order of which the ledger's word, or our conduct, was not good."""

    provider: str
    order: str
    why: str
