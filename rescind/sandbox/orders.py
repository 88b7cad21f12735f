"""Orders of the simulated providers: the true state, and a record of all calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any


def share(*parts: object) -> float:
    """A number from 0 up to, not including, 1 that depends only on ``parts``."""
    digest = blake2b(":".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def pick(weights: Mapping[str, int], fraction: float) -> str:
    """The name at this fraction of the cumulated weights."""
    left = fraction * sum(weights.values())
    for name, weight in weights.items():
        left -= weight
        if left < 0:
            return name
    return list(weights)[-1]


class Event:
    """One call that named an order, and what became of it."""

    __slots__ = ("acted", "active", "answered", "fault", "op", "status", "t")

    def __init__(self, t: float, op: str, fault: str | None) -> None:
        self.t = t
        self.op = op
        self.fault = fault
        self.acted = False
        self.answered = False
        self.status: int | None = None
        self.active: bool | None = None

    def shown(self) -> dict[str, Any]:
        return {
            "t": round(self.t, 4),
            "op": self.op,
            "acted": self.acted,
            "fault": self.fault,
            "answered": self.answered,
            "status": self.status,
            "active": self.active,
        }


class Order:
    """One order: its state in the provider's words, and its pending change."""

    __slots__ = (
        "auto",
        "changed",
        "dues",
        "ends",
        "events",
        "id",
        "items",
        "options",
        "state",
        "was",
    )

    def __init__(self, order_id: str, state: str, auto: bool = False) -> None:
        self.id = order_id
        self.state = state
        self.auto = auto
        self.was = ""
        self.events: list[Event] = []
        self.ends = ""
        """The state after the pending change."""
        self.changed = 0.0
        """When a cancel took effect."""
        self.dues: dict[str, float] | None = None
        """When a pending change takes effect, by item; the key "" is the order."""
        self.items: dict[str, str] | None = None
        self.options: Mapping[str, Any] = NO_OPTIONS

    def change_later(self, state: str, due: float) -> None:
        self.ends, self.dues = state, {"": due}

    def settle(self, now: float) -> None:
        """Apply the pending changes that are due."""
        for key, due in list((self.dues or {}).items()):
            if now < due:
                continue
            if self.dues:
                del self.dues[key]
            if key and self.items:
                self.items[key] = "cancelled"
            elif not key:
                self.state = self.ends


NO_OPTIONS: Mapping[str, Any] = {}


def rows_of(ids: str) -> Sequence[str]:
    """The ids in a comma-separated text."""
    return [part.strip() for part in ids.split(",") if part.strip()]
