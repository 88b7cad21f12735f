from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, delete

from rescind.ledger.changes.candidates import unreadable
from rescind.ledger.changes.claims import CLAIMED, Wanted, claim_many, waiting_many
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.progress import Claimed
from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import from_ms
from rescind.ledger.storage.tables import CANCELLATION, TRANSITION
from rescind.ledger.storage.transactions import reading, writing
from rescind.provider.outcomes import Order, Reason
from tests.ledger.build import (
    HOUR,
    LANE,
    LEASE,
    NOW,
    SECOND,
    add,
    change,
    hold,
    make,
    new,
    progress,
    row,
    say_in_newer_words,
    steps,
    take_in,
)
from tests.ledger.filled import LANES, ON_ONE_LEDGER
from tests.ledger.plans import assert_by_index, plans, statements
from tests.ledger.single import claim, waiting

READ = [State.VERIFYING, State.REQUESTED]


def orders(held: list[Claimed]) -> list[str]:
    return [one.order.id for one in held]


def test_a_claimed_cancellation_is_sending_and_its_attempt_is_counted(
    engine: Engine,
) -> None:
    one = add(engine, order="ord_1")
    [held] = hold(engine)
    assert (held.id, held.order, held.version) == (one, Order("ord_1"), 2)
    was = held.progress
    assert (was.state, was.attempts, was.spent) == (State.SENDING, 1, 1)
    assert was.sent_at == NOW
    assert was.due_at == NOW + LEASE
    assert steps(engine, one)[-1] == (2, State.QUEUED, State.SENDING)
    assert from_ms(row(engine, one).due_at) == NOW + LEASE


@pytest.mark.parametrize("state", READ)
def test_a_cancellation_claimed_for_reading_keeps_its_state(
    engine: Engine, state: State
) -> None:
    one = add(engine, state, attempts=2, spent=1)
    [held] = hold(engine, state)
    assert (held.progress.state, held.progress.attempts) == (state, 2)
    assert (held.version, held.progress.due_at) == (2, NOW + LEASE)
    assert steps(engine, one) == [(1, None, state)]


@pytest.mark.parametrize("state", [State.QUEUED, *READ])
def test_no_other_worker_claims_it_while_the_lease_lasts(
    engine: Engine, state: State
) -> None:
    add(engine, state)
    assert len(hold(engine, state)) == 1
    assert hold(engine, state, now=NOW + LEASE - SECOND) == []


@pytest.mark.parametrize("state", READ)
def test_a_reading_whose_lease_ran_out_can_be_claimed_by_any_worker(
    engine: Engine, state: State
) -> None:
    add(engine, state)
    hold(engine, state)
    assert len(hold(engine, state, now=NOW + LEASE)) == 1


def test_a_sending_whose_lease_ran_out_is_not_claimed_again(engine: Engine) -> None:
    add(engine)
    hold(engine)
    assert hold(engine, now=NOW + LEASE + HOUR) == []


@pytest.mark.parametrize("state", [State.QUEUED, *READ])
def test_a_cancellation_that_is_not_due_is_left(engine: Engine, state: State) -> None:
    add(engine, state, due_at=NOW + SECOND)
    assert hold(engine, state) == []
    assert len(hold(engine, state, now=NOW + SECOND)) == 1


def test_a_lane_gets_only_its_own_cancellations(engine: Engine) -> None:
    add(engine, lane=("notpanel", "other"), order="1")
    add(engine, lane=("ithink", "default"), order="2")
    assert hold(engine) == []
    assert orders(hold(engine, lane=("notpanel", "other"))) == ["1"]


def test_the_nearest_deadline_goes_first_and_no_deadline_last(
    engine: Engine,
) -> None:
    add(engine, order="none")
    add(engine, order="late", cancel_before=NOW + HOUR)
    add(engine, order="soon", cancel_before=NOW + SECOND)
    add(engine, order="none, and older", due_at=NOW - HOUR)
    taken = [orders(hold(engine, limit=1))[0] for _ in range(4)]
    assert taken == ["soon", "late", "none, and older", "none"]


