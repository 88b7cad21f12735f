"""Every order's truth, and the record of every call about it.

Made to hold hundreds of thousands of orders: one small object an order, and one a
call, shared by all the orders that the call is about.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from itertools import accumulate
from typing import Any

from sandbox.options import Settings


class Call:
    """One request: what it asked for, and what became of it."""

    __slots__ = (
        "acted",
        "answered",
        "changed",
        "fault",
        "number",
        "operation",
        "status",
        "t",
    )

    def __init__(self, t: float, number: int, operation: str) -> None:
        self.t = t
        self.number = number
        self.operation = operation
        self.fault: str | None = None
        self.acted = False
        """The provider got as far as deciding about its orders."""
        self.changed: list[str] | None = None
        """The orders that this call changed."""
        self.answered = False
        """A whole answer was written to a connection that was still open."""
        self.status: int | None = None

    def event(self, order: str) -> dict[str, Any]:
        return {
            "t": round(self.t, 6),
            "call": self.number,
            "op": self.operation,
            "acted": self.acted,
            "changed": self.changed is not None and order in self.changed,
            "fault": self.fault,
            "answered": self.answered,
            "status": self.status,
        }


class Order:
    """One order: its state now, and the one that comes by itself."""

    __slots__ = (
        "calls",
        "due",
        "id",
        "items",
        "next",
        "seeded",
        "state",
        "then",
        "was",
    )

    def __init__(self, name: str, state: str, then: str = "") -> None:
        self.id = name
        self.state = state
        self.then = then
        """What a cancel will lead to, where more than one end is possible."""
        self.next = ""
        self.due = 0.0
        """When ``next`` becomes ``state``."""
        self.was = ""
        """The state before the last change, for who is slow to notice it."""
        self.items: dict[str, str] | None = None
        self.seeded = False
        self.calls: list[Call] = []

    def now(self, now: float) -> str:
        """The state, once what was due has happened."""
        if self.next and now >= self.due:
            self.become(self.next, now)
        return self.state

    def become(self, state: str, now: float) -> None:
        self.was, self.state, self.next, self.due = self.state, state, "", now

    def later(self, state: str, due: float) -> None:
        self.next, self.due = state, due


class Shares:
    """Words with weights; a number picks one, always the same."""

    def __init__(self, **weights: int) -> None:
        self.words = tuple(weights)
        self._ends = tuple(accumulate(weights.values()))

    def pick(self, number: int) -> str:
        return self.words[bisect_right(self._ends, number % self._ends[-1])]


class World:
    """All orders of all providers."""

    def __init__(self, settings: Settings, providers: Sequence[str]) -> None:
        self.settings = settings
        self.orders: dict[str, dict[str, Order]] = {name: {} for name in providers}
        self._calls = 0

    def chance(self, provider: str, order: str, salt: str = "") -> int:
        """A number that is always the same for one order of one seed."""
        text = f"{self.settings.seed}/{provider}/{order}/{salt}"
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8)
        return int.from_bytes(digest.digest(), "big")

    def call(self, now: float, operation: str) -> Call:
        self._calls += 1
        return Call(now, self._calls, operation)

    def clear(self) -> None:
        for orders in self.orders.values():
            orders.clear()
        self._calls = 0

    def each(self, provider: str | None = None) -> Iterator[tuple[str, Order]]:
        names = [provider] if provider else list(self.orders)
        return ((name, one) for name in names for one in self.orders[name].values())
