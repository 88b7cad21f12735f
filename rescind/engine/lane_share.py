"""One operation's share of a transaction for many lanes, and its outcome."""

from __future__ import annotations

from dataclasses import dataclass, field

from rescind.config.accounts import Lane
from rescind.engine.call_results import CallResult
from rescind.engine.inbox import Entry
from rescind.engine.lane_operation import LaneOperation
from rescind.ledger.changes.lane_states import LaneState
from rescind.ledger.progress import Change, Claimed

GOOD = LaneState()


@dataclass(eq=False, slots=True)
class Share:
    """One operation's share of a transaction, and its outcome."""

    operation: LaneOperation
    results: list[CallResult] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    room: int = 0
    """How many calls it may claim."""
    backlog: bool = False
    """Whether the ledger may hold due orders."""
    in_flight: int = 0
    """Calls under way, without those of ``results``."""
    # --- its outcome: see ``reset`` ---
    changes: list[Change] = field(default_factory=list)
    state: LaneState = GOOD
    allowed: int = 0
    """Calls that the lane may have under way."""
    calls: int = 0
    """How many calls it may claim now: ``room``, limited by the lane's state."""
    claims: bool = False
    """Whether it claims orders from the ledger."""
    asked: int = 0
    """The number of orders in its claim, at most."""
    drained: bool = False
    """Whether it found fewer due orders than it asked for."""
    claimed: list[Claimed] = field(default_factory=list)
    held_back: list[CallResult] = field(default_factory=list)
    """Results for claimed orders that must not be called now."""
    inserted: frozenset[str] = frozenset()
    """The ids of its entries, and of their dependents, that were inserted."""
    waiting: int = 0
    """Due orders left, if the lane has a rate."""

    @property
    def lane(self) -> Lane:
        return self.operation.lane

    @property
    def rows(self) -> int:
        """Rows that it has written, about."""
        results = sum(len(one.claimed) for one in self.results)
        new = sum(entry.rows for entry in self.entries)
        return results + new + len(self.claimed)

    @property
    def free(self) -> bool:
        """Whether the lane may be called without restraint."""
        return self.allowed == self.operation.policy.concurrency

    def reset(self) -> None:
        """Forget the outcome: the transaction is made again."""
        self.calls, self.claims = self.room, self.backlog
        self.claimed, self.held_back, self.inserted = [], [], frozenset()
        self.asked = self.waiting = 0
        self.drained = False