def test_the_nearest_deadline_goes_first_before_ten_thousand_others(
    engine: Engine,
) -> None:
    take_in(
        engine,
        (
            new(str(n), cancel_before=NOW + HOUR if n % 2 else None)
            for n in range(10_000)
        ),
    )
    hold(engine, limit=100)
    add(engine, order="near", cancel_before=NOW + SECOND)
    assert orders(hold(engine, limit=100))[0] == "near"


def test_a_claim_returns_cancellations_in_the_order_of_urgency(engine: Engine) -> None:
    add(engine, order="none")
    add(engine, order="late", cancel_before=NOW + HOUR)
    add(engine, order="soon", cancel_before=NOW + SECOND)
    assert orders(hold(engine)) == ["soon", "late", "none"]


def test_cancellations_claimed_together_keep_their_own_history_and_params(
    engine: Engine,
) -> None:
    shown = [{"reason": 1}, {"reason": True}, {"reason": 1}]
    ids = take_in(engine, [new(str(n), params=one) for n, one in enumerate(shown)])
    [first] = hold(engine, limit=1)
    make(engine, [change(first, State.QUEUED, due_at=NOW)])
    held = {one.id: one for one in hold(engine)}
    assert [repr(held[one].order.params) for one in ids] == [repr(one) for one in shown]
    assert held[first.id].version == 4
    for one in held.values():
        assert steps(engine, one.id)[-1] == (one.version, State.QUEUED, State.SENDING)


def test_a_queued_cancellation_past_its_deadline_is_left_to_the_sweep(
    engine: Engine,
) -> None:
    add(engine, order="past", cancel_before=NOW)
    add(engine, order="good", cancel_before=NOW + timedelta(milliseconds=1))
    assert orders(hold(engine)) == ["good"]


@pytest.mark.parametrize("state", READ)
def test_a_cancellation_past_its_deadline_is_still_read_back(
    engine: Engine, state: State
) -> None:
    add(engine, state, cancel_before=NOW - HOUR)
    assert len(hold(engine, state)) == 1


def test_a_claim_never_exceeds_its_limit(engine: Engine) -> None:
    take_in(engine, (new(str(n)) for n in range(20)))
    assert [len(hold(engine, limit=8)) for _ in range(4)] == [8, 8, 4, 0]


def test_only_cancellations_with_the_same_batch_cap_are_claimed_together(
    engine: Engine,
) -> None:
    for n in range(5):
        add(engine, order=f"capped {n}", batch_cap=2, due_at=NOW - HOUR)
    add(engine, order="alone", batch_cap=1, due_at=NOW - 2 * HOUR)
    for n in range(3):
        add(engine, order=f"free {n}")
    batches = [sorted(orders(hold(engine))) for _ in range(5)]
    assert batches == [
        ["alone"],
        ["capped 0", "capped 1"],
        ["capped 2", "capped 3"],
        ["capped 4"],
        ["free 0", "free 1", "free 2"],
    ]


def test_waiting_cancellations_are_counted_up_to_a_limit(engine: Engine) -> None:
    take_in(engine, (new(str(n)) for n in range(5)))
    add(engine, order="later", due_at=NOW + HOUR)
    add(engine, order="past", cancel_before=NOW)

    def counted(limit: int) -> int:
        with reading(engine) as connection:
            return waiting(connection, LANE, State.QUEUED, limit, NOW)

    assert (counted(3), counted(100)) == (3, 5)
    hold(engine)
    assert counted(100) == 0


@pytest.mark.parametrize("state", [State.QUEUED, State.VERIFYING])
def test_workers_that_claim_at_once_never_get_the_same_cancellation(
    engine: Engine, state: State
) -> None:
    for n in range(60):
        add(engine, state, order=str(n))
    start = threading.Barrier(6)
    taken: list[list[Claimed]] = []

    def work() -> None:
        start.wait()
        while batch := hold(engine, state, limit=4):
            taken.append(batch)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    given = [one.id for batch in taken for one in batch]
    # A worker that meets only locked rows claims nothing, so some may be left.
    rest = [one.id for one in hold(engine, state, limit=100)]
    assert len(given) == len(set(given))
    assert len({*given, *rest}) == 60 == len(given) + len(rest)
    assert max(map(len, taken)) <= 4


