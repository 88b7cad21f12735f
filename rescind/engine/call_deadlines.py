"""The latest time to send a call: set by its lease, its permit and its deadlines."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis import RedisError

from rescind.engine.rate_limiter import Permit
from rescind.ledger.decision_events import Event, PutBack
from rescind.ledger.progress import Claimed
from rescind.provider.policy import Policy

ON_THE_WAY = timedelta(milliseconds=50)
"""Time from the last check of the clock until the request is on the wire: as a rule,
no call takes longer."""


def longest_call(policy: Policy) -> timedelta:
    """The time limit of ``provider.http`` for one call, from connecting to its end."""
    return timedelta(seconds=policy.connect_timeout + 2 * policy.read_timeout)


class TooLateError(Exception):
    """A deadline or the permit ends before the request is on the wire: it was not
    sent."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What limits the time of a call: the end of its lease, the nearest
    ``cancel_before`` of its orders, and its permit."""

    lease_ends: datetime
    deadline: datetime | None
    permit: Permit
    begin_by: float = math.inf
    """The latest monotonic time to begin the call, whatever the time of day says."""

    def send_by(self, policy: Policy, now: datetime) -> datetime:
        """The latest time to send the request, however long connecting takes.

        Raises ``TooLateError`` where the nearest deadline has come, or the permit has
        ended.
        """
        # The provider could still act on a later request when another worker already
        # reads the orders back.
        leased = self.lease_ends - timedelta(seconds=2 * policy.read_timeout)
        ends = [self.deadline - ON_THE_WAY] if self.deadline else []
        if self.permit.send_by:
            ends.append(self.permit.send_by)
        if any(now >= end for end in ends):
            raise TooLateError
        return min([leased, *ends])

    def room_for_more(self, policy: Policy, now: Callable[[], datetime]) -> bool:
        """Take room in the lane's rate for a further request of the same call, and wait
        until it may be sent. False if there is no room, if Redis cannot be reached, or
        if it would be too late."""
        try:
            if not self.permit.again():
                return False
            self.permit.wait()
            self.send_by(policy, now())
        except (RedisError, TooLateError):
            return False
        return True


def limits_of(
    claimed: Sequence[Claimed],
    operation: str,
    now: datetime,
    permit: Permit,
    begin_by: float = math.inf,
) -> Limits:
    """The limits of one call. Only a cancel has a deadline: an order is still read
    back after it."""
    deadlines = [c.cancel_before for c in claimed if c.cancel_before is not None]
    return Limits(
        lease_ends=min(c.progress.due_at or now for c in claimed),
        deadline=min(deadlines, default=None) if operation == "cancel" else None,
        permit=permit,
        begin_by=begin_by,
    )


def too_late(claimed: Sequence[Claimed], now: datetime) -> dict[str, Event]:
    """An event for each order of a call that was too late to send.

    An order whose deadline has come is due at that deadline. The others are due at
    once.
    """
    events: dict[str, Event] = {}
    for one in claimed:
        late = one.cancel_before is not None and one.cancel_before <= now + ON_THE_WAY
        events[one.id] = PutBack(one.cancel_before if late else now)
    return events
