"""Until when a call may be sent: its lease, its orders' deadlines, its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rescind.engine.rate_limiter import Place
from rescind.ledger.decision_events import Event, PutBack
from rescind.ledger.progress import Claimed
from rescind.provider.policy import Policy

ON_THE_WAY = timedelta(milliseconds=50)
"""What a call takes, as a rule at most, from our last look at the clock to the wire."""


class TooLateError(Exception):
    """A deadline, or its place, would pass before the call is on the wire; nothing was
    sent."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When the lease of a call ends, when the nearest ``cancel_before`` comes, and its
    place in the lane's rate."""

    lease_ends: datetime
    deadline: datetime | None
    place: Place

    def send_by(self, policy: Policy, now: datetime) -> datetime:
        """Until when the request may go out, whatever a connection takes.

        Raises ``TooLateError`` where the nearest deadline has come, or its place has
        been kept for too long.
        """
        # Sent later, it could still be acted on when others already read it back.
        leased = self.lease_ends - timedelta(seconds=2 * policy.read_timeout)
        ends = [self.deadline - ON_THE_WAY] if self.deadline else []
        if self.place.send_by:
            ends.append(self.place.send_by)
        if any(now >= end for end in ends):
            raise TooLateError
        return min([leased, *ends])


def limits_of(
    claimed: Sequence[Claimed], operation: str, now: datetime, place: Place
) -> Limits:
    """Only a cancel has a deadline: past it, an order is still read back."""
    deadlines = [c.cancel_before for c in claimed if c.cancel_before is not None]
    return Limits(
        lease_ends=min(c.progress.due_at or now for c in claimed),
        deadline=min(deadlines, default=None) if operation == "cancel" else None,
        place=place,
    )


def too_late(claimed: Sequence[Claimed], now: datetime) -> dict[str, Event]:
    """Those whose deadline has come wait for its end; the others go again at once."""
    events: dict[str, Event] = {}
    for one in claimed:
        late = one.cancel_before is not None and one.cancel_before <= now + ON_THE_WAY
        events[one.id] = PutBack(one.cancel_before if late else now)
    return events
