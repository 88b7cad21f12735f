from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import Connection, Engine

from ledger.claims import progress_of
from ledger.database import reading, writing
from ledger.queries import history
from ledger.states import State
from ledger.sweeps import (
    AT_ONCE,
    lanes_with_deadlines,
    sweep_deadlines,
    sweep_leases,
    sweep_needed,
    sweep_scheduled,
)
from providers.model import Policy, Reason
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
    new,
    row,
    say_in_newer_words,
    take_in,
)

Sweep = Callable[[Connection, tuple[str, str], Policy, datetime], int]
SWEEPS: list[Sweep] = [sweep_leases, sweep_deadlines, sweep_scheduled]


def swept(engine: Engine, sweep: Sweep, now: datetime = NOW) -> int:
    with writing(engine) as connection:
        return sweep(connection, LANE, PLAIN, now)


def needed(engine: Engine, now: datetime = NOW) -> bool:
    with reading(engine) as connection:
        return sweep_needed(connection, LANE, now)


def evidence(engine: Engine, one: str) -> object:
    with reading(engine) as connection:
        return history(connection, one)[-1]["evidence"]


def test_a_worker_that_vanished_has_its_order_verified_never_resent(
    engine: Engine,
) -> None:
    one = add(engine)
    hold(engine)
    late = NOW + LEASE
    assert not needed(engine, late - SECOND)
    assert swept(engine, sweep_leases, late - SECOND) == 0
    assert needed(engine, late)
    assert swept(engine, sweep_leases, late) == 1
    was = progress_of(row(engine, one))
    assert (was.state, was.lost, was.attempts) == (State.VERIFYING, True, 1)
    assert was.sent_at == late
    assert evidence(engine, one) == "the lease ran out"


def test_what_the_vanished_worker_says_at_last_changes_nothing(engine: Engine) -> None:
    add(engine)
    [slow] = hold(engine)
    swept(engine, sweep_leases, NOW + LEASE)
    assert make(engine, [change(slow, State.REJECTED)]) == {slow.id}
    assert row(engine, slow.id).state == State.VERIFYING


@pytest.mark.parametrize("state", [State.VERIFYING, State.REQUESTED])
def test_a_reading_whose_lease_ran_out_needs_no_sweep(
    engine: Engine, state: State
) -> None:
    add(engine, state)
    hold(engine, state)
    assert [swept(engine, sweep, NOW + HOUR) for sweep in SWEEPS] == [0, 0, 0]


@pytest.mark.parametrize("state", [State.QUEUED, State.SCHEDULED])
def test_what_was_never_sent_in_time_has_expired(engine: Engine, state: State) -> None:
    one = add(engine, state, cancel_before=NOW + HOUR, due_at=NOW + 2 * HOUR)
    assert swept(engine, sweep_deadlines, NOW + HOUR - SECOND) == 0
    assert needed(engine, NOW + HOUR)
    assert swept(engine, sweep_deadlines, NOW + HOUR) == 1
    kept = row(engine, one)
    assert (kept.state, kept.reason) == (State.EXPIRED, Reason.DEADLINE_PASSED)
    assert kept.attempts == 0
    assert evidence(engine, one) == "cancel_before passed"


def test_what_may_have_worked_is_asked_about_at_its_deadline(engine: Engine) -> None:
    one = add(engine, lost=True, cancel_before=NOW)
    assert swept(engine, sweep_deadlines) == 1
    assert row(engine, one).state == State.VERIFYING


@pytest.mark.parametrize("state", [State.SENDING, State.VERIFYING, State.REQUESTED])
def test_the_deadline_does_not_end_what_is_under_way(
    engine: Engine, state: State
) -> None:
    one = add(engine, state, cancel_before=NOW - HOUR, due_at=NOW + HOUR)
    assert swept(engine, sweep_deadlines) == 0
    assert row(engine, one).state == state


def test_what_waited_for_its_time_is_queued_when_it_comes(engine: Engine) -> None:
    [one] = take_in(engine, [new(not_before=NOW + HOUR)])
    assert hold(engine, now=NOW + HOUR) == []
    assert swept(engine, sweep_scheduled, NOW + HOUR - SECOND) == 0
    assert swept(engine, sweep_scheduled, NOW + HOUR) == 1
    assert [held.id for held in hold(engine, now=NOW + HOUR)] == [one]


@pytest.mark.parametrize("sweep", SWEEPS)
def test_a_sweep_leaves_other_lanes_alone(engine: Engine, sweep: Sweep) -> None:
    lane = ("notpanel", "other")
    add(engine, State.SENDING, lane=lane, order="1")
    add(engine, cancel_before=NOW, lane=lane, order="2")
    add(engine, State.SCHEDULED, lane=lane, order="3")
    assert not needed(engine)
    assert swept(engine, sweep) == 0


@pytest.mark.parametrize("sweep", SWEEPS)
def test_a_second_sweep_finds_nothing(engine: Engine, sweep: Sweep) -> None:
    add(engine, State.SENDING, order="1")
    add(engine, State.QUEUED, cancel_before=NOW, order="2")
    add(engine, State.SCHEDULED, order="3")
    assert (swept(engine, sweep), swept(engine, sweep)) == (1, 0)


@pytest.mark.parametrize("sweep", SWEEPS)
def test_sweeps_at_once_move_each_row_once(engine: Engine, sweep: Sweep) -> None:
    for n in range(40):
        add(engine, State.SENDING, order=f"a{n}")
        add(engine, State.QUEUED, cancel_before=NOW, order=f"b{n}")
        add(engine, State.SCHEDULED, order=f"c{n}")
    start = threading.Barrier(3)
    moved: list[int] = []

    def run() -> None:
        start.wait()
        moved.append(swept(engine, sweep))

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(moved) == 40


def test_a_long_backlog_is_swept_in_pieces(engine: Engine) -> None:
    take_in(engine, (new(str(n), cancel_before=NOW) for n in range(AT_ONCE + 5)))
    counts = [swept(engine, sweep_deadlines) for _ in range(3)]
    assert counts == [AT_ONCE, 5, 0]
    assert not needed(engine)


@pytest.mark.parametrize("sweep", SWEEPS)
def test_what_only_a_newer_version_can_read_keeps_no_other_from_being_swept(
    engine: Engine, sweep: Sweep
) -> None:
    newer = [
        add(engine, State.SENDING, order="1"),
        add(engine, State.QUEUED, cancel_before=NOW, order="2"),
        add(engine, State.SCHEDULED, order="3"),
    ]
    was = [say_in_newer_words(engine, one) for one in newer]
    assert not needed(engine)
    add(engine, State.SENDING, order="4")
    add(engine, State.QUEUED, cancel_before=NOW, order="5")
    add(engine, State.SCHEDULED, order="6")
    assert swept(engine, sweep) == 1
    assert [row(engine, one) for one in newer] == was


def test_lanes_where_a_deadline_can_pass_are_found_whoever_they_are(
    engine: Engine,
) -> None:
    gone, waits = ("no-provider", "default"), ("ithink", "waits")
    add(engine, State.SCHEDULED, cancel_before=NOW, lane=gone, order="1")
    add(engine, cancel_before=NOW, order="2")
    add(engine, cancel_before=NOW + SECOND, lane=waits, order="3")
    add(engine, State.SENDING, cancel_before=NOW, lane=("ithink", "sent"), order="4")
    with reading(engine) as connection:
        assert lanes_with_deadlines(connection) == {gone, LANE, waits}
        needy = [sweep_needed(connection, one, NOW) for one in (gone, LANE, waits)]
    assert needy == [True, True, False]
