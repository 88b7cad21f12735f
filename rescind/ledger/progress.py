"""What is known of one cancellation, as values: what a claim brings and what a
decision replaces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rescind.ledger.states import State
from rescind.provider.outcomes import Order, Reason


@dataclass(frozen=True, slots=True)
class Progress:
    """All that a decision may change. Every decision returns a whole one."""

    state: State
    reason: Reason | None = None
    provider_code: str | None = None
    provider_message: str | None = None
    attempts: int = 0
    """Cancel calls that may have reached the provider, ever."""
    spent: int = 0
    """The same in this round; ``policy.max_attempts`` bounds it."""
    polls: int = 0
    """Readings that were answered, ever."""
    lost: bool = False
    """A call may have been acted on, and nothing since has disproved it."""
    hint: Reason | None = None
    """Why the latest cancel was refused, while that is being read back."""
    sent_at: datetime | None = None
    """When the latest call that may have acted was under way at the latest."""
    since: datetime | None = None
    """When this verifying or polling began."""
    step: int = 0
    """Place in the schedule of resends, verifications or polls."""
    batch_cap: int | None = None
    """Goes with no more than this many others, since a batch was refused whole."""
    due_at: datetime | None = None
    """When to look again; while a worker holds it, when its lease runs out."""
    finished_at: datetime | None = None


# Not frozen, which takes four times as long to make: there is one for each order.
@dataclass(slots=True)
class Claimed:
    """A cancellation that a worker holds. ``version`` is its fencing token."""

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

    def past_deadline(self, now: datetime) -> bool:
        return self.cancel_before is not None and self.cancel_before <= now


@dataclass(frozen=True, slots=True)
class Change:
    """One decided change of all of ``ids``, made of those that are still as claimed."""

    ids: Sequence[str]
    version: int
    from_state: State
    to: Progress
    call_id: str | None = None
    evidence: str | None = None
    attempted: bool = False
    """Whether it ends attempts: cancels that may have reached the provider."""


JsonObject = Mapping[str, Any]
