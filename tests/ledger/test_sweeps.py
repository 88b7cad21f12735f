from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, update

from rescind.ledger.changes import sweeps
from rescind.ledger.changes.due_lanes import find_due_work
from rescind.ledger.changes.sweeps import AT_ONCE, Moved, move
from rescind.ledger.reading.counter_totals import totals
from rescind.ledger.reading.queries import history
from rescind.ledger.states import State
from rescind.ledger.storage.cancellation_rows import progress_of
from rescind.ledger.storage.tables import CANCELLATION, TRANSITION
from rescind.ledger.storage.transactions import reading, writing
from rescind.provider.outcomes import Reason
from rescind.provider.policy import Policy
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
    policy,
    row,
    say_in_newer_words,
    steps,
    take_in,
)
from tests.ledger.filled import LANES, ON_ONE_LEDGER
from tests.ledger.plans import assert_by_index, plans, statements

Lane = tuple[str, str]
Add = Callable[[Engine, str, Lane], str]


def vanished(engine: Engine, order: str, lane: Lane = LANE) -> str:
    return add(engine, State.SENDING, order=order, lane=lane)


def late(engine: Engine, order: str, lane: Lane = LANE) -> str:
    return add(engine, State.QUEUED, cancel_before=NOW, order=order, lane=lane)


def late_planned(engine: Engine, order: str, lane: Lane = LANE) -> str:
    later = {"cancel_before": NOW, "due_at": NOW + HOUR}
    return add(engine, State.SCHEDULED, order=order, lane=lane, **later)


def come(engine: Engine, order: str, lane: Lane = LANE) -> str:
    return add(engine, State.SCHEDULED, order=order, lane=lane)


MOVED: dict[Add, State] = {
    vanished: State.VERIFYING,
    late: State.EXPIRED,
    late_planned: State.EXPIRED,
    come: State.QUEUED,
}
"""The kinds of rows that the sweep moves, and their new states."""


def plain(_: Lane) -> Policy:
    return PLAIN


def swept(
    engine: Engine, now: datetime = NOW, lanes: Sequence[Lane] = (LANE,)
) -> Moved:
    with writing(engine) as connection:
        return move(connection, lanes, plain, now)


def needed(engine: Engine, now: datetime = NOW) -> frozenset[Lane]:
    with reading(engine) as connection:
        return find_due_work(connection, now).to_move


def states(engine: Engine, ids: Sequence[str]) -> list[State]:
    return [State(row(engine, one).state) for one in ids]


def evidence(engine: Engine, one: str) -> object:
    with reading(engine) as connection:
        return history(connection, one)[-1]["evidence"]


def test_an_order_whose_worker_died_is_verified_and_never_resent(
    engine: Engine,
) -> None:
    one = add(engine)
    hold(engine)
    end = NOW + LEASE
    assert not needed(engine, end - SECOND)
    assert swept(engine, end - SECOND).vanished == {}
    assert needed(engine, end) == {LANE}
    assert swept(engine, end).vanished == {LANE: 1}
    was = progress_of(row(engine, one))
    assert (was.state, was.lost, was.attempts) == (State.VERIFYING, True, 1)
    assert was.sent_at == end
    assert evidence(engine, one) == "the lease ran out"


def test_a_late_result_of_a_dead_worker_changes_nothing(engine: Engine) -> None:
    add(engine)
    [slow] = hold(engine)
    swept(engine, NOW + LEASE)
    assert make(engine, [change(slow, State.REJECTED)]) == {slow.id}
    assert row(engine, slow.id).state == State.VERIFYING


@pytest.mark.parametrize("state", [State.VERIFYING, State.REQUESTED])
def test_a_reading_whose_lease_ran_out_needs_no_sweep(
    engine: Engine, state: State
) -> None:
    one = add(engine, state)
    hold(engine, state)
    before = row(engine, one)
    assert not needed(engine, NOW + HOUR)
    swept(engine, NOW + HOUR)
    assert row(engine, one) == before


