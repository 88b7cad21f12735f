"""The decision: what to do with one cancellation, given what was just learnt.

A pure function: no clock, no I/O, no Celery. All that Rescind says of an order is
decided here, from evidence of that order alone.

Two bits of memory carry the promise. ``lost``: some call of ours may have been acted
on, and nothing has disproved it since; while it is set, a refusal proves nothing and
(unless the provider does not mind) nothing is sent. ``hint``: the latest refusal, kept
while the order is read back to see whether it is the truth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rescind.ledger.progress import Claimed, Progress
from rescind.ledger.states import State
from rescind.provider.outcomes import Finding, Outcome, Reason
from rescind.provider.policy import Policy


@dataclass(frozen=True, slots=True)
class NotSent:
    """The provider cannot have acted, whatever we do."""


@dataclass(frozen=True, slots=True)
class PutBack:
    """It was claimed and nothing was tried: as if it had not been claimed."""

    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DoneAlready:
    """It was claimed, and another cancellation has had its order cancelled: nothing
    was sent. ``reason`` says no more than is known of the other one."""

    by: str
    """The other one's id."""
    reason: Reason = Reason.ALREADY_CANCELLED


@dataclass(frozen=True, slots=True)
class AskFirst:
    """It was claimed, and another cancellation may have had its order cancelled and
    could not find out: nothing was sent, and the provider is to be asked."""


