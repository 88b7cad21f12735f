"""The state of one cancellation as values: what a claim returns and a decision
changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rescind.ledger.states import State
from rescind.provider.outcomes import Order, Reason

NOT_DUE = datetime(9000, 1, 1, tzinfo=UTC)
"""``due_at`` of what waits for others: no sweep and no claim finds it due."""


@dataclass(frozen=True, slots=True)
class Progress:
    """All that a decision may change. Every decision returns a complete one."""

    state: State
    reason: Reason | None = None
    provider_code: str | None = None
    provider_message: str | None = None
    attempts: int = 0
    """Cancel calls in all rounds that may have reached the provider."""
    spent: int = 0
    """``attempts`` of this round; ``policy.max_attempts`` limits it."""
    polls: int = 0
    """Answered read-backs in all rounds."""
    lost: bool = False
    """Whether a call may have been acted on, and nothing since has disproved it."""
    hint: Reason | None = None
    """Why the latest cancel was refused, while the order is being read back."""
    sent_at: datetime | None = None
    """Latest moment at which a call that may have acted was in progress."""
    since: datetime | None = None
    """When this verifying or polling began."""
    step: int = 0
    """Position in the schedule of resends, verifications or polls."""
    batch_cap: int | None = None
    """Largest batch in which it may be sent, after a whole batch was refused."""
    due_at: datetime | None = None
    """When it is due; while a worker holds it, when that worker's lease runs out."""
    finished_at: datetime | None = None


# Not frozen: a frozen one takes four times as long to make, and each order has one.
@dataclass(slots=True)
class Claimed:
    """A cancellation that a worker has claimed. ``version`` is its fencing token."""

    id: str
    order: Order
    version: int
    opened_at: datetime
    """When this round began, or was first due."""
    progress: Progress
    cancel_before: datetime | None = None
    sealed: str | None = field(default=None, repr=False)
    trace: str | None = None
    """The producer's trace context."""
    waits: bool = False
    """Whether its predecessors keep it from being sent. Soon after a restore it is read
    all the same: it may have been sent in the time that the ledger lacks."""

    def past_deadline(self, now: datetime) -> bool:
        return self.cancel_before is not None and self.cancel_before <= now


@dataclass(frozen=True, slots=True)
class Change:
    """One decided change for all ``ids``. It is made for those still as claimed."""

    ids: Sequence[str]
    version: int
    from_state: State
    to: Progress
    call_id: str | None = None
    evidence: str | None = None
    attempted: bool = False
    """Whether it ends attempts: cancels that may have reached the provider."""
    by: str | None = None
    """The actor who asked for it; ``None`` if it is Rescind's own decision."""
    cancellable_until: datetime | None = None
    """Until when the provider cancels the order, if its reply said so."""


JsonObject = Mapping[str, Any]