@pytest.mark.parametrize("state", [State.QUEUED, State.SCHEDULED])
def test_an_order_not_sent_in_time_expires(engine: Engine, state: State) -> None:
    one = add(engine, state, cancel_before=NOW + HOUR, due_at=NOW + 2 * HOUR)
    assert not needed(engine, NOW + HOUR - SECOND)
    assert swept(engine, NOW + HOUR - SECOND).expired == {}
    assert needed(engine, NOW + HOUR) == {LANE}
    assert swept(engine, NOW + HOUR).expired == {LANE: 1}
    kept = row(engine, one)
    assert (kept.state, kept.reason) == (State.EXPIRED, Reason.DEADLINE_PASSED)
    assert kept.attempts == 0
    assert evidence(engine, one) == "cancel_before passed"


def test_a_scheduled_order_past_its_deadline_expires_without_being_queued(
    engine: Engine,
) -> None:
    one = add(engine, State.SCHEDULED, cancel_before=NOW, due_at=NOW)
    swept(engine)
    assert steps(engine, one)[1:] == [(2, State.SCHEDULED, State.EXPIRED)]


def test_an_order_that_may_be_cancelled_is_read_back_at_its_deadline(
    engine: Engine,
) -> None:
    one = add(engine, lost=True, cancel_before=NOW)
    assert swept(engine).expired == {LANE: 1}
    assert row(engine, one).state == State.VERIFYING


@pytest.mark.parametrize("state", [State.SENDING, State.VERIFYING, State.REQUESTED])
def test_the_deadline_does_not_end_a_call_in_progress(
    engine: Engine, state: State
) -> None:
    one = add(engine, state, cancel_before=NOW - HOUR, due_at=NOW + HOUR)
    assert not needed(engine)
    swept(engine)
    assert row(engine, one).state == state


def test_a_scheduled_order_is_queued_at_its_time(engine: Engine) -> None:
    [one] = take_in(engine, [new(not_before=NOW + HOUR)])
    assert hold(engine, now=NOW + HOUR) == []
    swept(engine, NOW + HOUR - SECOND)
    assert row(engine, one).state == State.SCHEDULED
    swept(engine, NOW + HOUR)
    assert evidence(engine, one) == "not_before came"
    assert [held.id for held in hold(engine, now=NOW + HOUR)] == [one]


def test_each_lane_is_swept_by_its_own_policy(engine: Engine) -> None:
    ids = {lane: vanished(engine, "1", lane) for lane in LANES}
    waits = {lane: n * SECOND for n, lane in enumerate(LANES, start=1)}
    with writing(engine) as connection:
        move(connection, LANES, lambda lane: policy(verify_delays=(waits[lane],)), NOW)
    for lane, one in ids.items():
        assert progress_of(row(engine, one)).due_at == NOW + waits[lane]


def test_lanes_that_were_not_given_are_left_alone(engine: Engine) -> None:
    other = ("notpanel", "other")
    ids = [kind(engine, str(n), other) for n, kind in enumerate(MOVED)]
    before = states(engine, ids)
    assert needed(engine) == {other}
    swept(engine)
    swept(engine, lanes=[])
    assert states(engine, ids) == before


def test_a_second_sweep_finds_nothing(engine: Engine) -> None:
    ids = [kind(engine, str(n), LANE) for n, kind in enumerate(MOVED)]
    swept(engine)
    assert states(engine, ids) == list(MOVED.values())
    before = [row(engine, one) for one in ids]
    assert not needed(engine)
    moved = swept(engine)
    assert (moved.vanished, moved.expired, moved.more) == ({}, {}, frozenset())
    assert [row(engine, one) for one in ids] == before


