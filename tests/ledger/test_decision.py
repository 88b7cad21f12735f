from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescind.ledger.decision import decide, lease_ran_out
from rescind.ledger.decision_events import (
    AskFirst,
    DoneAlready,
    Event,
    Halve,
    Lost,
    NotSent,
    PutBack,
    Wait,
)
from rescind.ledger.phases import deadline_came
from rescind.ledger.progress import Claimed
from rescind.ledger.states import EDGES, FINAL, OPEN, RETRYABLE, State, diagram
from rescind.provider.outcomes import Finding, Outcome, Reason, unclear
from rescind.provider.policy import Policy
from tests.ledger.build import HOUR, NOW, PLAIN, SECOND, claimed, policy, progress

S, R, Said = State, Reason, Outcome

BY_TABLE = {
    "one code for three things": policy(cancelled_may_vanish=True),
    "may be sent twice": policy(repeatable=True),
    "a refusal is read back": policy(refusal_is_final=False),
    "a reading lags": policy(active_trusted_after=10 * SECOND),
    "a cancel may be queued": policy(queued_for=HOUR),
    "plain": PLAIN,
}
VANISH = BY_TABLE["one code for three things"]
REPEAT = BY_TABLE["may be sent twice"]
DOUBT = BY_TABLE["a refusal is read back"]
LAGS = BY_TABLE["a reading lags"]
QUEUES = BY_TABLE["a cancel may be queued"]

CONFIRMED = Finding(Said.CANCELLED, R.CONFIRMED)
ALREADY = Finding(Said.CANCELLED, R.ALREADY_CANCELLED)
PARTIAL = Finding(Said.CANCELLED, R.PARTIAL)
ACTIVE = Finding(Said.ACTIVE)
GONE = Finding(Said.GONE)
TAKEN_ON = Finding(Said.REQUESTED)
UNKNOWN = Finding(Said.UNKNOWN)
WORDLESS = Finding(Said.REFUSED)


def refused(reason: Reason) -> Finding:
    return Finding(Said.REFUSED, reason)


# --- each event decides as the table says ---------------------------------------------

