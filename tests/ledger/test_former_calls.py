"""A call of a former round, or for another cancellation of the same order, may wait in
the provider's queue as well as one of the present round."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rescind.ledger.changes.rounds import reopened
from rescind.ledger.decision import decide
from rescind.ledger.decision_events import AskFirst
from rescind.ledger.phases import deadline_came
from rescind.ledger.progress import Claimed, Progress
from rescind.ledger.restored import doubted
from rescind.ledger.states import State
from rescind.provider.outcomes import Finding, Outcome, Reason
from rescind.provider.policy import Policy
from tests.ledger.build import HOUR, NOW, SECOND, claimed, policy, progress

S, R = State, Reason
QUEUES = policy(queued_for=24 * HOUR, active_trusted_after=30 * SECOND)
FORGETS = QUEUES.model_copy(update={"cancelled_may_vanish": True})
ACTIVE, GONE = Finding(Outcome.ACTIVE), Finding(Outcome.GONE)
BEGUN = {
    "another round": reopened(
        progress(S.FAILED, lost=True, attempts=1, spent=1, sent_at=NOW), NOW
    ),
    "another cancellation": decide(claimed(S.SENDING), AskFirst(), QUEUES, NOW),
    "a restored ledger": doubted(progress(S.SCHEDULED), QUEUES, NOW),
}
EACH = pytest.mark.parametrize("begun", BEGUN.values(), ids=BEGUN)


def shown_active(begun: Progress, rules: Policy = QUEUES) -> Claimed:
    """It was read a minute later. Its own deadline comes in two hours."""
    known = replace(claimed(S.VERIFYING, cancel_before=NOW + 2 * HOUR), progress=begun)
    waiting = decide(known, ACTIVE, rules, NOW + 60 * SECOND)
    assert (waiting.state, waiting.lost) == (S.QUEUED, False)
    return replace(known, progress=waiting)


def sent(known: Claimed, after: timedelta) -> Claimed:
    was, at = known.progress, NOW + after
    counted = replace(was, attempts=was.attempts + 1, spent=was.spent + 1)
    sending = replace(counted, state=S.SENDING, sent_at=at, due_at=at)
    return replace(known, progress=sending)


@EACH
def test_it_is_read_before_it_expires(begun: Progress) -> None:
    known = shown_active(begun)
    late = deadline_came(known.progress, QUEUES, NOW + 2 * HOUR)
    assert (late.state, late.lost) == (S.VERIFYING, True)


@EACH
def test_a_refusal_is_no_proof_that_no_call_worked(begun: Progress) -> None:
    known = sent(shown_active(begun, FORGETS), HOUR)
    refused = Finding(Outcome.REFUSED, R.NOT_FOUND)
    after = decide(known, refused, FORGETS, NOW + HOUR)
    assert after.state is S.VERIFYING
    read = decide(replace(known, progress=after), GONE, FORGETS, NOW + HOUR)
    assert (read.state, read.reason) == (S.CANCELLED, R.INFERRED)


@EACH
def test_it_is_sent_even_if_one_call_is_all_that_a_round_has(begun: Progress) -> None:
    once = QUEUES.model_copy(update={"max_attempts": 1})
    assert shown_active(begun, once).progress.state is S.QUEUED


@EACH
def test_without_a_queue_the_reading_is_the_proof(begun: Progress) -> None:
    plain = policy(active_trusted_after=30 * SECOND)
    known = shown_active(begun, plain)
    assert known.progress.spent == 0
    late = deadline_came(known.progress, plain, NOW + 2 * HOUR)
    assert late.state is S.EXPIRED


@EACH
def test_one_that_waits_for_others_waits_again_when_no_call_can_be_queued(
    begun: Progress,
) -> None:
    # It may be withdrawn, or not wanted, and nobody would read it before that.
    known = replace(claimed(S.VERIFYING, opened_at=NOW), progress=begun, waits=True)
    early = decide(known, ACTIVE, QUEUES, NOW + 23 * HOUR)
    assert (early.state, early.lost) == (S.VERIFYING, True)
    late = decide(replace(known, progress=early), ACTIVE, QUEUES, NOW + 24 * HOUR)
    assert (late.state, late.lost) == (S.SCHEDULED, False)


@EACH
def test_one_whose_predecessors_have_ended_meanwhile_is_sent_soon(
    begun: Progress,
) -> None:
    known = replace(claimed(S.VERIFYING, opened_at=NOW), progress=begun, waits=True)
    early = decide(known, ACTIVE, QUEUES, NOW + 60 * SECOND)
    free = replace(known, progress=early, waits=False)
    assert decide(free, ACTIVE, QUEUES, NOW + 120 * SECOND).state is S.QUEUED
