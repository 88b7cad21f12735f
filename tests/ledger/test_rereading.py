"""An event of a provider brings one reading forward, and changes nothing else."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import Engine

from rescind.ledger.changes.rereading import READ, SPACING, ask_for_readings
from rescind.ledger.changes.retries import retry
from rescind.ledger.changes.seen_events import FORGOTTEN_AT_ONCE, KNOWN_FOR, is_new
from rescind.ledger.changes.sweeps import move
from rescind.ledger.states import State
from rescind.ledger.storage.event_table import SEEN_EVENT
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.transactions import reading, writing
from tests.ledger.build import (
    HOUR,
    LANE,
    LEASE,
    NOW,
    PLAIN,
    SECOND,
    add,
    change,
    hold,
    make,
    row,
    steps,
)

LATER = NOW + HOUR


def told(engine: Engine, *orders: str, now: datetime = LATER) -> int:
    """An event about these orders comes in."""
    with writing(engine) as connection:
        return ask_for_readings(connection, LANE, orders, now)


def whole(engine: Engine, one: str) -> tuple[Any, ...]:
    return (*row(engine, one), *steps(engine, one))


@pytest.mark.parametrize("state", READ)
def test_an_order_that_waits_for_a_reading_is_read_now(
    engine: Engine, state: State
) -> None:
    one = add(engine, state, due_at=LATER + HOUR)
    before = steps(engine, one)
    assert told(engine, "1") == 1
    assert row(engine, one).due_at == in_ms(LATER)
    assert steps(engine, one) == before
    assert [held.id for held in hold(engine, state, now=LATER)] == [one]


@pytest.mark.parametrize("state", sorted({*State} - {*READ, State.SENDING}))
def test_what_was_not_sent_or_has_ended_stays_as_it_is(
    engine: Engine, state: State
) -> None:
    one = add(engine, state)
    before = whole(engine, one)
    assert told(engine, "1") == 0
    assert whole(engine, one) == before


def test_an_unknown_order_and_one_of_another_lane_stay_as_they_are(
    engine: Engine,
) -> None:
    other = add(engine, State.REQUESTED, due_at=LATER + HOUR, lane=("notpanel", "b"))
    before = whole(engine, other)
    assert told(engine, "1", "2") == 0
    assert told(engine) == 0
    assert whole(engine, other) == before


def test_every_key_of_the_order_is_read(engine: Engine) -> None:
    due = LATER + HOUR
    ids = [add(engine, State.REQUESTED, key=key, due_at=due) for key in ("1", "a", "b")]
    stranger = add(engine, State.REQUESTED, order="9", key="c", due_at=due)
    assert told(engine, "1") == 3
    assert {row(engine, one).due_at for one in ids} == {in_ms(LATER)}
    assert row(engine, stranger).due_at == in_ms(due)


def test_a_storm_of_events_causes_one_reading_in_each_spacing(engine: Engine) -> None:
    one = add(engine, State.REQUESTED, due_at=NOW)
    now, readings = NOW, list[datetime]()
    while now < NOW + 4 * SPACING:
        told(engine, "1", now=now)
        for held in hold(engine, State.REQUESTED, now=now):
            readings.append(now)
            told(engine, "1", now=now)
            make(engine, [change(held, State.REQUESTED, due_at=now + HOUR)], now)
        now += SECOND / 2
    gaps = [later - former for former, later in pairwise(readings)]
    assert gaps
    assert set(gaps) == {SPACING}
    assert row(engine, one).due_at == in_ms(readings[-1] + SPACING)


def test_an_event_never_makes_a_reading_later(engine: Engine) -> None:
    one = add(engine, State.VERIFYING, due_at=NOW + SECOND)
    assert told(engine, "1", now=NOW) == 0
    assert row(engine, one).due_at == in_ms(NOW + SECOND)


# --- while a worker holds it --------------------------------------------------------


@pytest.mark.parametrize("state", READ)
def test_a_lease_and_its_fencing_token_are_kept(engine: Engine, state: State) -> None:
    one = add(engine, state)
    (held,) = hold(engine, state, now=LATER)
    assert told(engine, "1", now=LATER + SECOND) == 1
    assert told(engine, "1", now=LATER + 2 * SECOND) == 0
    after = row(engine, one)
    assert (after.due_at, after.version) == (in_ms(LATER + LEASE), held.version)
    assert hold(engine, state, now=LATER + 2 * SECOND) == []
    end = LATER + 3 * SECOND
    assert make(engine, [change(held, state, due_at=end + HOUR)], end) == frozenset()
    after = row(engine, one)
    assert (after.due_at, after.reread) == (in_ms(end + SPACING), None)


def test_without_an_event_the_decision_says_when_it_is_due(engine: Engine) -> None:
    one = add(engine, State.REQUESTED)
    (held,) = hold(engine, State.REQUESTED, now=LATER)
    make(engine, [change(held, State.REQUESTED, due_at=LATER + HOUR)], LATER)
    assert row(engine, one).due_at == in_ms(LATER + HOUR)


@pytest.mark.parametrize("by_claim", [True, False])
def test_an_event_before_the_answer_to_a_cancel_is_kept_for_the_reading(
    engine: Engine, by_claim: bool
) -> None:
    state = State.QUEUED if by_claim else State.SENDING
    one = add(engine, state, due_at=LATER + (HOUR if not by_claim else -HOUR))
    if by_claim:
        (held,) = hold(engine, now=LATER)
        assert told(engine, "1") == 1
        make(engine, [change(held, State.REQUESTED, due_at=LATER + HOUR)], LATER)
        assert row(engine, one).due_at == in_ms(LATER + SPACING)
    else:
        assert told(engine, "1") == 1
        assert row(engine, one).reread == in_ms(LATER)
        assert row(engine, one).due_at == in_ms(LATER + HOUR)


def test_an_order_that_is_to_be_sent_again_waits_as_decided(engine: Engine) -> None:
    one = add(engine, State.REQUESTED)
    (held,) = hold(engine, State.REQUESTED, now=LATER)
    told(engine, "1")
    make(engine, [change(held, State.QUEUED, due_at=LATER + HOUR)], LATER)
    after = row(engine, one)
    assert (after.due_at, after.reread) == (in_ms(LATER + HOUR), None)


def test_a_final_state_stays_final(engine: Engine) -> None:
    one = add(engine, State.REQUESTED)
    (held,) = hold(engine, State.REQUESTED, now=LATER)
    told(engine, "1")
    make(engine, [change(held, State.CANCELLED)], LATER)
    after = row(engine, one)
    assert (after.state, after.due_at, after.reread) == ("cancelled", None, None)


def test_a_lease_that_ran_out_is_read_by_the_next_claim(engine: Engine) -> None:
    add(engine, State.VERIFYING)
    (held,) = hold(engine, State.VERIFYING, now=LATER)
    over = LATER + LEASE
    assert told(engine, "1", now=over) == 0
    (again,) = hold(engine, State.VERIFYING, now=over)
    assert again.version == held.version + 1


def test_a_worker_that_vanished_while_sending_leaves_the_wish(engine: Engine) -> None:
    one = add(engine)
    hold(engine, now=LATER)
    told(engine, "1", now=LATER + SECOND)
    over = LATER + LEASE
    slow = PLAIN.model_copy(update={"verify_delays": (HOUR,)})
    with writing(engine) as connection:
        move(connection, [LANE], lambda _: slow, over)
    after = row(engine, one)
    assert (after.state, after.due_at) == ("verifying", in_ms(over + SPACING))


def test_a_new_round_forgets_the_wish_of_the_former(engine: Engine) -> None:
    one = add(engine, State.REQUESTED, since=NOW - HOUR)
    hold(engine, State.REQUESTED, now=NOW)
    told(engine, "1", now=NOW + SECOND)
    with writing(engine) as connection:
        found = row(engine, one)
        assert retry(connection, found, LATER, policy=PLAIN, by="a test")
    after = row(engine, one)
    assert (after.state, after.due_at, after.reread) == (
        "verifying",
        in_ms(LATER),
        None,
    )


# --- events that were seen ----------------------------------------------------------


def test_an_event_is_new_once_a_day(engine: Engine) -> None:
    def new(digest: str, now: datetime = NOW) -> bool:
        with writing(engine) as connection:
            return is_new(connection, digest, now)

    assert [new("a"), new("a"), new("b"), new("a")] == [True, False, True, False]
    last = KNOWN_FOR - timedelta(milliseconds=1)
    assert not new("a", NOW + last)
    assert new("a", NOW + KNOWN_FOR)


def test_old_events_are_deleted_a_few_at_a_time(engine: Engine) -> None:
    old = [{"digest": f"{n}", "seen_at": in_ms(NOW)} for n in range(150)]
    with writing(engine) as connection:
        connection.execute(SEEN_EVENT.insert(), old)
        assert is_new(connection, "new", NOW + KNOWN_FOR)
    with reading(engine) as connection:
        left = len(connection.execute(SEEN_EVENT.select()).all())
    assert left == 150 - FORGOTTEN_AT_ONCE + 1