Row = tuple[Policy, State, bool, Finding | Lost, State, Reason | None]
TABLE: dict[str, Row] = {
    # cancelled
    "the provider says so": (
        PLAIN,
        S.SENDING,
        False,
        CONFIRMED,
        S.CANCELLED,
        R.CONFIRMED,
    ),
    "in part": (PLAIN, S.SENDING, False, PARTIAL, S.CANCELLED, R.PARTIAL),
    "it was cancelled before": (
        REPEAT,
        S.SENDING,
        False,
        ALREADY,
        S.CANCELLED,
        R.ALREADY_CANCELLED,
    ),
    "a repeat finds it cancelled, by us or not": (
        REPEAT,
        S.SENDING,
        True,
        ALREADY,
        S.CANCELLED,
        R.INFERRED,
    ),
    "read back as cancelled, after a lost answer": (
        PLAIN,
        S.VERIFYING,
        True,
        CONFIRMED,
        S.CANCELLED,
        R.CONFIRMED,
    ),
    "read back as cancelled, though ours was refused": (
        PLAIN,
        S.VERIFYING,
        False,
        CONFIRMED,
        S.CANCELLED,
        R.ALREADY_CANCELLED,
    ),
    "read back as partial": (PLAIN, S.VERIFYING, True, PARTIAL, S.CANCELLED, R.PARTIAL),
    "gone after a lost answer, where cancelled ones vanish": (
        VANISH,
        S.VERIFYING,
        True,
        GONE,
        S.CANCELLED,
        R.INFERRED,
    ),
    "polled until cancelled": (
        PLAIN,
        S.REQUESTED,
        True,
        CONFIRMED,
        S.CANCELLED,
        R.CONFIRMED,
    ),
    "polled until partial": (PLAIN, S.REQUESTED, True, PARTIAL, S.CANCELLED, R.PARTIAL),
    "polled until gone, where cancelled ones vanish": (
        VANISH,
        S.REQUESTED,
        True,
        GONE,
        S.CANCELLED,
        R.INFERRED,
    ),
    # requested
    "taken on": (PLAIN, S.SENDING, False, TAKEN_ON, S.REQUESTED, None),
    "shown as being cancelled": (PLAIN, S.VERIFYING, True, TAKEN_ON, S.REQUESTED, None),
    "still being cancelled": (PLAIN, S.REQUESTED, True, TAKEN_ON, S.REQUESTED, None),
    "polled as active: it is not refused": (
        QUEUES,
        S.REQUESTED,
        True,
        ACTIVE,
        S.REQUESTED,
        None,
    ),
    "polled as gone: it proves nothing": (
        PLAIN,
        S.REQUESTED,
        True,
        GONE,
        S.REQUESTED,
        None,
    ),
    "polled, and not understood": (
        PLAIN,
        S.REQUESTED,
        True,
        UNKNOWN,
        S.REQUESTED,
        None,
    ),
    # refused
    "a clean refusal": (
        PLAIN,
        S.SENDING,
        False,
        refused(R.NOT_FOUND),
        S.REJECTED,
        R.NOT_FOUND,
    ),
    "unknown to both calls, cleanly": (
        VANISH,
        S.VERIFYING,
        False,
        GONE,
        S.REJECTED,
        R.NOT_FOUND,
    ),
    "read back as past it": (
        PLAIN,
        S.VERIFYING,
        True,
        refused(R.WINDOW_CLOSED),
        S.REJECTED,
        R.WINDOW_CLOSED,
    ),
    "read back as completed": (
        PLAIN,
        S.VERIFYING,
        False,
        refused(R.ALREADY_COMPLETED),
        S.REJECTED,
        R.ALREADY_COMPLETED,
    ),
    "gone, where cancelled ones stay": (
        PLAIN,
        S.VERIFYING,
        True,
        GONE,
        S.REJECTED,
        R.NOT_FOUND,
    ),
    "polled until it ended otherwise": (
        PLAIN,
        S.REQUESTED,
        True,
        refused(R.ALREADY_COMPLETED),
        S.REJECTED,
        R.ALREADY_COMPLETED,
    ),
    "a repeat finds it completed": (
        REPEAT,
        S.SENDING,
        True,
        refused(R.ALREADY_COMPLETED),
        S.REJECTED,
        R.ALREADY_COMPLETED,
    ),
    # unknown: read back
    "lost": (PLAIN, S.SENDING, False, Lost(), S.VERIFYING, None),
    "not understood": (PLAIN, S.SENDING, False, UNKNOWN, S.VERIFYING, None),
    "one code for three things": (
        VANISH,
        S.SENDING,
        False,
        WORDLESS,
        S.VERIFYING,
        None,
    ),
    "refused as already cancelled": (
        PLAIN,
        S.SENDING,
        False,
        refused(R.ALREADY_CANCELLED),
        S.VERIFYING,
        None,
    ),
    "refused after a lost answer": (
        REPEAT,
        S.SENDING,
        True,
        refused(R.NOT_FOUND),
        S.VERIFYING,
        None,
    ),
    "refused, where a refusal is read back": (
        DOUBT,
        S.SENDING,
        False,
        refused(R.WINDOW_CLOSED),
        S.VERIFYING,
        None,
    ),
    "answered as active after a lost answer": (
        REPEAT,
        S.SENDING,
        True,
        ACTIVE,
        S.VERIFYING,
        None,
    ),
    "read back, and not understood": (
        PLAIN,
        S.VERIFYING,
        True,
        UNKNOWN,
        S.VERIFYING,
        None,
    ),
    "read back as refused, without a why": (
        PLAIN,
        S.VERIFYING,
        True,
        WORDLESS,
        S.VERIFYING,
        None,
    ),
    "read back as active too early": (
        LAGS,
        S.VERIFYING,
        True,
        ACTIVE,
        S.VERIFYING,
        None,
    ),
    # not done: send again later
    "answered as active": (PLAIN, S.SENDING, False, ACTIVE, S.QUEUED, None),
    "lost, where a repeat does no harm": (
        REPEAT,
        S.SENDING,
        False,
        Lost(),
        S.QUEUED,
        None,
    ),
    "read back as active": (PLAIN, S.VERIFYING, True, ACTIVE, S.QUEUED, None),
}


@pytest.mark.parametrize("name", TABLE)
def test_an_outcome_is_read_as_the_table_says(name: str) -> None:
    rules, state, lost, event, then, reason = TABLE[name]
    after = decide(claimed(state, lost=lost), event, rules, NOW + SECOND)
    assert (after.state, after.reason) == (then, reason)


def test_a_refusal_is_final_after_a_reading_shows_the_order_active() -> None:
    known = claimed(S.SENDING)
    verifying = decide(known, refused(R.WINDOW_CLOSED), DOUBT, NOW)
    after = decide(replace(known, progress=verifying), ACTIVE, DOUBT, NOW)
    assert (after.state, after.reason) == (S.REJECTED, R.WINDOW_CLOSED)


def test_a_refusal_is_final_after_a_reading_shows_no_order() -> None:
    after = decide(claimed(S.VERIFYING, hint=R.NOT_SUPPORTED), GONE, DOUBT, NOW)
    assert (after.state, after.reason) == (S.REJECTED, R.NOT_SUPPORTED)


def test_a_refusal_that_names_a_cancellation_is_not_believed_of_an_active_order() -> (
    None
):
    known = claimed(S.VERIFYING, hint=R.ALREADY_CANCELLED)
    assert decide(known, ACTIVE, DOUBT, NOW).state is S.QUEUED


def test_an_earlier_refusal_is_no_reason_after_a_lost_answer_and_an_active_order() -> (
    None
):
    known = claimed(S.VERIFYING, lost=True, hint=R.NOT_FOUND)
    after = decide(known, ACTIVE, REPEAT, NOW)
    assert (after.state, after.lost) == (S.QUEUED, False)


