from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, delete, update

from rescind.ledger.changes.withdrawals import (
    ALREADY_ENDED,
    ALREADY_SENT,
    Withdrawal,
    was_never_sent,
    withdraw,
)
from rescind.ledger.deliveries.delivery_queries import deliveries_of
from rescind.ledger.progress import Progress
from rescind.ledger.reading.counter_totals import totals
from rescind.ledger.reading.queries import history
from rescind.ledger.states import FINAL, UNSENT, State
from rescind.ledger.storage import counters
from rescind.ledger.storage.tables import CANCELLATION, TRANSITION
from rescind.ledger.storage.transactions import reading, writing
from rescind.provider.outcomes import Reason
from tests.ledger.build import (
    HOUR,
    LANE,
    NOW,
    add,
    change,
    hold,
    make,
    new,
    progress,
    row,
    steps,
    take_in,
)
from tests.ledger.delivering import URL
from tests.ledger.filled import ON_ONE_LEDGER

LATER = NOW + HOUR


def withdrawn(engine: Engine, *ids: str) -> Withdrawal:
    with writing(engine) as connection:
        return withdraw(connection, ids, LATER, by="a test")


def ids_of(result: Withdrawal) -> list[str]:
    return [one.id for one in result.withdrawn]


def problem(engine: Engine, one: str) -> str:
    """The problem of a withdrawal that is refused, and that changes nothing."""
    before = row(engine, one), steps(engine, one)
    result = withdrawn(engine, one)
    assert result.withdrawn == []
    assert (row(engine, one), steps(engine, one)) == before
    [error] = result.refused
    assert one in str(error)
    return error.problem


@pytest.mark.parametrize("state", sorted(UNSENT))
def test_what_was_not_sent_ends_as_withdrawn(engine: Engine, state: State) -> None:
    one = add(engine, state)
    assert ids_of(withdrawn(engine, one)) == [one]
    was = row(engine, one)
    assert (was.state, was.reason) == (State.WITHDRAWN, Reason.REQUESTED)
    assert (was.due_at, was.attempts) == (None, 0)
    assert was.finished_at == was.updated_at > was.created_at
    assert steps(engine, one)[1:] == [(2, state, State.WITHDRAWN)]
    with reading(engine) as connection:
        assert history(connection, one)[-1]["by"] == "a test"
    assert hold(engine, now=LATER) == []


@pytest.mark.parametrize("state", sorted(UNSENT))
def test_what_may_have_been_sent_is_refused(engine: Engine, state: State) -> None:
    one = add(engine, state, attempts=1)
    assert problem(engine, one) == ALREADY_SENT


@pytest.mark.parametrize("state", [State.SENDING, State.VERIFYING, State.REQUESTED])
@pytest.mark.parametrize("attempts", [0, 1])
def test_what_is_under_way_is_refused(
    engine: Engine, state: State, attempts: int
) -> None:
    one = add(engine, state, attempts=attempts)
    assert problem(engine, one) == ALREADY_SENT


@pytest.mark.parametrize("state", sorted(FINAL - {State.WITHDRAWN}))
def test_what_has_ended_otherwise_is_refused(engine: Engine, state: State) -> None:
    one = add(engine, state)
    assert problem(engine, one) == ALREADY_ENDED


def test_a_call_that_never_reached_the_provider_does_not_count(engine: Engine) -> None:
    one = add(engine)
    [held] = hold(engine)
    assert problem(engine, one) == ALREADY_SENT
    make(engine, [change(held, State.QUEUED, attempts=0, spent=0, due_at=LATER)])
    assert ids_of(withdrawn(engine, one)) == [one]


def test_a_second_withdrawal_succeeds_and_changes_nothing(engine: Engine) -> None:
    one = add(engine)
    withdrawn(engine, one)
    before = row(engine, one), steps(engine, one)
    assert withdrawn(engine, one) == Withdrawal(already=[one])
    assert (row(engine, one), steps(engine, one)) == before


