from __future__ import annotations

import threading
from datetime import datetime
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.changes.retries import REFUSED_KEY, retry
from rescind.ledger.states import RETRYABLE, State
from rescind.ledger.storage.cancellation_rows import progress_of
from rescind.ledger.storage.milliseconds import from_ms, to_ms
from rescind.ledger.storage.tables import NO_DEADLINE
from rescind.ledger.storage.transactions import writing
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.policy import Policy
from tests.ledger.build import (
    BY,
    HOUR,
    NOW,
    add,
    hold,
    new,
    progress,
    row,
    steps,
    take_in,
)
from tests.ledger.filled import ON_ONE_LEDGER

LATER = NOW + HOUR
DEADLINES = st.none() | st.integers(-2, 4)
"""Hours after the retry."""
ORDERS = count()


def retried(
    engine: Engine,
    one: str,
    cancel_before: datetime | None = None,
    rules: Policy | None = None,
) -> bool:
    seen = row(engine, one)
    with writing(engine) as connection:
        return retry(connection, seen, LATER, cancel_before, rules, by=BY)


@pytest.mark.parametrize("state", sorted(RETRYABLE))
def test_a_new_round_begins_queued(engine: Engine, state: State) -> None:
    one = add(engine, state, attempts=5, spent=5, polls=3, provider_message="no")
    assert retried(engine, one)
    was = progress_of(row(engine, one))
    assert (was.state, was.reason, was.finished_at) == (State.QUEUED, None, None)
    assert (was.attempts, was.spent, was.polls) == (5, 0, 3)
    assert (was.due_at, was.provider_message) == (LATER, None)
    assert from_ms(row(engine, one).opened_at) == LATER
    assert len(hold(engine, now=LATER)) == 1


def test_the_history_keeps_both_rounds(engine: Engine) -> None:
    one = add(engine, State.REJECTED)
    retried(engine, one)
    assert steps(engine, one) == [
        (1, None, State.REJECTED),
        (2, State.REJECTED, State.QUEUED),
    ]


def test_if_a_call_may_have_worked_the_new_round_begins_with_a_reading(
    engine: Engine,
) -> None:
    one = add(engine, State.FAILED, lost=True, sent_at=NOW)
    assert retried(engine, one)
    was = progress_of(row(engine, one))
    assert (was.state, was.lost) == (State.VERIFYING, True)
    assert (was.sent_at, was.since) == (NOW, LATER)
    assert hold(engine, now=LATER) == []


@pytest.mark.parametrize("state", [State.WITHDRAWN, State.EXPIRED])
def test_a_retry_does_not_come_before_its_not_before(
    engine: Engine, state: State
) -> None:
    later = LATER + HOUR
    [one] = take_in(engine, [new(progress=progress(state), not_before=later)])
    assert retried(engine, one)
    was = row(engine, one)
    assert (was.state, from_ms(was.due_at)) == (State.SCHEDULED, later)
    assert from_ms(was.opened_at) == later
    assert hold(engine, now=LATER) == []


@pytest.mark.parametrize("state", sorted(set(State) - RETRYABLE))
def test_only_a_bad_ending_can_be_retried(engine: Engine, state: State) -> None:
    one = add(engine, state)
    with pytest.raises(InvalidRequestError, match=f"is {state}: only failed"):
        retried(engine, one)
    assert row(engine, one).state == state


def test_an_entry_that_was_never_valid_cannot_be_retried(engine: Engine) -> None:
    wrong = progress(State.REJECTED, provider_message="order is required")
    refused: NewCancellation = new(key=f"{REFUSED_KEY}x", progress=wrong)
    [one] = take_in(engine, [refused])
    with pytest.raises(InvalidRequestError, match=r"\(order is required\).*corrected"):
        retried(engine, one)


def test_a_passed_deadline_needs_a_new_one(engine: Engine) -> None:
    one = add(engine, State.EXPIRED, cancel_before=NOW)
    with pytest.raises(InvalidRequestError, match="give a later cancel_before"):
        retried(engine, one)
    with pytest.raises(InvalidRequestError, match="give a later cancel_before"):
        retried(engine, one, LATER)
    assert retried(engine, one, LATER + HOUR)
    kept = row(engine, one)
    assert kept.cancel_before == kept.urgency == to_ms(LATER + HOUR)


@given(first=st.integers(-2, 4), last=DEADLINES, wanted=DEADLINES)
@ON_ONE_LEDGER
def test_a_retry_is_accepted_if_it_can_be_sent_before_its_deadline(
    engine: Engine, first: int, last: int | None, wanted: int | None
) -> None:
    def at(hours: int | None) -> datetime | None:
        return None if hours is None else LATER + hours * HOUR

    ended = progress(State.EXPIRED)
    times = {"not_before": at(first), "cancel_before": at(last)}
    [one] = take_in(engine, [new(str(next(ORDERS)), progress=ended, **times)])
    deadline = last if wanted is None else wanted
    if deadline is None or deadline > max(first, 0):
        assert retried(engine, one, at(wanted))
    else:
        with pytest.raises(InvalidRequestError, match=r"give a .*cancel_before"):
            retried(engine, one, at(wanted))


def test_without_a_deadline_it_is_claimed_after_those_that_have_one(
    engine: Engine,
) -> None:
    one = add(engine, State.FAILED)
    retried(engine, one)
    assert row(engine, one).urgency == NO_DEADLINE


def test_of_two_that_retry_at_once_only_one_succeeds(engine: Engine) -> None:
    one = add(engine, State.FAILED)
    seen = row(engine, one)
    start = threading.Barrier(3)
    opened: list[bool] = []

    def run() -> None:
        start.wait()
        with writing(engine) as connection:
            opened.append(retry(connection, seen, LATER, by=BY))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(opened) == [False, False, True]
    assert len(steps(engine, one)) == 2