def test_a_refusal_without_a_reason_is_not_a_call_that_may_have_worked() -> None:
    known = claimed(S.SENDING)
    verifying = decide(known, WORDLESS, VANISH, NOW)
    assert not verifying.lost
    gone = decide(replace(known, progress=verifying), GONE, VANISH, NOW)
    assert (gone.state, gone.reason) == (S.REJECTED, R.NOT_FOUND)


# --- a call that may have been acted on is remembered --------------------------------


@pytest.mark.parametrize("event", [Lost(), UNKNOWN, TAKEN_ON], ids=str)
def test_a_call_that_may_have_worked_is_remembered(event: Event) -> None:
    after = decide(claimed(S.SENDING), event, PLAIN, NOW)
    assert after.lost


@pytest.mark.parametrize("event", [NotSent(), PutBack(), Wait(), Halve(2)], ids=str)
@pytest.mark.parametrize("lost", [True, False])
def test_a_call_that_never_arrived_does_not_count_as_lost(
    event: Event, lost: bool
) -> None:
    assert decide(claimed(S.SENDING, lost=lost), event, PLAIN, NOW).lost is lost


def test_a_cancel_with_a_lost_answer_is_never_resent_before_a_reading() -> None:
    after = decide(claimed(S.SENDING), Lost(), PLAIN, NOW)
    assert after.state is S.VERIFYING
    assert after.since == after.sent_at == NOW
    assert after.due_at == NOW + PLAIN.verify_delays[0]


def test_a_repeatable_cancel_is_not_resent_for_ever() -> None:
    spent = claimed(S.SENDING, spent=PLAIN.max_attempts, attempts=7)
    assert decide(spent, Lost(), REPEAT, NOW).state is S.VERIFYING


def test_a_repeatable_cancel_is_not_resent_past_the_deadline() -> None:
    late = claimed(S.SENDING, cancel_before=NOW)
    after = decide(late, Lost(), REPEAT, NOW)
    assert (after.state, after.lost) == (S.VERIFYING, True)


def test_an_active_order_is_believed_only_once_our_call_is_old_enough() -> None:
    known = claimed(S.VERIFYING, lost=True)
    early = decide(known, ACTIVE, LAGS, NOW + 9 * SECOND)
    assert (early.state, early.lost) == (S.VERIFYING, True)
    assert early.due_at == NOW + LAGS.active_trusted_after
    late = decide(known, ACTIVE, LAGS, NOW + 10 * SECOND)
    assert (late.state, late.lost) == (S.QUEUED, False)


def test_an_accepted_cancel_whose_order_stays_active_too_long_was_dropped() -> None:
    known = claimed(S.REQUESTED, lost=True)
    assert decide(known, ACTIVE, QUEUES, NOW + HOUR - SECOND).state is S.REQUESTED
    dropped = decide(known, ACTIVE, QUEUES, NOW + HOUR)
    assert (dropped.state, dropped.lost) == (S.QUEUED, False)


def test_a_dropped_cancel_past_its_deadline_is_not_resent() -> None:
    known = claimed(S.REQUESTED, lost=True, cancel_before=NOW + SECOND)
    assert decide(known, ACTIVE, QUEUES, NOW + HOUR - SECOND).state is S.REQUESTED
    assert decide(known, ACTIVE, QUEUES, NOW + HOUR).state is S.EXPIRED


def test_an_order_ends_as_not_done_only_when_no_queue_can_hold_our_call() -> None:
    late = claimed(S.VERIFYING, lost=True, cancel_before=NOW + SECOND)
    spent = claimed(S.VERIFYING, lost=True, spent=QUEUES.max_attempts)
    for known, end in ((late, S.EXPIRED), (spent, S.FAILED)):
        early = decide(known, ACTIVE, QUEUES, NOW + HOUR - SECOND)
        assert (early.state, early.lost) == (S.VERIFYING, True)
        assert decide(known, ACTIVE, QUEUES, NOW + HOUR).state is end


def test_verifying_gives_up_only_after_too_long_without_a_reading() -> None:
    rules = policy(queued_for=2 * PLAIN.verify_for)
    known = claimed(S.VERIFYING, lost=True, cancel_before=NOW + SECOND)
    seen = decide(known, ACTIVE, rules, NOW + PLAIN.verify_for - SECOND)
    again = replace(known, progress=seen)
    unread = decide(again, UNKNOWN, rules, NOW + PLAIN.verify_for)
    assert unread.state is S.VERIFYING
    later = decide(again, UNKNOWN, rules, NOW + 2 * PLAIN.verify_for)
    assert (later.state, later.reason) == (S.FAILED, R.UNRESOLVED)


def test_a_resend_need_not_wait_for_the_providers_queue() -> None:
    known = claimed(S.VERIFYING, lost=True)
    assert decide(known, ACTIVE, QUEUES, NOW + SECOND).state is S.QUEUED