def test_workers_and_writers_at_once_lose_nothing(engine: Engine) -> None:
    take_in(engine, (new(str(n)) for n in range(80)))
    start = threading.Barrier(4)
    conflicts: list[frozenset[str]] = []

    def work() -> None:
        start.wait()
        for _ in range(40):
            batch = hold(engine, limit=5)
            ended = [change(one, State.CANCELLED) for one in batch]
            conflicts.append(make(engine, ended))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(conflicts) == {frozenset()}
    with reading(engine) as connection:
        assert waiting(connection, LANE, State.QUEUED, 100, NOW) == 0
        assert waiting(connection, LANE, State.SENDING, 100, NOW + HOUR) == 0


@pytest.mark.parametrize("state", [State.QUEUED, *READ])
@pytest.mark.parametrize("column", ["reason", "hint"])
def test_rows_that_only_a_newer_version_can_read_are_left_and_stop_no_others(
    engine: Engine, state: State, column: str
) -> None:
    newer = add(engine, state, order="newer", due_at=NOW - HOUR)
    add(engine, state, order="good")
    was = say_in_newer_words(engine, newer, column)
    assert orders(hold(engine, state)) == ["good"]
    assert row(engine, newer) == was
    with reading(engine) as connection:
        assert waiting(connection, LANE, state, 10, NOW) == 0
        assert unreadable(connection, LANE, 10, NOW) == [newer]
        assert unreadable(connection, ("ithink", "default"), 10, NOW) == []


def test_readable_rows_and_rows_not_due_are_not_called_unreadable(
    engine: Engine,
) -> None:
    add(engine, order="good", hint=Reason.WINDOW_CLOSED)
    later = add(engine, order="later", due_at=NOW + HOUR)
    say_in_newer_words(engine, later, "reason")
    with reading(engine) as connection:
        assert unreadable(connection, LANE, 10, NOW) == []


# --- of many lanes at once ------------------------------------------------------------

orders_of_lanes = st.lists(
    st.builds(
        lambda lane, state, cap, due, before: new(
            lane=lane,
            cancel_before=None if before is None else NOW + timedelta(minutes=before),
            progress=progress(
                state, batch_cap=cap, due_at=NOW + timedelta(minutes=due)
            ),
        ),
        st.sampled_from(LANES),
        st.sampled_from(CLAIMED),
        st.sampled_from([None, None, 1, 2]),
        st.integers(-9, 1),
        st.none() | st.integers(-1, 9),
    ),
    max_size=30,
)
shares = st.lists(
    st.builds(
        Wanted,
        st.sampled_from([*LANES, ("no-such", "lane")]),
        st.sampled_from(CLAIMED),
        st.integers(0, 12),
        st.integers(1, 9).map(lambda minutes: timedelta(minutes=minutes)),
    ),
    unique_by=lambda one: (one.lane, one.state),
)


def fresh(engine: Engine, some: Sequence[NewCancellation]) -> None:
    """A ledger that holds exactly these."""
    with writing(engine) as connection:
        for table in (TRANSITION, CANCELLATION):
            connection.execute(delete(table))
    take_in(engine, [new(str(n), **own(one)) for n, one in enumerate(some)])


def own(one: NewCancellation) -> dict[str, object]:
    lane = (one.provider, one.account)
    kept = {"progress": one.progress, "cancel_before": one.cancel_before}
    return {"lane": lane, "id": one.id, **kept}


@given(some=orders_of_lanes, wanted=shares)
@ON_ONE_LEDGER
def test_a_claim_for_many_lanes_equals_one_claim_for_each(
    engine: Engine, some: list[NewCancellation], wanted: list[Wanted]
) -> None:
    fresh(engine, some)
    with engine.connect() as connection, connection.begin() as transaction:
        alone = [
            claim(connection, one.lane, one.state, one.limit, one.lease, NOW)
            for one in wanted
        ]
        transaction.rollback()
    with reading(engine) as connection:
        asked = [(one.lane, one.state, one.limit) for one in wanted]
        counted = waiting_many(connection, asked, NOW)
    with writing(engine) as connection:
        together = claim_many(connection, wanted, NOW)
    assert together == alone
    for one, number, held in zip(wanted, counted, together, strict=True):
        assert len(held) <= number <= one.limit
        assert bool(held) == bool(number)


