"""The steps that a decision is made of: to verify, to poll, to send again, to end."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from rescind.ledger.progress import NOT_DUE, Claimed, Progress
from rescind.ledger.states import State
from rescind.provider.outcomes import Finding, Reason
from rescind.provider.policy import Policy


def deadline_came(progress: Progress, policy: Policy, now: datetime) -> Progress:
    """``cancel_before`` passed while it waited to be sent."""
    if may_have_worked(progress, policy):
        return begin_verifying(replace(progress, lost=True), policy, now)
    return final(progress, State.EXPIRED, Reason.DEADLINE_PASSED, now)


def look_again(
    was: Progress,
    delays: tuple[timedelta, ...],
    limit: timedelta,
    policy: Policy,
    now: datetime,
) -> Progress:
    if was.since is not None and now >= was.since + limit:
        return unresolved(was, policy, now)
    due = now + delay_at(delays, was.step + 1)
    # It was answered for, so it was not this one that spoilt its batch.
    return replace(was, step=was.step + 1, batch_cap=None, due_at=due)


def not_done(known: Claimed, was: Progress, policy: Policy, now: datetime) -> Progress:
    """Known not to be cancelled: send it again, if there is any use in it."""
    if known.past_deadline(now):
        return final(was, State.EXPIRED, Reason.DEADLINE_PASSED, now)
    if was.spent >= policy.max_attempts or _is_given_up(known, policy, now):
        return final(was, State.FAILED, Reason.ATTEMPTS_EXHAUSTED, now)
    return resend(known, was, policy, now)


def _is_given_up(known: Claimed, policy: Policy, now: datetime) -> bool:
    """Whether it has been tried for too long. The time of others is not its own."""
    return not known.waits and now >= known.opened_at + policy.give_up_after


def resend(known: Claimed, was: Progress, policy: Policy, now: datetime) -> Progress:
    due = now + delay_at(policy.resend_delays, max(0, was.spent - 1))
    fresh = replace(was, step=0, since=None, batch_cap=None)
    return send_later(known, fresh, due, policy, now)


def send_later(
    known: Claimed, was: Progress, due: datetime, policy: Policy, now: datetime
) -> Progress:
    if known.past_deadline(now):
        return deadline_came(was, policy, now)
    if known.waits:
        return replace(was, state=State.SCHEDULED, due_at=NOT_DUE)
    if _is_given_up(known, policy, now):
        if may_have_worked(was, policy):
            return begin_verifying(replace(was, lost=True), policy, now)
        tried = Reason.ATTEMPTS_EXHAUSTED if was.attempts else Reason.NEVER_SENT
        return final(was, State.FAILED, tried, now)
    return replace(was, state=State.QUEUED, due_at=due)


def may_have_worked(was: Progress, policy: Policy) -> bool:
    """Whether a call of this round may have worked, or still may.

    A reading that shows the order as active soon allows it to be sent again (``lost``
    ends). The provider may have kept the former call in a queue, and have acted on it
    after that reading. Until a later reading, we must not say that none of our calls
    did anything.
    """
    return was.lost or (was.spent > 0 and policy.queues)


def begin_verifying(was: Progress, policy: Policy, now: datetime) -> Progress:
    due = now + policy.verify_delays[0]
    return begun(was, State.VERIFYING, due, now)


def begin_polling(was: Progress, policy: Policy, now: datetime) -> Progress:
    due = now + policy.poll_delays[0]
    return begun(was, State.REQUESTED, due, now)


def begun(was: Progress, state: State, due: datetime, now: datetime) -> Progress:
    """A new phase: what spoilt a batch of the former one need not spoil this."""
    return replace(was, state=state, since=now, step=0, batch_cap=None, due_at=due)


def final(
    was: Progress, state: State, reason: Reason | None, now: datetime
) -> Progress:
    # Only what was given up leaves it open whether a call of ours worked.
    lost = was.lost and state is State.FAILED
    return replace(
        was, state=state, reason=reason, lost=lost, due_at=None, finished_at=now
    )


def not_wanted(was: Progress, now: datetime) -> Progress:
    """The end of one that waited, and that its predecessors or an operator do not
    want."""
    if was.lost:
        # Its reading could not tell whether it was sent before a restore.
        return final(was, State.FAILED, Reason.UNRESOLVED, now)
    return final(was, State.WITHDRAWN, Reason.NOT_WANTED, now)


def unresolved(was: Progress, policy: Policy, now: datetime) -> Progress:
    """Given up: nobody can tell what became of it."""
    # The answer to its last call is known, if it is not lost.
    lost = may_have_worked(uncounted(was), policy)
    return final(replace(was, lost=lost), State.FAILED, Reason.UNRESOLVED, now)


def uncounted(was: Progress) -> Progress:
    """The claim counted an attempt that never reached the provider."""
    return replace(was, attempts=was.attempts - 1, spent=was.spent - 1)


def without_hint(was: Progress) -> Progress:
    return was if was.hint is None else replace(was, hint=None)


def with_provider_words(was: Progress, finding: Finding) -> Progress:
    if finding.code is None and finding.message is None:
        return was
    if finding.own and (was.provider_message or was.provider_code):
        # A sentence of ours about a reply takes the place of no provider's words.
        return was
    return replace(was, provider_code=finding.code, provider_message=finding.message)


def delay_at(schedule: tuple[timedelta, ...], step: int) -> timedelta:
    """The schedule's delay at ``step``; past its end, the last one."""
    return schedule[min(max(step, 0), len(schedule) - 1)]
