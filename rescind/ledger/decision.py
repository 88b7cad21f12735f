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
from dataclasses import replace
from datetime import datetime

from rescind.ledger.decision_events import (
    AskFirst,
    DoneAlready,
    Event,
    Halve,
    Lost,
    NotSent,
    PutBack,
    Tried,
    Unsent,
    Wait,
)
from rescind.ledger.phases import (
    begin_polling,
    begin_verifying,
    deadline_came,
    final,
    may_have_worked,
    not_done,
    resend,
    send_later,
    uncounted,
    with_provider_words,
    without_hint,
)
from rescind.ledger.progress import Claimed, Progress
from rescind.ledger.reading_decision import after_poll, after_verify
from rescind.ledger.states import State
from rescind.provider.outcomes import Finding, Outcome, Reason
from rescind.provider.policy import Policy


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
    return begin_verifying(lost, policy, now)


# --- after a cancel call -----------------------------------------------------------


def _after_cancel(
    known: Claimed, event: Tried, policy: Policy, now: datetime
) -> Progress:
    was = known.progress
    match event:
        case NotSent():
            # Always the shortest: it is the lane that backs off, and all at once.
            due = now + policy.resend_delays[0]
            return send_later(known, uncounted(was), due, policy, now)
        case Wait(until):
            return send_later(known, uncounted(was), until or now, policy, now)
        case Halve(size):
            halved = replace(uncounted(was), batch_cap=max(1, size // 2))
            return send_later(known, halved, now, policy, now)
        case Lost():
            return _after_lost_answer(known, policy, now)
        case Finding():
            return _after_answer(known, event, policy, now)


def _after_lost_answer(known: Claimed, policy: Policy, now: datetime) -> Progress:
    was = replace(known.progress, lost=True, sent_at=now, hint=None)
    may_repeat = policy.repeatable and was.spent < policy.max_attempts
    if may_repeat and not known.past_deadline(now):
        return resend(known, was, policy, now)
    return begin_verifying(was, policy, now)


def _after_answer(
    known: Claimed, finding: Finding, policy: Policy, now: datetime
) -> Progress:
    was = with_provider_words(without_hint(known.progress), finding)
    earlier = may_have_worked(uncounted(was), policy)
    match finding.outcome:
        case Outcome.CANCELLED:
            return final(was, State.CANCELLED, _cancelled_by(earlier, finding), now)
        case Outcome.REQUESTED:
            return begin_polling(replace(was, lost=True), policy, now)
        case Outcome.REFUSED:
            return _after_refusal(was, finding.reason, earlier, policy, now)
        case Outcome.ACTIVE if not earlier:
            return not_done(known, was, policy, now)
        case _:
            # Words that say nothing: the call may have been acted on.
            return begin_verifying(replace(was, lost=True, sent_at=now), policy, now)


def _cancelled_by(earlier: bool, finding: Finding) -> Reason:
    reason = finding.reason or Reason.CONFIRMED
    if reason is Reason.ALREADY_CANCELLED and earlier:
        # Most likely it was our own call that did it; nobody can tell.
        return Reason.INFERRED
    return reason


def _after_refusal(
    was: Progress,
    reason: Reason | None,
    earlier: bool,
    policy: Policy,
    now: datetime,
) -> Progress:
    """``earlier``: whether a call before this one may have worked."""
    says_why = reason not in (None, Reason.ALREADY_CANCELLED)
    completed = policy.repeatable and reason is Reason.ALREADY_COMPLETED
    clean = policy.refusal_is_final and not earlier
    if says_why and (clean or completed):
        return final(was, State.REJECTED, reason, now)
    return begin_verifying(replace(was, hint=reason), policy, now)


def _put_back(known: Claimed, due: datetime, policy: Policy, now: datetime) -> Progress:
    """However long it has waited, that nobody tried is no reason to give it up."""
    if known.progress.state is not State.SENDING:
        return replace(known.progress, due_at=due)
    was = uncounted(known.progress)
    if known.past_deadline(now):
        return deadline_came(was, policy, now)
    return replace(was, state=State.QUEUED, due_at=due)


def _unsent(known: Claimed, event: Unsent, policy: Policy, now: datetime) -> Progress:
    """Another cancellation of the same order makes it needless to send this one."""
    if known.progress.state is not State.SENDING:
        raise ValueError(f"{known.id} is {known.progress.state}: it has been sent")
    was = uncounted(known.progress)
    if isinstance(event, AskFirst):
        return begin_verifying(replace(was, lost=True, sent_at=now), policy, now)
    said = replace(was, provider_message=f"cancelled by {event.by}")
    return final(said, State.CANCELLED, event.reason, now)


_DECIDED: Mapping[State, Callable[[Claimed, Tried, Policy, datetime], Progress]] = {
    State.SENDING: _after_cancel,
    State.VERIFYING: after_verify,
    State.REQUESTED: after_poll,
}