@dataclass(frozen=True, slots=True)
class Wait:
    """The lane must wait: throttled (``until`` is set), or held for an operator."""

    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Halve:
    """A batch of ``size`` was refused whole, none of it acted on."""

    size: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The answer never came, or could not be read: it may have been acted on."""


Tried = NotSent | Wait | Halve | Lost | Finding
Unsent = DoneAlready | AskFirst
Event = Tried | PutBack | Unsent


def decide(known: Claimed, event: Event, policy: Policy, now: datetime) -> Progress:
    """What becomes of ``known``, which a worker holds, after ``event``.

    ``known`` is ``sending`` (the event is of a cancel call), ``verifying`` or
    ``requested`` (of a reading); raises ``ValueError`` for any other state.
    """
    state = known.progress.state
    decided = _DECIDED.get(state)
    if decided is None:
        raise ValueError(f"nothing is decided of a cancellation that is {state}")
    if isinstance(event, PutBack):
        return _put_back(known, event.until or now, policy, now)
    if isinstance(event, DoneAlready | AskFirst):
        return _unsent(known, event, policy, now)
    return decided(known, event, policy, now)


def lease_ran_out(progress: Progress, policy: Policy, now: datetime) -> Progress:
    """A worker vanished while ``sending``: its call may have been made."""
    lost = replace(progress, lost=True, sent_at=now, hint=None)
    return _verify(lost, policy, now)


def deadline_came(progress: Progress, policy: Policy, now: datetime) -> Progress:
    """``cancel_before`` passed while it waited to be sent."""
    if progress.lost:
        return _verify(progress, policy, now)
    return _final(progress, State.EXPIRED, Reason.DEADLINE_PASSED, now)


# --- after a cancel call -----------------------------------------------------------


def _after_cancel(
    known: Claimed, event: Tried, policy: Policy, now: datetime
) -> Progress:
    was = known.progress
    match event:
        case NotSent():
            # Always the shortest: it is the lane that backs off, and all at once.
            due = now + policy.resend_delays[0]
            return _send_later(known, _unburnt(was), due, policy, now)
        case Wait(until):
            return _send_later(known, _unburnt(was), until or now, policy, now)
        case Halve(size):
            halved = replace(_unburnt(was), batch_cap=max(1, size // 2))
            return _send_later(known, halved, now, policy, now)
        case Lost():
            return _after_lost_answer(known, policy, now)
        case Finding():
            return _after_answer(known, event, policy, now)


def _after_lost_answer(known: Claimed, policy: Policy, now: datetime) -> Progress:
    was = replace(known.progress, lost=True, sent_at=now, hint=None)
    may_repeat = policy.repeatable and was.spent < policy.max_attempts
    if may_repeat and not known.past_deadline(now):
        return _resend(known, was, policy, now)
    return _verify(was, policy, now)


def _after_answer(
    known: Claimed, finding: Finding, policy: Policy, now: datetime
) -> Progress:
    was = _worded(_unhinted(known.progress), finding)
    match finding.outcome:
        case Outcome.CANCELLED:
            return _final(was, State.CANCELLED, _cancelled_by(was, finding), now)
        case Outcome.REQUESTED:
            return _poll(replace(was, lost=True), policy, now)
        case Outcome.REFUSED:
            return _after_refusal(was, finding.reason, policy, now)
        case Outcome.ACTIVE if not was.lost:
            return _not_done(known, was, policy, now)
        case _:
            # Words that say nothing: the call may have been acted on.
            return _verify(replace(was, lost=True, sent_at=now), policy, now)


def _cancelled_by(was: Progress, finding: Finding) -> Reason:
    reason = finding.reason or Reason.CONFIRMED
    if reason is Reason.ALREADY_CANCELLED and was.lost:
        # Most likely it was our own call that did it; nobody can tell.
        return Reason.INFERRED
    return reason


def _after_refusal(
    was: Progress, reason: Reason | None, policy: Policy, now: datetime
) -> Progress:
    says_why = reason not in (None, Reason.ALREADY_CANCELLED)
    completed = policy.repeatable and reason is Reason.ALREADY_COMPLETED
    clean = policy.refusal_is_final and not was.lost
    if says_why and (clean or completed):
        return _final(was, State.REJECTED, reason, now)
    return _verify(replace(was, hint=reason), policy, now)


# --- after a reading, while nobody knows -------------------------------------------


def _after_verify(
    known: Claimed, event: Tried, policy: Policy, now: datetime
) -> Progress:
    if isinstance(event, Finding):
        return _after_finding(known, event, policy, now)
    return _unanswered(known, event, policy.verify_delays, policy, now)


def _after_finding(
    known: Claimed, finding: Finding, policy: Policy, now: datetime
) -> Progress:
    was = replace(known.progress, polls=known.progress.polls + 1)
    worded = _worded(was, finding)
    match finding.outcome:
        case Outcome.CANCELLED:
            return _final(worded, State.CANCELLED, _shown_cancelled(was, finding), now)
        case Outcome.REQUESTED:
            return _poll(replace(worded, lost=True), policy, now)
        case Outcome.REFUSED if finding.reason is not None:
            return _final(worded, State.REJECTED, finding.reason, now)
        case Outcome.ACTIVE:
            return _after_active(known, was, finding.asked_at or now, policy, now)
        case Outcome.GONE:
            return _after_gone(was, worded, policy, now)
        case Outcome.UNKNOWN if _may_ask_anew(known, was, policy, now):
            return _resend(known, worded, policy, now)
        case _:
            return _look_again(worded, policy.verify_delays, policy.verify_for, now)


def _may_ask_anew(known: Claimed, was: Progress, policy: Policy, now: datetime) -> bool:
    """Whether a second cancel, which the provider does not mind, can tell more than
    this reading did: after a worker died, say, and with no refusal to look into."""
    worth_it = policy.repeatable and was.lost and was.hint is None
    left = was.spent < policy.max_attempts
    in_time = now < known.opened_at + policy.give_up_after
    return worth_it and left and in_time and not known.past_deadline(now)


def _shown_cancelled(was: Progress, finding: Finding) -> Reason:
    if finding.reason is Reason.PARTIAL:
        return Reason.PARTIAL
    return Reason.CONFIRMED if was.lost else Reason.ALREADY_CANCELLED


def _after_active(
    known: Claimed, was: Progress, asked_at: datetime, policy: Policy, now: datetime
) -> Progress:
    """Shown as not cancelled, and still cancellable, when the provider was asked."""
    may_lag = was.lost or was.hint is Reason.ALREADY_CANCELLED
    if may_lag and was.sent_at is not None:
        trusted = was.sent_at + _doubted_for(known, was, policy, now)
        if asked_at < trusted:
            # The reading may lag behind a cancel that worked. It was a reading all the
            # same: that nothing can be read any more counts from here.
            later = now + _at(policy.verify_delays, was.step + 1)
            due = min(later, max(trusted, now))
            return replace(was, step=was.step + 1, since=now, due_at=due)
    if not was.lost and was.hint not in (None, Reason.ALREADY_CANCELLED):
        return _final(was, State.REJECTED, was.hint, now)
    return _not_done(known, replace(was, lost=False), policy, now)


def _doubted_for(
    known: Claimed, was: Progress, policy: Policy, now: datetime
) -> timedelta:
    """How old our last call must be before "still active" is believed. To send it again
    takes less than to say that none of our calls did anything."""
    ends = known.past_deadline(now) or was.spent >= policy.max_attempts
    queued = policy.queued_for if ends and was.lost else timedelta(0)
    return max(policy.active_trusted_after, queued)


def _after_gone(
    was: Progress, worded: Progress, policy: Policy, now: datetime
) -> Progress:
    if was.lost and policy.cancelled_may_vanish:
        return _final(worded, State.CANCELLED, Reason.INFERRED, now)
    refused = None if was.hint is Reason.ALREADY_CANCELLED else was.hint
    if refused is not None and not was.lost:
        return _final(was, State.REJECTED, refused, now)
    return _final(worded, State.REJECTED, Reason.NOT_FOUND, now)


# --- after a reading, once the provider took it on ---------------------------------


def _after_poll(
    known: Claimed, event: Tried, policy: Policy, now: datetime
) -> Progress:
    if not isinstance(event, Finding):
        return _unanswered(known, event, policy.poll_delays, policy, now)
    was = replace(known.progress, polls=known.progress.polls + 1)
    worded = _worded(was, event)
    match event.outcome:
        case Outcome.CANCELLED:
            partial = event.reason is Reason.PARTIAL
            reason = Reason.PARTIAL if partial else Reason.CONFIRMED
            return _final(worded, State.CANCELLED, reason, now)
        case Outcome.REFUSED if event.reason is not None:
            return _final(worded, State.REJECTED, event.reason, now)
        case Outcome.GONE if policy.cancelled_may_vanish:
            return _final(worded, State.CANCELLED, Reason.INFERRED, now)
        case Outcome.ACTIVE if _was_dropped(was, policy, event.asked_at or now):
            return _not_done(known, replace(was, lost=False), policy, now)
        case _:
            return _look_again(worded, policy.poll_delays, policy.poll_for, now)


def _was_dropped(was: Progress, policy: Policy, asked_at: datetime) -> bool:
    """Whether the provider, which took the cancel on, can no longer be at it though it
    shows the order as active."""
    return was.since is not None and asked_at >= was.since + policy.taken_on_for


def _put_back(known: Claimed, due: datetime, policy: Policy, now: datetime) -> Progress:
    """However long it has waited, that nobody tried is no reason to give it up."""
    if known.progress.state is not State.SENDING:
        return replace(known.progress, due_at=due)
    was = _unburnt(known.progress)
    if known.past_deadline(now):
        return deadline_came(was, policy, now)
    return replace(was, state=State.QUEUED, due_at=due)


def _unsent(known: Claimed, event: Unsent, policy: Policy, now: datetime) -> Progress:
    """Another cancellation of the same order makes it needless to send this one."""
    if known.progress.state is not State.SENDING:
        raise ValueError(f"{known.id} is {known.progress.state}: it has been sent")
    was = _unburnt(known.progress)
    if isinstance(event, AskFirst):
        return _verify(replace(was, lost=True, sent_at=now), policy, now)
    said = replace(was, provider_message=f"cancelled by {event.by}")
    return _final(said, State.CANCELLED, event.reason, now)


# --- the moves ----------------------------------------------------------------------


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
            due, step = now + _at(delays, was.step + 1), was.step + 1
    if was.since is not None and now >= was.since + policy.give_up_after:
        return _final(was, State.FAILED, Reason.UNRESOLVED, now)
    return replace(was, due_at=due, step=step)


def _look_again(
    was: Progress, delays: tuple[timedelta, ...], limit: timedelta, now: datetime
) -> Progress:
    if was.since is not None and now >= was.since + limit:
        return _final(was, State.FAILED, Reason.UNRESOLVED, now)
    due = now + _at(delays, was.step + 1)
    # It was answered for, so it was not this one that spoilt its batch.
    return replace(was, step=was.step + 1, batch_cap=None, due_at=due)


def _not_done(known: Claimed, was: Progress, policy: Policy, now: datetime) -> Progress:
    """Known not to be cancelled: send it again, if there is any use in it."""
    if known.past_deadline(now):
        return _final(was, State.EXPIRED, Reason.DEADLINE_PASSED, now)
    if was.spent >= policy.max_attempts:
        return _final(was, State.FAILED, Reason.ATTEMPTS_EXHAUSTED, now)
    return _resend(known, was, policy, now)


def _resend(known: Claimed, was: Progress, policy: Policy, now: datetime) -> Progress:
    due = now + _at(policy.resend_delays, max(0, was.spent - 1))
    fresh = replace(was, step=0, since=None, batch_cap=None)
    return _send_later(known, fresh, due, policy, now)


def _send_later(
    known: Claimed, was: Progress, due: datetime, policy: Policy, now: datetime
) -> Progress:
    if known.past_deadline(now):
        return deadline_came(was, policy, now)
    if now >= known.opened_at + policy.give_up_after:
        if was.lost:
            return _verify(was, policy, now)
        tried = Reason.ATTEMPTS_EXHAUSTED if was.attempts else Reason.NEVER_SENT
        return _final(was, State.FAILED, tried, now)
    return replace(was, state=State.QUEUED, due_at=due)


def _verify(was: Progress, policy: Policy, now: datetime) -> Progress:
    due = now + policy.verify_delays[0]
    return _begun(was, State.VERIFYING, due, now)


def _poll(was: Progress, policy: Policy, now: datetime) -> Progress:
    due = now + policy.poll_delays[0]
    return _begun(was, State.REQUESTED, due, now)


def _begun(was: Progress, state: State, due: datetime, now: datetime) -> Progress:
    """A new phase: what spoilt a batch of the former one need not spoil this."""
    return replace(was, state=state, since=now, step=0, batch_cap=None, due_at=due)


def _final(
    was: Progress, state: State, reason: Reason | None, now: datetime
) -> Progress:
    # Only what was given up leaves it open whether a call of ours worked.
    lost = was.lost and state is State.FAILED
    return replace(
        was, state=state, reason=reason, lost=lost, due_at=None, finished_at=now
    )


def _unburnt(was: Progress) -> Progress:
    """The claim counted an attempt that never reached the provider."""
    return replace(was, attempts=was.attempts - 1, spent=was.spent - 1)


def _unhinted(was: Progress) -> Progress:
    return was if was.hint is None else replace(was, hint=None)


def _worded(was: Progress, finding: Finding) -> Progress:
    if finding.code is None and finding.message is None:
        return was
    return replace(was, provider_code=finding.code, provider_message=finding.message)


def _at(schedule: tuple[timedelta, ...], step: int) -> timedelta:
    """The schedule's delay at ``step``; past its end, the last one."""
    return schedule[min(max(step, 0), len(schedule) - 1)]


_DECIDED: Mapping[State, Callable[[Claimed, Tried, Policy, datetime], Progress]] = {
    State.SENDING: _after_cancel,
    State.VERIFYING: _after_verify,
    State.REQUESTED: _after_poll,
}
