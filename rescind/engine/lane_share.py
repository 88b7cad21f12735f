"""One operation's part of a transaction for many lanes, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from rescind.config.accounts import Lane
from rescind.engine.call_results import CallResult
from rescind.engine.lane_operation import Entry, LaneOperation
from rescind.ledger.changes.lane_states import LaneState
from rescind.ledger.progress import Change, Claimed

GOOD = LaneState()


@dataclass(eq=False, slots=True)
class Share:
    """One operation's part of a transaction, and what came of it."""

    operation: LaneOperation
    results: list[CallResult] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    room: int = 0
    """For so many calls it may claim."""
    backlog: bool = False
    """Whether the ledger may hold orders that are due."""
    in_flight: int = 0
    """Its calls under way, without ``results``."""
    # --- what came of it: see ``reset`` ---
    changes: list[Change] = field(default_factory=list)
    state: LaneState = GOOD
    allowed: int = 0
    """Calls that the lane may have under way."""
    calls: int = 0
    claims: bool = False
    direct: int = 0
    """Entries that were inserted as claimed, from the first one on."""
    asked: int = 0
    """For so many orders it asked the ledger."""
    claimed: list[Claimed] = field(default_factory=list)
    held_back: list[CallResult] = field(default_factory=list)
    """Of what was claimed, what is not to be called now."""
    inserted: list[str] = field(default_factory=list)
    waiting: int = 0
    """Due orders left, where the lane has a rate."""

    @property
    def lane(self) -> Lane:
        return self.operation.lane

    @property
    def rows(self) -> int:
        """Rows that it has written."""
        results = sum(len(one.claimed) for one in self.results)
        return results + len(self.entries) + len(self.claimed)

    @property
    def free(self) -> bool:
        """Whether the lane may be called without restraint."""
        return self.allowed == self.operation.policy.concurrency

    def reset(self) -> None:
        """Forget what came of it: the transaction is made once more."""
        self.calls, self.claims = self.room, self.backlog
        self.claimed, self.held_back, self.inserted = [], [], []
        self.direct = self.asked = self.waiting = 0
