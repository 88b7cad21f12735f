from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, Row, delete

from rescind.ledger.changes.claims import CLAIMED, waiting_many
from rescind.ledger.changes.due_lanes import DueWork, find_due_work
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.reading.index_walk import QUEUED, lanes_in
from rescind.ledger.states import FINAL, State
from rescind.ledger.storage.milliseconds import to_ms
from rescind.ledger.storage.tables import (
    CANCELLATION,
    LISTED,
    LOOKED_AT,
    TRANSITION,
    WITH_DEADLINE,
)
from rescind.ledger.storage.transactions import reading, writing
from tests.ledger.build import (
    HOUR,
    LANE,
    NOW,
    add,
    new,
    progress,
    row,
    say_in_newer_words,
    take_in,
)
from tests.ledger.filled import ON_ONE_LEDGER
from tests.ledger.plans import assert_by_index, plans, statements

NAMES = [("akinon", "a"), ("akinon", "b"), ("ithink", "a"), ("ithink", "z"), LANE]
HOURS = st.integers(-2, 2).map(lambda hours: NOW + hours * HOUR)


@st.composite
def some(draw: st.DrawFn) -> list[tuple[NewCancellation, bool]]:
    """Orders, and whether only a newer version can read them."""
    states = draw(st.lists(st.sampled_from(list(State)), max_size=15))
    return [(draw(one(str(n), state)), draw(NEWER)) for n, state in enumerate(states)]


@st.composite
def one(draw: st.DrawFn, order: str, state: State) -> NewCancellation:
    own = {} if state in FINAL else {"due_at": draw(HOURS)}
    before, lane = draw(st.none() | HOURS), draw(st.sampled_from(NAMES))
    its = progress(state, **own)
    return new(order, lane=lane, cancel_before=before, progress=its)


NEWER = st.sampled_from([False, False, True])


def fresh(
    engine: Engine, orders: list[tuple[NewCancellation, bool]]
) -> tuple[list[Row[Any]], list[Row[Any]]]:
    """A ledger of these; returns the readable rows, and the others."""
    with writing(engine) as connection:
        for table in (TRANSITION, CANCELLATION):
            connection.execute(delete(table))
    take_in(engine, [order for order, _ in orders])
    for order, newer in orders:
        if newer:
            say_in_newer_words(engine, order.id, "hint")
    found = [(row(engine, order.id), newer) for order, newer in orders]
    readable = [each for each, newer in found if not newer]
    return readable, [each for each, newer in found if newer]


def lane_of(each: Row[Any]) -> tuple[str, str]:
    return (each.provider, each.account)


def is_to_be_moved(each: Row[Any]) -> bool:
    waits = each.state in (State.QUEUED, State.SCHEDULED)
    late = waits and each.urgency <= to_ms(NOW)
    ends = each.state in (State.SENDING, State.SCHEDULED)
    return bool(late or (ends and each.due_at <= to_ms(NOW)))


def is_due(each: Row[Any]) -> bool:
    if each.state not in CLAIMED or each.due_at > to_ms(NOW):
        return False
    return bool(each.state != State.QUEUED or each.urgency > to_ms(NOW))


def looked(engine: Engine) -> DueWork:
    with reading(engine) as connection:
        return find_due_work(connection, NOW)


@given(orders=some())
@ON_ONE_LEDGER
def test_due_lanes_equal_a_read_of_every_row(
    engine: Engine, orders: list[tuple[NewCancellation, bool]]
) -> None:
    readable, _ = fresh(engine, orders)
    found = looked(engine)
    assert found.to_move == {lane_of(one) for one in readable if is_to_be_moved(one)}
    due = [(lane_of(one), State(one.state)) for one in readable if is_due(one)]
    assert found.due == {
        lane: {state for its, state in due if its == lane} for lane, _ in due
    }
    with reading(engine) as connection:
        asked = [(lane, state, 1) for lane in NAMES for state in CLAIMED]
        counted = waiting_many(connection, asked, NOW)
    assert [bool(number) for number in counted] == [
        (lane, state) in due for lane, state, _ in asked
    ]


@given(orders=some())
@ON_ONE_LEDGER
def test_lanes_with_only_unreadable_due_rows_are_reported(
    engine: Engine, orders: list[tuple[NewCancellation, bool]]
) -> None:
    readable, newer = fresh(engine, orders)
    found = looked(engine)
    hidden = {lane_of(one) for one in newer if is_due(one) or is_to_be_moved(one)}
    assert hidden - {lane_of(one) for one in readable} <= found.unreadable <= hidden


@given(orders=some())
@ON_ONE_LEDGER
def test_lanes_are_read_from_an_index(
    engine: Engine, orders: list[tuple[NewCancellation, bool]]
) -> None:
    rows = [each for some in fresh(engine, orders) for each in some]
    held: dict[str, Callable[[Row[Any]], object]] = {
        QUEUED: lambda one: one.state == State.QUEUED,
        LOOKED_AT: lambda one: one.finished_at is None and one.state != State.QUEUED,
        WITH_DEADLINE: lambda one: one.state == State.SCHEDULED and one.cancel_before,
        LISTED: lambda one: one.state != State.SENDING,
    }
    with reading(engine) as connection:
        for name, holds in held.items():
            lanes = sorted({lane_of(one) for one in rows if holds(one)})
            assert lanes_in(connection, name) == lanes
            assert len(lanes_in(connection, name, 2)) == min(2, len(lanes))


def test_a_ledger_at_rest_has_nothing_to_do(engine: Engine) -> None:
    for n, state in enumerate(FINAL):
        add(engine, state, order=str(n))
    assert looked(engine) == DueWork()


@pytest.mark.parametrize("lanes", [0, 1, 40])
def test_one_statement_looks_at_all_lanes(engine: Engine, lanes: int) -> None:
    for n in range(lanes):
        lane = ("notpanel", str(n))
        take_in(engine, [new("1", lane=lane), new("2", lane=lane, cancel_before=NOW)])
    with reading(engine) as connection, statements(connection) as seen:
        found = find_due_work(connection, NOW)
    assert (len(found.due), len(found.to_move)) == (lanes, lanes)
    assert len(seen) == 1


def test_the_query_for_due_lanes_uses_the_indexes_of_open_rows(engine: Engine) -> None:
    add(engine)
    one = add(engine, State.SCHEDULED, order="2", cancel_before=NOW + HOUR)
    say_in_newer_words(engine, one)
    with reading(engine) as connection, plans(connection) as found:
        find_due_work(connection, NOW + HOUR)
    assert len(found) == 2
    assert_by_index(found, "ix_to_send", "ix_to_look_at", "ix_deadline")
    for plan in found:
        assert not any(name in plan for name in ("ix_state", "pkey", "uq_cancellation"))