@pytest.mark.parametrize("came", [2 * SECOND, HOUR, 30 * HOUR])
def test_a_resend_that_its_deadline_overtakes_is_read_back_at_a_provider_that_queues(
    came: timedelta,
) -> None:
    # The former call may have left the queue, and worked, since it was last read.
    known = claimed(S.VERIFYING, lost=True, cancel_before=NOW + 2 * SECOND)
    waiting = decide(known, ACTIVE, QUEUES, NOW + SECOND)
    assert (waiting.state, waiting.lost) == (S.QUEUED, False)
    late = deadline_came(waiting, QUEUES, NOW + came)
    assert (late.state, late.lost) == (S.VERIFYING, True)
    read = decide(replace(known, progress=late), ACTIVE, QUEUES, NOW + came + HOUR)
    assert (read.state, read.reason) == (S.EXPIRED, R.DEADLINE_PASSED)


def test_a_resend_after_a_believed_reading_may_expire_unread_at_other_providers() -> (
    None
):
    known = claimed(S.VERIFYING, lost=True, cancel_before=NOW + 20 * SECOND)
    waiting = decide(known, ACTIVE, LAGS, NOW + 10 * SECOND)
    assert waiting.state is S.QUEUED
    assert deadline_came(waiting, LAGS, NOW + 20 * SECOND).state is S.EXPIRED


def second_call(rules: Policy, answer: Finding) -> Claimed:
    """One whose first answer was lost, that was shown as active and sent again."""
    known = claimed(S.VERIFYING, lost=True, spent=1, attempts=1)
    waiting = decide(known, ACTIVE, rules, NOW + SECOND)
    again = NOW + 25 * HOUR
    sent = replace(
        waiting, state=S.SENDING, spent=2, attempts=2, sent_at=again, due_at=again
    )
    to = decide(replace(known, progress=sent), answer, rules, again)
    assert to.state is S.VERIFYING
    return replace(known, progress=to)


@pytest.mark.parametrize("answer", [WORDLESS, refused(R.NOT_FOUND)], ids=str)
def test_an_order_that_is_gone_after_a_queued_call_was_cancelled_by_that_call(
    answer: Finding,
) -> None:
    rules = policy(queued_for=HOUR, cancelled_may_vanish=True)
    read = decide(second_call(rules, answer), GONE, rules, NOW + 50 * HOUR)
    assert (read.state, read.reason) == (S.CANCELLED, R.INFERRED)


def test_an_order_cancelled_after_a_queued_call_was_perhaps_cancelled_by_us() -> None:
    known = second_call(QUEUES, refused(R.ALREADY_CANCELLED))
    read = decide(known, CONFIRMED, QUEUES, NOW + 50 * HOUR)
    assert (read.state, read.reason) == (S.CANCELLED, R.CONFIRMED)


def test_an_unreadable_order_remembers_that_a_queued_call_may_have_worked() -> None:
    known = second_call(QUEUES, refused(R.NOT_FOUND))
    read = decide(known, UNKNOWN, QUEUES, NOW + 50 * HOUR)
    assert (read.state, read.reason, read.lost) == (S.FAILED, R.UNRESOLVED, True)


@pytest.mark.parametrize("event", [NotSent(), PutBack(), Wait(), Halve(4)], ids=str)
def test_a_resend_that_is_not_sent_in_time_leaves_the_former_call_in_its_queue(
    event: Event,
) -> None:
    again = claimed(S.SENDING, spent=2, attempts=2, cancel_before=NOW)
    after = decide(again, event, QUEUES, NOW)
    assert (after.state, after.lost) == (S.VERIFYING, True)


def test_a_second_call_that_is_refused_leaves_the_former_one_in_its_queue() -> None:
    again = claimed(S.SENDING, spent=2, attempts=2)
    asked = decide(again, refused(R.WINDOW_CLOSED), QUEUES, NOW)
    assert (asked.state, asked.hint) == (S.VERIFYING, R.WINDOW_CLOSED)
    reading = replace(again, progress=asked)
    early = decide(reading, ACTIVE, QUEUES, NOW + HOUR - SECOND)
    assert early.state is S.VERIFYING
    late = decide(reading, ACTIVE, QUEUES, NOW + HOUR)
    assert (late.state, late.reason) == (S.REJECTED, R.WINDOW_CLOSED)


def test_a_cancel_given_up_as_too_old_may_still_have_a_call_in_a_queue() -> None:
    rules = policy(queued_for=2 * PLAIN.give_up_after)
    known = claimed(S.VERIFYING, lost=True)
    early = decide(known, ACTIVE, rules, NOW + PLAIN.give_up_after)
    assert (early.state, early.lost) == (S.VERIFYING, True)


def test_a_refusal_that_names_a_cancellation_is_not_overruled_too_early() -> None:
    known = claimed(S.VERIFYING, hint=R.ALREADY_CANCELLED)
    assert decide(known, ACTIVE, LAGS, NOW + 9 * SECOND).state is S.VERIFYING
    assert decide(known, ACTIVE, LAGS, NOW + 10 * SECOND).state is S.QUEUED


