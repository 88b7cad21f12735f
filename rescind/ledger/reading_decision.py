"""The decision after a reading: of an order that is verified, or polled."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from rescind.ledger.decision_events import (
    Halve,
    Lost,
    NotSent,
    Tried,
    Wait,
)
from rescind.ledger.phases import (
    begin_polling,
    delay_at,
    final,
    look_again,
    may_have_worked,
    not_done,
    resend,
    uncounted,
    unresolved,
    with_provider_words,
)
from rescind.ledger.progress import Claimed, Progress
from rescind.ledger.states import UNSENT, State
from rescind.provider.outcomes import Finding, Outcome, Reason
from rescind.provider.policy import Policy

# --- after a reading of an order that is verified ----------------------------------


def after_verify(
    known: Claimed, event: Tried, policy: Policy, now: datetime
) -> Progress:
    if isinstance(event, Finding):
        return _after_finding(known, event, policy, now)
    return _unanswered(known, event, policy.verify_delays, policy, now)


def _after_finding(
    known: Claimed, finding: Finding, policy: Policy, now: datetime
) -> Progress:
    was = replace(known.progress, polls=known.progress.polls + 1)
    worded = with_provider_words(was, finding)
    match finding.outcome:
        case Outcome.CANCELLED:
            reason = _shown_cancelled(was, finding, policy)
            return final(worded, State.CANCELLED, reason, now)
        case Outcome.REQUESTED:
            return begin_polling(replace(worded, lost=True), policy, now)
        case Outcome.REFUSED if finding.reason is not None:
            return final(worded, State.REJECTED, finding.reason, now)
        case Outcome.ACTIVE:
            return _after_active(known, was, finding.asked_at or now, policy, now)
        case Outcome.GONE:
            return _after_gone(was, worded, policy, now)
        case Outcome.UNKNOWN if _may_resend(known, was, policy, now):
            return resend(known, worded, policy, now)
        case _:
            delays, limit = policy.verify_delays, policy.verify_for
            return look_again(worded, delays, limit, policy, now)


def _may_resend(known: Claimed, was: Progress, policy: Policy, now: datetime) -> bool:
    """Whether a second cancel, which the provider does not mind, can tell more than
    this reading did: after a worker died, say, and with no refusal to look into."""
    worth_it = policy.repeatable and was.lost and was.hint is None
    left = was.spent < policy.max_attempts
    in_time = now < known.opened_at + policy.give_up_after
    return worth_it and left and in_time and not known.past_deadline(now)


def _shown_cancelled(was: Progress, finding: Finding, policy: Policy) -> Reason:
    if finding.reason is Reason.PARTIAL:
        return Reason.PARTIAL
    return Reason.CONFIRMED if _ours(was, policy) else Reason.ALREADY_CANCELLED


def _ours(was: Progress, policy: Policy) -> bool:
    """Whether a call of ours may have worked. The last one did nothing if it is not
    lost: its answer said so."""
    return may_have_worked(uncounted(was), policy)


def _after_active(
    known: Claimed, was: Progress, asked_at: datetime, policy: Policy, now: datetime
) -> Progress:
    """Shown as not cancelled, and still cancellable, when the provider was asked."""
    if was.sent_at is not None:
        trusted = was.sent_at + _doubted_for(known, was, policy, now)
        if asked_at < trusted:
            # The reading may lag behind a cancel that worked. It was a reading all the
            # same: that nothing can be read any more counts from here.
            later = now + delay_at(policy.verify_delays, was.step + 1)
            due = min(later, max(trusted, now))
            return replace(was, step=was.step + 1, since=now, due_at=due)
    if _is_refused(was):
        return final(was, State.REJECTED, was.hint, now)
    to = not_done(known, replace(was, lost=False), policy, now)
    if _may_be_queued(was, asked_at, policy) and to.state in UNSENT and not to.spent:
        # The lost call was of a former round, or of another cancellation of this order.
        # It may be in the provider's queue still, as one of this round may.
        return replace(to, spent=1)
    return to


def _may_be_queued(was: Progress, asked_at: datetime, policy: Policy) -> bool:
    """Whether the lost call may still have been in the provider's queue then."""
    if not was.lost or not policy.queues:
        return False
    return was.sent_at is None or asked_at < was.sent_at + policy.queued_for


