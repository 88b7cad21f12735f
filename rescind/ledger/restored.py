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
GAP = 1_000_000
"""How many versions are left out of a row: more than any order went through after the
copy. So no version, and no webhook's id, stands for two things."""
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
    if one.progress.lost:
        return True
    # What the copy shows as open is marked as lost, and a new round marks the rest.
    return may_be_a_repeat(one.progress, one.opened_at, restored_at)


def may_be_a_repeat(
    was: Progress, opened_at: datetime, restored_at: datetime | None
) -> bool:
    """Whether it is new since the restore, and may have been submitted and sent before,
    in the time that the copy lacks."""
    if restored_at is None or opened_at > read_first_until(restored_at):
        return False
    # An answered reading comes before it is first sent.
    return was.polls == 0


def read_first_until(restored_at: datetime) -> datetime:
    """Until when new cancellations are read before they are sent."""
    return restored_at + READ_FIRST_FOR


def doubted(was: Progress, policy: Policy, now: datetime) -> Progress:
    """``was``, which is open, if a call for it may have been made until ``now``."""
    lost = replace(was, lost=True, sent_at=now, hint=None)
    match was.state:
        case State.SCHEDULED:
            # Nothing was sent as far as is known: it can be withdrawn after a reading.
            return begin_verifying(lost, policy, now)
        case State.REQUESTED:
            return begin_polling(lost, policy, now)
        case _:
            counted = replace(
                lost, attempts=max(1, was.attempts), spent=max(1, was.spent)
            )
            return begin_verifying(counted, policy, now)


def before_new_round(was: Progress, restored_at: datetime | None) -> Progress:
    """``was``, which gets a new round: it may have had one in the time that the copy
    lacks, too, unless it has ended since the restore."""
    if not ended_before(was.finished_at, restored_at):
        return was
    return replace(was, lost=True, sent_at=restored_at)


def ended_before(finished_at: datetime | None, restored_at: datetime | None) -> bool:
    """Whether it had ended when the copy was made, so that it may have begun again."""
    if finished_at is None or restored_at is None:
        return False
    return finished_at < restored_at