def test_a_given_up_cancellation_remembers_that_a_call_may_have_worked() -> None:
    known = claimed(S.VERIFYING, lost=True)
    after = decide(known, UNKNOWN, PLAIN, NOW + PLAIN.verify_for)
    assert (after.state, after.reason, after.lost) == (S.FAILED, R.UNRESOLVED, True)


@pytest.mark.parametrize(
    "event", [CONFIRMED, refused(R.WINDOW_CLOSED)], ids=lambda e: str(e.outcome)
)
def test_a_settled_cancellation_has_no_call_in_doubt(event: Finding) -> None:
    assert not decide(claimed(S.VERIFYING, lost=True), event, PLAIN, NOW).lost


# --- attempts -------------------------------------------------------------------------


@pytest.mark.parametrize("event", [NotSent(), Wait(), Halve(2)], ids=str)
def test_a_call_that_never_reached_the_provider_is_no_attempt(event: Event) -> None:
    after = decide(claimed(S.SENDING, attempts=3, spent=2), event, PLAIN, NOW)
    assert (after.state, after.attempts, after.spent) == (S.QUEUED, 2, 1)


@pytest.mark.parametrize("event", [Lost(), CONFIRMED, UNKNOWN, ACTIVE], ids=str)
def test_a_call_that_may_have_reached_the_provider_is_an_attempt(event: Event) -> None:
    after = decide(claimed(S.SENDING, attempts=3, spent=2), event, PLAIN, NOW)
    assert (after.attempts, after.spent) == (3, 2)


@pytest.mark.parametrize("spent", [3, 4])
def test_attempts_run_out(spent: int) -> None:
    known = claimed(S.VERIFYING, spent=spent, attempts=spent, lost=True)
    after = decide(known, ACTIVE, PLAIN, NOW)
    assert (after.state, after.reason) == (S.FAILED, R.ATTEMPTS_EXHAUSTED)
    # It was seen active, so no call of ours is in doubt.
    assert not after.lost


def test_only_answered_readings_are_counted() -> None:
    known = claimed(S.VERIFYING, polls=4)
    assert decide(known, UNKNOWN, PLAIN, NOW).polls == 5
    assert decide(known, Lost(), PLAIN, NOW).polls == 4
    assert decide(claimed(S.REQUESTED, polls=4), ACTIVE, PLAIN, NOW).polls == 5


# --- schedules and their ends ---------------------------------------------------------


@pytest.mark.parametrize("step", [0, 1, 1000])
def test_an_order_that_was_never_sent_waits_the_shortest_time(step: int) -> None:
    after = decide(claimed(S.SENDING, step=step), NotSent(), PLAIN, NOW)
    assert (after.due_at, after.step) == (NOW + PLAIN.resend_delays[0], step)


@pytest.mark.parametrize(("spent", "wait"), [(0, 1), (1, 1), (2, 5), (3, 15), (99, 15)])
def test_a_resend_waits_longer_after_each_attempt(spent: int, wait: int) -> None:
    often = policy(max_attempts=1000)
    known = claimed(S.VERIFYING, lost=True, spent=spent, attempts=spent, step=5)
    after = decide(known, ACTIVE, often, NOW)
    assert (after.due_at, after.step, after.since) == (NOW + wait * SECOND, 0, None)


@pytest.mark.parametrize(("step", "wait"), [(0, 6), (1, 9), (2, 9), (1000, 9)])
@pytest.mark.parametrize("event", [UNKNOWN, NotSent(), Lost()], ids=str)
def test_verifying_follows_its_schedule(event: Event, step: int, wait: int) -> None:
    after = decide(claimed(S.VERIFYING, step=step), event, PLAIN, NOW)
    assert (after.due_at, after.step) == (NOW + wait * SECOND, step + 1)


@pytest.mark.parametrize(("step", "wait"), [(0, 4), (1, 8), (2, 8), (1000, 8)])
@pytest.mark.parametrize("event", [TAKEN_ON, NotSent(), Lost()], ids=str)
def test_polling_follows_its_schedule(event: Event, step: int, wait: int) -> None:
    after = decide(claimed(S.REQUESTED, step=step), event, PLAIN, NOW)
    assert (after.due_at, after.step) == (NOW + wait * SECOND, step + 1)


def test_verifying_begins_at_the_start_of_its_schedule() -> None:
    after = decide(claimed(S.SENDING, step=7), UNKNOWN, PLAIN, NOW)
    assert (after.step, after.since) == (0, NOW)
    assert after.due_at == NOW + PLAIN.verify_delays[0]


def test_polling_begins_at_the_start_of_its_schedule() -> None:
    after = decide(claimed(S.VERIFYING, step=7), TAKEN_ON, PLAIN, NOW + HOUR)
    assert (after.step, after.since) == (0, NOW + HOUR)
    assert after.due_at == NOW + HOUR + PLAIN.poll_delays[0]


@pytest.mark.parametrize("state", [S.SENDING, S.VERIFYING, S.REQUESTED])
def test_a_throttled_order_waits_as_long_as_asked_and_keeps_its_step(
    state: State,
) -> None:
    until = NOW + timedelta(minutes=7)
    after = decide(claimed(state, step=2), Wait(until), PLAIN, NOW)
    assert (after.due_at, after.step) == (until, 2)


