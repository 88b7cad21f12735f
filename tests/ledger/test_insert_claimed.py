"""Orders inserted as claimed equal orders that are inserted and then claimed."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, select

from rescind.ledger.changes.claims import Wanted, claim_many
from rescind.ledger.changes.insert_claimed import insert_claimed, may_insert_claimed
from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.changes.recording import new_id
from rescind.ledger.progress import Claimed
from rescind.ledger.reading.counter_totals import totals
from rescind.ledger.states import State
from rescind.ledger.storage.cancellation_rows import progress_of
from rescind.ledger.storage.milliseconds import to_ms
from rescind.ledger.storage.side_tables import TALLY
from rescind.ledger.storage.tables import CANCELLATION, TRANSITION
from rescind.ledger.storage.transactions import reading, writing
from tests.ledger.build import HOUR, LANE, LEASE, NOW, SECOND, new, row, steps
from tests.ledger.plans import statements

LANES = [LANE, ("notpanel", "other"), ("ithink", "default")]
LEASES = {lane: LEASE + n * SECOND for n, lane in enumerate(LANES)}
_keys = count(1)

TEXT = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8
)
SCALAR = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT | st.just(0.5)
JSON = st.recursive(
    SCALAR,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)
    ),
    max_leaves=6,
)
OBJECT = st.dictionaries(TEXT, JSON, max_size=3)
OWN = st.fixed_dictionaries(
    {},
    optional={
        "params": OBJECT,
        "metadata": OBJECT,
        "group": TEXT,
        "sealed": TEXT,
        "callback_url": TEXT,
        "callback_task": TEXT,
        "callback_queue": TEXT,
        "trace": TEXT,
        "opened_at": st.integers(-999, 0).map(
            lambda ms: NOW + timedelta(milliseconds=ms)
        ),
        "not_before": st.just(NOW - HOUR),
    },
)
"""The values in which orders may differ."""


@st.composite
def some(draw: st.DrawFn) -> list[NewCancellation]:
    """Several orders of one or more lanes, with equal or different values."""
    own: list[dict[str, Any]]
    alike, own = draw(OWN), draw(st.lists(OWN, min_size=5, max_size=5) | st.just([{}]))
    lanes = draw(st.just([LANE]) | st.lists(st.sampled_from(LANES), min_size=1))
    return [
        new(
            f"{draw(TEXT)}{next(_keys)}",
            lane=lanes[n % len(lanes)],
            **{**alike, **own[n % len(own)]},
        )
        for n in range(draw(st.integers(1, 5)))
    ]


def rows(engine: Engine, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    with reading(engine) as connection:
        chosen = select(CANCELLATION).where(CANCELLATION.c.id.in_(ids))
        return {row.id: dict(row._mapping) for row in connection.execute(chosen)}


def histories(engine: Engine, ids: Sequence[str]) -> list[dict[str, Any]]:
    t = TRANSITION.c
    chosen = select(TRANSITION).where(t.cancellation_id.in_(ids))
    with reading(engine) as connection:
        found = connection.execute(chosen.order_by(t.cancellation_id, t.seq))
        return [dict(row._mapping) for row in found]


def accepted(engine: Engine) -> dict[tuple[str, str], int]:
    with reading(engine) as connection:
        found = (t for t in totals(connection) if t.metric == "accepted")
        return {(t.provider, t.account): t.count for t in found}


Found = tuple[dict[str, dict[str, Any]], list[dict[str, Any]], Mapping[Any, int]]


def found(engine: Engine, orders: Sequence[NewCancellation]) -> Found:
    """All that the ledger knows of them; the ledger is then emptied."""
    ids = [one.id for one in orders]
    known = (rows(engine, ids), histories(engine, ids), accepted(engine))
    with writing(engine) as connection:
        for table in (TRANSITION, CANCELLATION, TALLY):
            connection.execute(delete(table))
    return known


def insert(
    engine: Engine, orders: Sequence[NewCancellation], now: datetime = NOW
) -> dict[str, Claimed]:
    with writing(engine) as connection:
        return insert_claimed(connection, orders, LEASES, now)


MANY = settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(orders=some())
@MANY
def test_inserted_as_claimed_equals_inserted_and_then_claimed(
    engine: Engine, orders: list[NewCancellation]
) -> None:
    wanted = [Wanted(one, State.QUEUED, 10, lease) for one, lease in LEASES.items()]
    with writing(engine) as connection:
        insert_new(connection, orders, NOW)
        claimed = claim_many(connection, wanted, NOW)
    expected = found(engine, orders)
    held = insert(engine, orders)
    assert held == {one.id: one for lane in claimed for one in lane}
    assert found(engine, orders) == expected


def test_a_claimed_order_is_due_when_its_lanes_lease_runs_out(engine: Engine) -> None:
    held = insert(engine, [new(lane=lane) for lane in LANES])
    kept = rows(engine, list(held))
    for one in held.values():
        lease = LEASES[kept[one.id]["provider"], kept[one.id]["account"]]
        assert one.progress.due_at == NOW + lease
        assert kept[one.id]["due_at"] == to_ms(NOW + lease)


def test_the_returned_claim_equals_the_stored_row_to_the_millisecond(
    engine: Engine,
) -> None:
    odd = NOW + timedelta(microseconds=567)
    one = new()
    held = insert(engine, [one], odd)[one.id]
    assert held.progress == progress_of(row(engine, one.id))


# --- existing rows --------------------------------------------------------------------


def left_out(engine: Engine, orders: Sequence[NewCancellation]) -> set[str]:
    """Insert them; returns the ids of those that were left out."""
    return {one.id for one in orders} - insert(engine, orders).keys()


def test_existing_keys_are_left_out_and_unchanged(
    engine: Engine,
) -> None:
    old = [new(str(n), metadata={"n": 1}) for n in range(3)]
    with writing(engine) as connection:
        insert_new(connection, old, NOW)
    ids = [one.id for one in old]
    before = (rows(engine, ids), histories(engine, ids))
    again = [replace(one, id=new_id(), metadata={"n": 2}) for one in old]
    fresh = [new(f"fresh {n}") for n in range(3)]
    assert left_out(engine, [*again, *fresh]) == {one.id for one in again}
    assert (rows(engine, ids), histories(engine, ids)) == before
    assert rows(engine, [one.id for one in again]) == {}
    assert len(rows(engine, [one.id for one in fresh])) == 3
    assert accepted(engine) == {LANE: 6}


def test_the_first_of_two_equal_keys_is_stored(engine: Engine) -> None:
    first, other, second = new("1"), new("2"), new("1", metadata={"n": 2})
    assert left_out(engine, [first, other, second]) == {second.id}
    assert set(rows(engine, [first.id, second.id])) == {first.id}
    assert accepted(engine) == {LANE: 2}


def test_one_key_in_two_lanes_is_two_orders(engine: Engine) -> None:
    assert left_out(engine, [new("1", lane=lane) for lane in LANES]) == set()
    assert accepted(engine) == dict.fromkeys(LANES, 1)


def test_an_order_inserted_before_under_the_same_id_is_not_claimed_again(
    engine: Engine,
) -> None:
    theirs, ours = new("1"), new("2", lane=LANES[1])
    with writing(engine) as connection:
        insert_new(connection, [theirs], NOW)
    assert left_out(engine, [theirs, ours]) == {theirs.id}
    assert steps(engine, theirs.id) == [(1, None, State.QUEUED)]
    assert accepted(engine) == dict.fromkeys(LANES[:2], 1)


def test_orders_inserted_again_are_left_out(engine: Engine) -> None:
    orders = [new("1"), new("2")]
    assert left_out(engine, orders) == set()
    assert left_out(engine, orders) == {one.id for one in orders}
    assert accepted(engine) == {LANE: 2}


def test_of_two_that_insert_the_same_order_only_one_holds_it(engine: Engine) -> None:
    orders = [new(str(n), lane=lane) for n in range(20) for lane in LANES]
    start, held = threading.Barrier(2), list[str]()

    def work(own: Sequence[NewCancellation]) -> None:
        start.wait()
        held.extend(insert(engine, own))

    both = (orders, orders[::-1])
    threads = [threading.Thread(target=work, args=(own,)) for own in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(held) == sorted(one.id for one in orders)
    assert accepted(engine) == dict.fromkeys(LANES, 20)


def test_a_rollback_leaves_no_rows(engine: Engine) -> None:
    one = new("1")
    with suppress(LookupError), writing(engine) as connection:
        insert_claimed(connection, [one], LEASES, NOW)
        raise LookupError("a bug")
    assert rows(engine, [one.id]) == {}
    assert accepted(engine) == {}


@pytest.mark.parametrize("lanes", [LANES[:1], LANES])
def test_a_thousand_orders_are_inserted_by_two_statements(
    engine: Engine, lanes: Sequence[tuple[str, str]]
) -> None:
    orders = [new(str(n), lane=lanes[n % len(lanes)]) for n in range(1000)]
    with writing(engine) as connection, statements(connection) as seen:
        held = insert_claimed(connection, orders, LEASES, NOW)
        assert len(seen) == 2
    assert len(held) == 1000
    assert len(histories(engine, list(held))) == 2000


def test_an_empty_list_is_accepted(engine: Engine) -> None:
    assert insert(engine, []) == {}


def test_only_orders_due_now_without_a_deadline_are_inserted_as_claimed() -> None:
    assert may_insert_claimed(new())
    assert may_insert_claimed(new(not_before=NOW - HOUR))
    assert not may_insert_claimed(new(not_before=NOW + HOUR))
    assert not may_insert_claimed(new(cancel_before=NOW + HOUR))