def _doubted_for(
    known: Claimed, was: Progress, policy: Policy, now: datetime
) -> timedelta:
    """How old our last call must be before "still active" is believed. To send it again
    takes less than to say that none of our calls did anything."""
    names_one = was.hint is Reason.ALREADY_CANCELLED
    lags = policy.active_trusted_after if was.lost or names_one else timedelta(0)
    # Without a lost answer, the last call did nothing: only one before it may have.
    in_doubt = was.lost or was.spent > 1
    queued = policy.queued_for if in_doubt and _ends(known, was, policy, now) else lags
    return max(lags, queued)


def _ends(known: Claimed, was: Progress, policy: Policy, now: datetime) -> bool:
    """Whether it ends, or may end unsent, once "still active" is believed."""
    given_up = now >= known.opened_at + policy.give_up_after
    spent = was.spent >= policy.max_attempts
    over = spent or given_up or known.past_deadline(now)
    # One that waits for others may be withdrawn, or not wanted, and is not read then.
    return over or known.waits or _is_refused(was)


def _is_refused(was: Progress) -> bool:
    """Whether it was refused for a reason that holds if the order is active."""
    return not was.lost and was.hint not in (None, Reason.ALREADY_CANCELLED)


def _after_gone(
    was: Progress, worded: Progress, policy: Policy, now: datetime
) -> Progress:
    ours = _ours(was, policy)
    if ours and policy.cancelled_may_vanish:
        return final(worded, State.CANCELLED, Reason.INFERRED, now)
    refused = None if was.hint is Reason.ALREADY_CANCELLED else was.hint
    if refused is not None and not ours:
        return final(was, State.REJECTED, refused, now)
    return final(worded, State.REJECTED, Reason.NOT_FOUND, now)


# --- after a reading, once the provider took it on ---------------------------------


def after_poll(known: Claimed, event: Tried, policy: Policy, now: datetime) -> Progress:
    if not isinstance(event, Finding):
        return _unanswered(known, event, policy.poll_delays, policy, now)
    was = replace(known.progress, polls=known.progress.polls + 1)
    worded = with_provider_words(was, event)
    match event.outcome:
        case Outcome.CANCELLED:
            partial = event.reason is Reason.PARTIAL
            reason = Reason.PARTIAL if partial else Reason.CONFIRMED
            return final(worded, State.CANCELLED, reason, now)
        case Outcome.REFUSED if event.reason is not None:
            return final(worded, State.REJECTED, event.reason, now)
        case Outcome.GONE if policy.cancelled_may_vanish:
            return final(worded, State.CANCELLED, Reason.INFERRED, now)
        case Outcome.ACTIVE if _was_dropped(was, policy, event.asked_at or now):
            return not_done(known, replace(was, lost=False), policy, now)
        case _:
            delays, limit = policy.poll_delays, policy.poll_for
            return look_again(worded, delays, limit, policy, now)


def _was_dropped(was: Progress, policy: Policy, asked_at: datetime) -> bool:
    """Whether the provider, which took the cancel on, can no longer be at it though it
    shows the order as active."""
    return was.since is not None and asked_at >= was.since + policy.taken_on_for


# --- a reading that brought nothing --------------------------------------------------


def _unanswered(
    known: Claimed,
    event: NotSent | Wait | Halve | Lost,
    delays: tuple[timedelta, ...],
    policy: Policy,
    now: datetime,
) -> Progress:
    """A reading that brought nothing: look again, though not for ever."""
    was = known.progress
    match event:
        case Halve(size):
            return replace(was, batch_cap=max(1, size // 2), due_at=now)
        case Wait(until):
            due, step = until or now, was.step
        case NotSent() | Lost():
            due, step = now + delay_at(delays, was.step + 1), was.step + 1
    if was.since is not None and now >= was.since + policy.give_up_after:
        return unresolved(was, policy, now)
    return replace(was, due_at=due, step=step)