@pytest.mark.parametrize("state", [S.SENDING, S.VERIFYING, S.REQUESTED])
def test_an_order_of_a_held_lane_is_due_at_once(state: State) -> None:
    assert decide(claimed(state), Wait(), PLAIN, NOW).due_at == NOW


@pytest.mark.parametrize("state", [S.SENDING, S.VERIFYING, S.REQUESTED])
@pytest.mark.parametrize(("size", "cap"), [(100, 50), (3, 1), (2, 1), (1, 1)])
def test_a_batch_refused_whole_is_halved(state: State, size: int, cap: int) -> None:
    after = decide(claimed(state), Halve(size), PLAIN, NOW)
    assert (after.batch_cap, after.due_at) == (cap, NOW)
    assert after.state is (S.QUEUED if state is S.SENDING else state)


# --- giving up ------------------------------------------------------------------------


def test_an_order_whose_outcome_cannot_be_established_is_given_up() -> None:
    known = claimed(S.VERIFYING, lost=True)
    almost = NOW + PLAIN.verify_for - SECOND
    assert decide(known, UNKNOWN, PLAIN, almost).state is S.VERIFYING
    after = decide(known, UNKNOWN, PLAIN, NOW + PLAIN.verify_for)
    assert (after.state, after.reason) == (S.FAILED, R.UNRESOLVED)


def test_an_accepted_cancel_that_never_settles_is_given_up() -> None:
    known = claimed(S.REQUESTED, lost=True)
    almost = NOW + PLAIN.poll_for - SECOND
    assert decide(known, TAKEN_ON, PLAIN, almost).state is S.REQUESTED
    after = decide(known, TAKEN_ON, PLAIN, NOW + PLAIN.poll_for)
    assert (after.state, after.reason) == (S.FAILED, R.UNRESOLVED)


@pytest.mark.parametrize("state", [S.VERIFYING, S.REQUESTED])
@pytest.mark.parametrize("event", [NotSent(), Lost(), Wait()], ids=str)
def test_a_provider_that_cannot_be_read_is_not_read_for_ever(
    state: State, event: Event
) -> None:
    known = claimed(state, lost=True)
    almost = NOW + PLAIN.give_up_after - SECOND
    assert decide(known, event, PLAIN, almost).state is state
    after = decide(known, event, PLAIN, NOW + PLAIN.give_up_after)
    assert (after.state, after.reason) == (S.FAILED, R.UNRESOLVED)


@pytest.mark.parametrize("event", [NotSent(), Wait()], ids=str)
def test_an_order_that_could_never_be_sent_is_given_up(event: Event) -> None:
    known = claimed(S.SENDING)
    after = decide(known, event, PLAIN, NOW + PLAIN.give_up_after)
    assert (after.state, after.reason) == (S.FAILED, R.NEVER_SENT)
    assert after.attempts == 0


@pytest.mark.parametrize("event", [NotSent(), Wait(), Lost()], ids=str)
def test_an_order_that_may_be_cancelled_is_read_back_before_it_is_given_up(
    event: Event,
) -> None:
    known = claimed(S.SENDING, lost=True)
    after = decide(known, event, REPEAT, NOW + PLAIN.give_up_after)
    assert (after.state, after.lost) == (S.VERIFYING, True)


@pytest.mark.parametrize("lost", [True, False])
def test_an_order_that_was_never_tried_is_not_given_up_after_any_wait(
    lost: bool,
) -> None:
    known = claimed(S.SENDING, lost=lost, attempts=1, spent=1)
    later = NOW + 2 * PLAIN.give_up_after
    after = decide(known, PutBack(), PLAIN, later)
    assert (after.state, after.due_at) == (S.QUEUED, later)
    assert (after.attempts, after.spent, after.lost) == (0, 0, lost)


@pytest.mark.parametrize("state", [S.VERIFYING, S.REQUESTED])
def test_a_reading_that_was_not_made_is_due_again_and_changes_nothing(
    state: State,
) -> None:
    known, later = claimed(state, step=2), NOW + 2 * PLAIN.give_up_after
    after = decide(known, PutBack(), PLAIN, later)
    assert after == replace(known.progress, due_at=later)


# --- deadlines and leases -------------------------------------------------------------


@pytest.mark.parametrize(
    "event", [NotSent(), PutBack(), Wait(), Halve(4), ACTIVE], ids=str
)
def test_an_order_past_its_deadline_is_not_resent(event: Event) -> None:
    late = claimed(S.SENDING, cancel_before=NOW)
    after = decide(late, event, PLAIN, NOW)
    assert (after.state, after.reason) == (S.EXPIRED, R.DEADLINE_PASSED)


def test_an_active_order_past_its_deadline_expires() -> None:
    late = claimed(S.VERIFYING, lost=True, cancel_before=NOW)
    after = decide(late, ACTIVE, PLAIN, NOW)
    assert (after.state, after.reason) == (S.EXPIRED, R.DEADLINE_PASSED)