def test_concurrent_sweeps_move_each_row_once(engine: Engine) -> None:
    lanes = [LANE, *LANES]
    ids = [
        kind(engine, f"{kind.__name__} {n}", lane)
        for kind in MOVED
        for lane in lanes
        for n in range(5)
    ]
    start = threading.Barrier(3)
    moved: list[Moved] = []

    def run(own: Sequence[Lane]) -> None:
        start.wait()
        moved.append(swept(engine, lanes=own))

    orders = (lanes, lanes[::-1], lanes)
    threads = [threading.Thread(target=run, args=(own,)) for own in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for lane in lanes:
        assert sum(one.vanished.get(lane, 0) for one in moved) == 5
        assert sum(one.expired.get(lane, 0) for one in moved) == 10
    assert all(len(steps(engine, one)) == 2 for one in ids)


def test_a_long_backlog_is_swept_in_parts(engine: Engine) -> None:
    take_in(engine, (new(str(n), cancel_before=NOW) for n in range(AT_ONCE + 5)))
    moved = [swept(engine) for _ in range(2)]
    assert [one.expired for one in moved] == [{LANE: AT_ONCE}, {LANE: 5}]
    assert [one.more for one in moved] == [{LANE}, frozenset()]
    assert not needed(engine)


def test_lanes_with_long_backlogs_share_one_part(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "AT_ONCE", 6)
    for lane in LANES:
        take_in(engine, (new(str(n), lane=lane, cancel_before=NOW) for n in range(5)))
    first = swept(engine, lanes=LANES)
    assert first.expired == dict.fromkeys(LANES, 2)
    assert first.more == set(LANES)


@pytest.mark.parametrize("kind", MOVED)
def test_rows_that_only_a_newer_version_can_read_stop_no_others(
    engine: Engine, kind: Add
) -> None:
    newer = kind(engine, "1", LANE)
    was = say_in_newer_words(engine, newer)
    assert not needed(engine)
    other = kind(engine, "2", LANE)
    assert needed(engine) == {LANE}
    swept(engine)
    assert states(engine, [other]) == [MOVED[kind]]
    assert row(engine, newer) == was


def test_a_row_that_cannot_be_read_stops_no_others(
    engine: Engine,
) -> None:
    bad, good = vanished(engine, "1"), vanished(engine, "2")
    other = vanished(engine, "3", LANES[0])
    with writing(engine) as connection:
        # A time that no datetime can hold.
        beyond = update(CANCELLATION).where(CANCELLATION.c.id == bad)
        connection.execute(beyond.values(since=2**62))
    moved = swept(engine, lanes=[LANE, LANES[0]])
    assert moved.vanished == {LANE: 1, LANES[0]: 1}
    assert list(moved.faults) == [LANE]
    assert states(engine, [bad, good, other]) == [State.SENDING, *[State.VERIFYING] * 2]


@given(
    kinds=st.lists(
        st.tuples(st.sampled_from(list(MOVED)), st.sampled_from(LANES)), max_size=12
    )
)
@ON_ONE_LEDGER
def test_sweeping_many_lanes_equals_sweeping_each(
    engine: Engine, kinds: list[tuple[Add, Lane]]
) -> None:
    with writing(engine) as connection:
        for table in (TRANSITION, CANCELLATION):
            connection.execute(delete(table))
    ids = [kind(engine, str(n), lane) for n, (kind, lane) in enumerate(kinds)]
    lanes = {lane for _, lane in kinds}
    assert needed(engine) == lanes
    with engine.connect() as connection, connection.begin() as transaction:
        alone = [move(connection, [lane], plain, NOW) for lane in sorted(lanes)]
        transaction.rollback()
    together = swept(engine, lanes=sorted(lanes))
    assert states(engine, ids) == [MOVED[kind] for kind, _ in kinds]
    assert together.vanished == {k: n for one in alone for k, n in one.vanished.items()}
    assert together.expired == {k: n for one in alone for k, n in one.expired.items()}


def test_leases_that_ran_out_are_counted_by_lane(engine: Engine) -> None:
    for lane in LANES:
        vanished(engine, "1", lane)
        late(engine, "2", lane)
    swept(engine, lanes=LANES)
    with reading(engine) as connection:
        found = [one for one in totals(connection) if one.metric == "lease"]
    assert [(one.provider, one.account, one.count) for one in found] == [
        (*lane, 1) for lane in sorted(LANES)
    ]


def test_many_lanes_cost_no_more_statements_than_one(engine: Engine) -> None:
    lanes = [("notpanel", str(n)) for n in range(20)]
    for lane in lanes:
        for n, kind in enumerate(MOVED):
            kind(engine, str(n), lane)
    counts = []
    for some in (lanes[:1], lanes[1:]):
        with writing(engine) as connection, statements(connection) as seen:
            move(connection, some, plain, NOW)
            counts.append(len(seen))
    assert counts[0] == counts[1] <= 6


def test_the_sweep_uses_the_indexes(engine: Engine) -> None:
    lanes = [("notpanel", str(n)) for n in range(5)]
    for n, kind in enumerate(MOVED):
        kind(engine, str(n), lanes[0])
    with writing(engine) as connection, plans(connection) as found:
        move(connection, lanes, plain, NOW)
    assert_by_index(found, "ix_to_send", "ix_to_look_at", "ix_deadline")
