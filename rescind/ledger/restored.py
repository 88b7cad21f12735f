"""What a ledger that was restored from an older copy cannot know. Pure functions.

Between the copy and the restore, workers may have sent any cancellation that the copy
shows as open, and others that it does not have. ``rescind reconcile`` notes the time of
the restore. From then on, what may have been sent before it is read back before it is
sent: it counts as if its worker had died between the call and its answer.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from rescind.ledger.phases import begin_polling, begin_verifying
from rescind.ledger.progress import Claimed, Progress
from rescind.ledger.states import State
from rescind.provider.policy import Policy

RESTORED = "the ledger was restored from an older copy: it may have been sent before"
"""The evidence of a change that follows from a restore."""
READ_FIRST_FOR = timedelta(days=1)
"""For how long after a restore producers may submit again what the copy lacks: whatever
becomes due in this time is read before it is first sent."""


def must_be_read(one: Claimed, restored_at: datetime | None, policy: Policy) -> bool:
    """Whether ``one``, which was claimed to be sent, must be read back first.

    ``restored_at`` is its lane's. A provider that does not mind a second cancel is not
    asked.
    """
    if policy.repeatable:
        return False
    if one.progress.lost or restored_at is None:
        return one.progress.lost
    # What the copy shows as open is marked as lost, and a retry marks the rest. What is
    # new since then has no answered reading before it is first sent.
    is_recent = one.opened_at <= read_first_until(restored_at)
    return is_recent and one.progress.polls == 0


def read_first_until(restored_at: datetime) -> datetime:
    """Until when new cancellations are read before they are sent."""
    return restored_at + READ_FIRST_FOR


def doubted(was: Progress, policy: Policy, now: datetime) -> Progress:
    """``was``, which is open, if a call for it may have been made until ``now``.

    A scheduled one keeps its state: it is read when its time comes.
    """
    lost = replace(was, lost=True, sent_at=now, hint=None)
    match was.state:
        case State.SCHEDULED:
            return lost
        case State.REQUESTED:
            return begin_polling(lost, policy, now)
        case _:
            counted = replace(
                lost, attempts=max(1, was.attempts), spent=max(1, was.spent)
            )
            return begin_verifying(counted, policy, now)


def before_retry(
    was: Progress, changed_at: datetime, restored_at: datetime | None
) -> Progress:
    """``was``, which is retried: it may have been retried before, too, in the time that
    the copy lacks, unless it has changed since the restore."""
    if restored_at is None or changed_at >= restored_at:
        return was
    return replace(was, lost=True, sent_at=restored_at)