def test_a_cancelled_order_past_its_deadline_is_still_cancelled() -> None:
    late = claimed(S.VERIFYING, lost=True, cancel_before=NOW)
    assert decide(late, CONFIRMED, PLAIN, NOW).state is S.CANCELLED


@pytest.mark.parametrize("state", [S.QUEUED, S.SCHEDULED])
def test_the_deadline_ends_an_order_that_was_never_sent(state: State) -> None:
    after = deadline_came(progress(state), PLAIN, NOW)
    assert (after.state, after.reason) == (S.EXPIRED, R.DEADLINE_PASSED)


def test_an_order_that_may_be_cancelled_is_read_back_at_its_deadline() -> None:
    after = deadline_came(progress(S.QUEUED, lost=True), REPEAT, NOW)
    assert (after.state, after.lost, after.since) == (S.VERIFYING, True, NOW)


@pytest.mark.parametrize("rules", BY_TABLE.values(), ids=BY_TABLE)
def test_an_order_whose_worker_died_is_read_back(rules: Policy) -> None:
    after = lease_ran_out(progress(S.SENDING, hint=R.REFUSED), rules, NOW + HOUR)
    assert (after.state, after.lost, after.hint) == (S.VERIFYING, True, None)
    assert after.sent_at == after.since == NOW + HOUR
    assert (after.attempts, after.spent) == (1, 1)


# --- the provider's own words ---------------------------------------------------------


def test_the_providers_words_are_stored_unchanged_beside_the_outcome() -> None:
    said = Finding(Said.REFUSED, R.NOT_FOUND, "404", "sipariş bulunamadı")
    after = decide(claimed(S.SENDING), said, PLAIN, NOW)
    assert (after.provider_code, after.provider_message) == ("404", said.message)


def test_a_reply_without_words_does_not_overwrite_earlier_words() -> None:
    known = claimed(S.VERIFYING, provider_code="455", provider_message="no")
    after = decide(known, UNKNOWN, PLAIN, NOW)
    assert (after.provider_code, after.provider_message) == ("455", "no")


def test_a_sentence_of_ours_about_a_reply_does_not_overwrite_them() -> None:
    known = claimed(S.VERIFYING, provider_message="sipariş bulunamadı")
    after = decide(known, unclear("not among the current orders"), PLAIN, NOW)
    assert after.provider_message == "sipariş bulunamadı"
    after = decide(claimed(S.VERIFYING), unclear("no clear status"), PLAIN, NOW)
    assert after.provider_message == "no clear status"


def test_a_confirmed_refusal_keeps_its_words() -> None:
    known = claimed(S.VERIFYING, hint=R.WINDOW_CLOSED, provider_message="too late")
    seen = Finding(Said.ACTIVE, None, "400", "approved")
    assert decide(known, seen, DOUBT, NOW).provider_message == "too late"


def test_an_unresolved_ending_keeps_the_words() -> None:
    known = claimed(S.VERIFYING, lost=True)
    said = Finding(Said.UNKNOWN, None, "777", "hmm")
    after = decide(known, said, PLAIN, NOW + PLAIN.verify_for)
    assert (after.state, after.provider_message) == (S.FAILED, "hmm")


# --- invariants -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "state", sorted(set(State) - {S.SENDING, S.VERIFYING, S.REQUESTED})
)
def test_a_decision_needs_a_claim(state: State) -> None:
    with pytest.raises(ValueError, match=f"a cancellation that is {state}"):
        decide(claimed(state), CONFIRMED, PLAIN, NOW)


times = st.timedeltas(timedelta(0), timedelta(days=5)).map(lambda t: NOW + t)
findings = st.builds(
    Finding,
    st.sampled_from(Outcome),
    st.none() | st.sampled_from(Reason),
    st.none() | st.just("1"),
    st.none() | st.just("words"),
)
events: st.SearchStrategy[Event] = st.one_of(
    findings,
    st.builds(NotSent),
    st.builds(Wait, st.none() | times),
    st.builds(Halve, st.integers(1, 1000)),
    st.builds(Lost),
    st.builds(PutBack, st.none() | times),
)
policies = st.builds(
    lambda *flags: policy(
        repeatable=flags[0],
        refusal_is_final=flags[1],
        cancelled_may_vanish=flags[2],
        active_trusted_after=timedelta(seconds=flags[3]),
        max_attempts=flags[4],
        queued_for=timedelta(seconds=flags[5]),
    ),
    *[st.booleans()] * 3,
    st.integers(0, 600),
    st.integers(1, 4),
    st.sampled_from([0, 3600]),
)


@st.composite
def held(draw: st.DrawFn) -> Claimed:
    spent = draw(st.integers(1, 5))
    known = claimed(
        draw(st.sampled_from([S.SENDING, S.VERIFYING, S.REQUESTED])),
        spent=spent,
        attempts=spent + draw(st.integers(0, 5)),
        polls=draw(st.integers(0, 9)),
        lost=draw(st.booleans()),
        hint=draw(st.none() | st.sampled_from(Reason)),
        step=draw(st.integers(0, 50)),
        batch_cap=draw(st.none() | st.integers(1, 100)),
    )
    # What is being sent waits for nothing.
    waits = known.progress.state is not S.SENDING and draw(st.booleans())
    return replace(known, cancel_before=draw(st.none() | times), waits=waits)


