"""A deadline that a provider tells in a reply is kept, and is the deadline in force."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from rescind.engine.call_results import FINE, CallResult
from rescind.engine.deciding import changes_of
from rescind.ledger.changes.retries import retry, why_not
from rescind.ledger.reading.queries import as_record, stamp
from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import in_ms, to_ms
from rescind.ledger.storage.transactions import writing
from rescind.provider.outcomes import Finding, Outcome
from tests.ledger.build import (
    BY,
    HOUR,
    NOW,
    PLAIN,
    SECOND,
    add,
    change,
    claimed,
    hold,
    make,
    row,
)

ACTIVE = Finding(Outcome.ACTIVE)
TOLD = NOW + 2 * HOUR


def decided(finding: Finding, before: datetime | None = None) -> State:
    """The state after ``finding`` of a cancel."""
    one = claimed(State.SENDING, cancel_before=before)
    (made,) = changes_of([CallResult([one], {one.id: finding}, FINE, NOW)], PLAIN)
    assert made.cancellable_until == finding.cancellable_until
    return made.to.state


@pytest.mark.parametrize("before", [None, NOW + HOUR])
def test_nothing_is_sent_after_the_time_that_a_reply_tells(
    before: datetime | None,
) -> None:
    soon = replace(ACTIVE, cancellable_until=NOW + HOUR)
    passed = replace(ACTIVE, cancellable_until=NOW)
    assert decided(ACTIVE, before) is decided(soon, before) is State.QUEUED
    assert decided(passed, before) is State.EXPIRED


def test_a_later_time_than_the_producers_changes_nothing() -> None:
    assert decided(replace(ACTIVE, cancellable_until=TOLD), NOW) is State.EXPIRED


def told(engine: Engine, one: str, until: datetime | None) -> None:
    """Read ``one``, which is requested, and be told this deadline."""
    now = NOW + timedelta(days=1)
    (held,) = hold(engine, State.REQUESTED, now=now)
    known = change(held, State.REQUESTED, due_at=now)
    assert held.id == one
    assert not make(engine, [replace(known, cancellable_until=until)], now)


def deadlines(engine: Engine, one: str) -> tuple[int | None, int | None]:
    found = row(engine, one)
    assert found.urgency == (found.cancel_before or found.urgency)
    return found.cancel_before, found.cancellable_until


@pytest.mark.parametrize("before", [None, NOW + HOUR, TOLD + HOUR])
def test_what_a_reply_tells_bounds_the_deadline(
    engine: Engine, before: datetime | None
) -> None:
    one = add(engine, State.REQUESTED, cancel_before=before)
    told(engine, one, None)
    assert deadlines(engine, one) == (to_ms(before), None)
    told(engine, one, TOLD)
    expected = in_ms(min(before or TOLD, TOLD))
    assert deadlines(engine, one) == (expected, in_ms(TOLD))
    told(engine, one, None)
    told(engine, one, TOLD + SECOND)
    assert deadlines(engine, one) == (expected, in_ms(TOLD))
    told(engine, one, NOW)
    assert deadlines(engine, one) == (in_ms(NOW), in_ms(NOW))
    assert as_record(row(engine, one))["cancellable_until"] == stamp(in_ms(NOW))


def test_each_order_of_a_reply_keeps_its_own_deadline(engine: Engine) -> None:
    ids = [add(engine, State.REQUESTED, order=str(n)) for n in range(3)]
    until = {one: TOLD + n * HOUR for n, one in enumerate(ids)}
    made = [
        replace(change(held, State.REQUESTED), cancellable_until=until[held.id])
        for held in hold(engine, State.REQUESTED)
    ]
    make(engine, made)
    assert {one: deadlines(engine, one)[1] for one in ids} == {
        one: in_ms(time) for one, time in until.items()
    }


def test_a_result_that_comes_too_late_changes_no_deadline(engine: Engine) -> None:
    one = add(engine, State.REQUESTED)
    (held,) = hold(engine, State.REQUESTED)
    late = replace(change(held, State.REQUESTED), version=1, cancellable_until=TOLD)
    assert make(engine, [late]) == {one}
    assert deadlines(engine, one) == (None, None)


def test_a_new_round_ends_no_later(engine: Engine) -> None:
    one = add(engine, State.REQUESTED)
    (held,) = hold(engine, State.REQUESTED)
    make(engine, [replace(change(held, State.FAILED), cancellable_until=TOLD)])
    assert "can no longer be cancelled" in str(why_not(row(engine, one), TOLD, PLAIN))
    with writing(engine) as connection:
        late = TOLD + HOUR
        assert retry(connection, row(engine, one), NOW, late, PLAIN, by=BY)
    assert deadlines(engine, one)[0] == in_ms(TOLD)