def test_each_lane_gets_as_many_as_it_wants(engine: Engine) -> None:
    limits = [0, 1, 2, 8, 9, 64, 65, 70]
    lanes = [("notpanel", str(limit)) for limit in limits]
    take_in(engine, (new(str(n), lane=lane) for lane in lanes for n in range(70)))
    wanted = [
        Wanted(lane, State.QUEUED, limit, LEASE)
        for lane, limit in zip(lanes, limits, strict=True)
    ]
    with writing(engine) as connection:
        asked = [(one.lane, one.state, one.limit) for one in wanted]
        assert waiting_many(connection, asked, NOW) == limits
        assert [len(held) for held in claim_many(connection, wanted, NOW)] == limits


def test_a_lane_that_is_wanted_twice_in_one_state_is_refused(engine: Engine) -> None:
    one = Wanted(LANE, State.QUEUED, 1, LEASE)
    with pytest.raises(ValueError, match="twice"), writing(engine) as connection:
        claim_many(connection, [one, one], NOW)


@pytest.mark.parametrize("state", sorted(set(State) - set(CLAIMED)))
def test_a_state_that_waits_for_no_call_is_refused(
    engine: Engine, state: State
) -> None:
    with (
        pytest.raises(ValueError, match="can be claimed"),
        writing(engine) as connection,
    ):
        claim_many(connection, [Wanted(LANE, state, 1, LEASE)], NOW)


def test_many_lanes_cost_no_more_statements_than_one(engine: Engine) -> None:
    lanes = [("notpanel", str(n)) for n in range(40)]
    take_in(engine, (new("1", lane=lane) for lane in lanes))
    counts = []
    for some in (lanes[:1], lanes[1:]):
        wanted = [Wanted(lane, State.QUEUED, 1, LEASE) for lane in some]
        with writing(engine) as connection, statements(connection) as seen:
            held = claim_many(connection, wanted, NOW)
        assert [len(one) for one in held] == [1] * len(some)
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 2


@pytest.mark.parametrize("state", CLAIMED)
def test_a_claim_uses_the_index_of_its_state(engine: Engine, state: State) -> None:
    lanes = [("notpanel", str(n)) for n in range(20)]
    add(engine, state, lane=lanes[0])
    wanted = [Wanted(lane, state, 5, LEASE) for lane in lanes]
    with writing(engine) as connection, plans(connection) as found:
        waiting_many(connection, [(lane, state, 5) for lane in lanes], NOW)
        claim_many(connection, wanted, NOW)
    assert_by_index(found, "ix_to_send" if state is State.QUEUED else "ix_to_look_at")


def test_workers_that_claim_many_lanes_at_once_never_get_the_same_cancellation(
    engine: Engine,
) -> None:
    lanes = [("notpanel", str(n)) for n in range(6)]
    take_in(engine, (new(str(n), lane=lane) for lane in lanes for n in range(20)))
    start = threading.Barrier(4)
    taken: list[str] = []

    def work(own: Sequence[tuple[str, str]]) -> None:
        wanted = [Wanted(lane, State.QUEUED, 3, LEASE) for lane in own]
        start.wait()
        while True:
            with writing(engine) as connection:
                held = claim_many(connection, wanted, NOW)
            if not any(held):
                return
            taken.extend(one.id for some in held for one in some)

    orders = (lanes, lanes[::-1], lanes[3:] + lanes[:3], lanes)
    threads = [threading.Thread(target=work, args=(own,)) for own in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # A worker that meets only locked rows claims nothing, so some may be left.
    rest = [one.id for lane in lanes for one in hold(engine, lane=lane, limit=20)]
    assert sorted([*taken, *rest]) == sorted({*taken, *rest})
    assert len(taken) + len(rest) == 120