@given(held(), events, policies, times)
def test_every_decision_can_be_stored_in_the_ledger(
    known: Claimed, event: Event, rules: Policy, at: datetime
) -> None:
    was = known.progress
    after = decide(known, event, rules, at)
    assert was.state is after.state or (was.state, after.state) in EDGES
    final = after.state in FINAL
    assert (after.reason is not None) == final
    assert (after.finished_at is not None) == final
    assert (after.due_at is None) == final
    assert 0 <= after.spent <= after.attempts
    assert after.attempts in (was.attempts, was.attempts - 1)
    assert after.polls in (was.polls, was.polls + 1)


@given(held(), events, policies, times)
def test_a_decision_is_a_function_of_what_it_is_given(
    known: Claimed, event: Event, rules: Policy, at: datetime
) -> None:
    assert decide(known, event, rules, at) == decide(known, event, rules, at)


@given(held(), policies, times)
def test_a_cancel_with_a_lost_answer_is_resent_only_if_it_is_repeatable(
    known: Claimed, rules: Policy, at: datetime
) -> None:
    progress = replace(known.progress, state=S.SENDING)
    sending = replace(known, progress=progress, waits=False)
    after = decide(sending, Lost(), rules, at)
    assert after.lost
    assert after.state is S.VERIFYING or (rules.repeatable and after.state is S.QUEUED)


# --- the edges between states ---------------------------------------------------------


def test_only_a_retry_leaves_a_final_state() -> None:
    left = {(a, b): why for (a, b), why in EDGES.items() if a in FINAL}
    assert {a for a, _ in left} == RETRYABLE
    assert all("retry" in why for why in left.values())
    assert set(State) == FINAL | OPEN


def test_every_state_can_be_reached_and_every_open_one_left() -> None:
    entered = {b for _, b in EDGES} | {S.SCHEDULED, S.QUEUED}
    assert entered == set(State)
    assert {a for a, _ in EDGES} >= OPEN


def test_the_diagram_shows_every_edge() -> None:
    shown = diagram()
    for (a, b), why in EDGES.items():
        assert f"    {a} --> {b}: {why}\n" in shown
    assert shown.count("--> [*]") == len(FINAL)


# --- another cancellation of the same order -------------------------------------------


@pytest.mark.parametrize("reason", [R.ALREADY_CANCELLED, R.PARTIAL, R.INFERRED])
def test_an_order_that_another_cancellation_cancelled_ends_unsent_and_as_certain(
    reason: Reason,
) -> None:
    known = claimed(S.SENDING, attempts=1, spent=1)
    after = decide(known, DoneAlready("other", reason), PLAIN, NOW)
    assert (after.state, after.reason) == (S.CANCELLED, reason)
    assert (after.attempts, after.provider_message) == (0, "cancelled by other")


def test_an_order_that_another_cancellation_may_have_cancelled_is_read_back() -> None:
    after = decide(claimed(S.SENDING, attempts=1, spent=1), AskFirst(), PLAIN, NOW)
    assert (after.state, after.lost, after.attempts) == (S.VERIFYING, True, 0)


@pytest.mark.parametrize("event", [DoneAlready("other"), AskFirst()], ids=str)
@pytest.mark.parametrize("state", [S.VERIFYING, S.REQUESTED])
def test_only_an_unsent_order_can_be_left_to_another_cancellation(
    event: Event, state: State
) -> None:
    with pytest.raises(ValueError, match="it has been sent"):
        decide(claimed(state), event, PLAIN, NOW)


def test_an_order_that_could_never_be_sent_fails_as_never_sent() -> None:
    known = claimed(S.SENDING, attempts=1, spent=1)
    late = NOW + PLAIN.give_up_after
    after = decide(known, NotSent(), PLAIN, late)
    assert (after.state, after.reason) == (S.FAILED, R.NEVER_SENT)
    tried = claimed(S.SENDING, attempts=3, spent=2)
    after = decide(tried, NotSent(), PLAIN, late)
    assert (after.state, after.reason) == (S.FAILED, R.ATTEMPTS_EXHAUSTED)


def test_a_reading_is_as_old_as_its_call() -> None:
    known = claimed(S.VERIFYING, lost=True)
    late = NOW + HOUR
    early = replace(ACTIVE, asked_at=NOW + SECOND)
    assert decide(known, early, LAGS, late).state is S.VERIFYING
    assert decide(known, early, LAGS, late).due_at == late
    again = replace(ACTIVE, asked_at=NOW + 10 * SECOND)
    assert decide(known, again, LAGS, late).state is S.QUEUED
    taken_on = claimed(S.REQUESTED, lost=True)
    assert decide(taken_on, early, QUEUES, NOW + 2 * HOUR).state is S.REQUESTED