def test_of_many_each_has_its_own_result(engine: Engine) -> None:
    waits, sent = add(engine, order="1"), add(engine, State.REQUESTED, order="2")
    other = add(engine, State.SCHEDULED, order="3", lane=("ithink", "default"))
    result = withdrawn(engine, other, sent, waits, "no such id")
    assert sorted(ids_of(result)) == sorted([waits, other])
    assert [error.problem for error in result.refused] == [ALREADY_SENT]


def test_the_producer_is_told_once(engine: Engine) -> None:
    [one] = take_in(engine, [new(callback_url=URL)])
    withdrawn(engine, one)
    withdrawn(engine, one)
    with reading(engine) as connection:
        told = deliveries_of(connection, one)
    assert [each["type"] for each in told] == ["cancellation.withdrawn"]


def test_it_is_counted_as_an_outcome_of_its_lane(engine: Engine) -> None:
    with reading(engine) as connection:
        before = _counted(connection)
    one = add(engine)
    withdrawn(engine, one)
    withdrawn(engine, one)
    with reading(engine) as connection:
        assert _counted(connection) == before + 1


def _counted(connection: Connection) -> int:
    ended = (counters.OUTCOME, *LANE, "withdrawn", "requested")
    numbers = [
        one.count
        for one in totals(connection)
        if (one.metric, one.provider, one.account, one.first, one.second) == ended
    ]
    return sum(numbers)


# --- a withdrawal and a claim -------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """An order that waits, and whether a withdrawal asks for it."""

    progress: Progress
    asked: bool


cases = st.lists(
    st.builds(
        Case,
        st.builds(
            progress,
            st.sampled_from([State.QUEUED] * 3 + [State.SCHEDULED]),
            attempts=st.sampled_from([0, 0, 0, 1]),
        ),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


@settings(ON_ONE_LEDGER, max_examples=30)
@given(cases=cases, parts=st.integers(1, 3), limit=st.integers(1, 5))
def test_a_withdrawal_and_a_claim_at_once_have_exactly_one_winner(
    engine: Engine, cases: list[Case], parts: int, limit: int
) -> None:
    with writing(engine) as connection:
        for table in (TRANSITION, CANCELLATION):
            connection.execute(delete(table))
    ids = take_in(
        engine, [new(str(n), progress=one.progress) for n, one in enumerate(cases)]
    )
    asked = [one for one, case in zip(ids, cases, strict=True) if case.asked]
    claimed: list[str] = []
    results: list[Withdrawal] = []

    def claims() -> None:
        while batch := hold(engine, limit=limit):
            claimed.extend(one.id for one in batch)

    def withdraws(some: Sequence[str]) -> Callable[[], None]:
        # In any order: the function itself must lock them in one order.
        return lambda: results.append(withdrawn(engine, *reversed(some)))

    together([claims, claims, *(withdraws(asked[n::parts]) for n in range(parts))])
    done = {one for result in results for one in ids_of(result)}
    refused = [str(error) for result in results for error in result.refused]
    assert len(claimed) == len(set(claimed))
    assert done.isdisjoint(claimed)
    assert len(done) + len(refused) == len(asked)
    for one, case in zip(ids, cases, strict=True):
        now = row(engine, one)
        assert (now.state == State.WITHDRAWN) == (one in done)
        assert (now.state == State.SENDING) == (one in claimed)
        if case.asked and was_never_sent(case.progress.state, case.progress.attempts):
            assert one in done or one in claimed
        else:
            assert one not in done


def together(acts: Sequence[Callable[[], None]]) -> None:
    start = threading.Barrier(len(acts))

    def run(act: Callable[[], None]) -> None:
        start.wait()
        act()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_withdrawal_waits_for_a_claim_that_is_not_committed(engine: Engine) -> None:
    one = add(engine)
    started, results = threading.Event(), list[Withdrawal]()

    def withdraws() -> None:
        started.set()
        results.append(withdrawn(engine, one))

    thread = threading.Thread(target=withdraws)
    with writing(engine) as connection:
        sending = {"state": State.SENDING, "attempts": 1, "version": 2}
        connection.execute(update(CANCELLATION).values(sending))
        thread.start()
        started.wait()
    thread.join()
    assert [error.problem for error in results[0].refused] == [ALREADY_SENT]
    assert row(engine, one).state == State.SENDING
