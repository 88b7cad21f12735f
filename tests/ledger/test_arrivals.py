"""What is kept in one transaction is as if it had been taken in, and then claimed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, select

from ledger.arrivals import (
    Arrivals,
    from_text,
    keep_claimed,
    made_ready,
    may_arrive,
)
from ledger.claims import claim
from ledger.database import reading, writing
from ledger.intake import NewCancellation, insert_new
from ledger.progress import Claimed
from ledger.records import new_id
from ledger.side_tables import TALLY
from ledger.states import State
from ledger.tables import CANCELLATION, TRANSITION
from ledger.tallies import totals
from tests.ledger.build import HOUR, LANE, LEASE, NOW, SECOND, new, steps

LATER = NOW + timedelta(milliseconds=1500)
"""When what was made ready is kept."""
_keys = count(1)

# --- what comes in --------------------------------------------------------------------

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
"""What orders may have of their own."""


@st.composite
def some(draw: st.DrawFn) -> list[NewCancellation]:
    """Several of one lane, alike in all or in nothing."""
    own: list[dict[str, Any]]
    alike, own = draw(OWN), draw(st.lists(OWN, min_size=5, max_size=5) | st.just([{}]))
    return [
        new(f"{draw(TEXT)}{next(_keys)}", **{**alike, **own[n % len(own)]})
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


def accepted(engine: Engine) -> int:
    with reading(engine) as connection:
        return sum(t.count for t in totals(connection) if t.metric == "accepted")


Keep = Callable[[Arrivals], frozenset[str]]
Found = tuple[dict[str, dict[str, Any]], list[dict[str, Any]], int]


def found(engine: Engine, orders: Sequence[NewCancellation]) -> Found:
    """All that the ledger knows of them; and then it forgets it."""
    ids = [one.id for one in orders]
    known = (rows(engine, ids), histories(engine, ids), accepted(engine))
    with writing(engine) as connection:
        for table in (TRANSITION, CANCELLATION, TALLY):
            connection.execute(delete(table))
    return known


def by_id(held: Sequence[Claimed]) -> list[Claimed]:
    return sorted(held, key=lambda one: one.id)


def keep(
    engine: Engine, orders: Arrivals, now: datetime = LATER
) -> tuple[list[Claimed], frozenset[str]]:
    with writing(engine) as connection:
        return keep_claimed(connection, orders, LEASE, now)


MANY = settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(orders=some())
@MANY
def test_kept_as_claimed_is_the_same_as_inserted_and_then_claimed(
    engine: Engine, orders: list[NewCancellation]
) -> None:
    with writing(engine) as connection:
        insert_new(connection, orders, NOW)
        claimed = claim(connection, LANE, State.QUEUED, 10, LEASE, LATER)
    expected = found(engine, orders)
    held, left_out = keep(engine, made_ready(orders, NOW))
    assert (by_id(held), left_out) == (by_id(claimed), frozenset())
    assert found(engine, orders) == expected


def test_the_history_says_when_it_came_and_when_it_was_kept(engine: Engine) -> None:
    one = new()
    keep(engine, made_ready([one], NOW), NOW + SECOND)
    first, second = histories(engine, [one.id])
    assert (first["to_state"], second["to_state"]) == (State.QUEUED, State.SENDING)
    assert second["at"] - first["at"] == 1000


# --- what stood there -----------------------------------------------------------------


@pytest.fixture
def kept(engine: Engine) -> Keep:
    """Keeps orders; gives back the ids of those that were left out."""

    def those_left_out(orders: Arrivals) -> frozenset[str]:
        held, left_out = keep(engine, orders)
        assert {one.id for one in held} == set(orders.ids) - left_out
        return left_out

    return those_left_out


def test_those_whose_keys_stood_there_are_left_out_and_unchanged(
    engine: Engine, kept: Keep
) -> None:
    old = [new(str(n), metadata={"n": 1}) for n in range(3)]
    with writing(engine) as connection:
        insert_new(connection, old, NOW)
    ids = [one.id for one in old]
    before = (rows(engine, ids), histories(engine, ids))
    again = [replace(one, id=new_id(), metadata={"n": 2}) for one in old]
    fresh = [new(f"fresh {n}") for n in range(3)]
    assert kept(made_ready([*again, *fresh], NOW)) == {one.id for one in again}
    assert (rows(engine, ids), histories(engine, ids)) == before
    assert rows(engine, [one.id for one in again]) == {}
    assert len(rows(engine, [one.id for one in fresh])) == 3
    assert accepted(engine) == 6


def test_of_two_with_one_key_the_first_is_kept(engine: Engine, kept: Keep) -> None:
    first, other, second = new("1"), new("2"), new("1", metadata={"n": 2})
    assert kept(made_ready([first, other, second], NOW)) == {second.id}
    assert set(rows(engine, [first.id, second.id])) == {first.id}
    assert accepted(engine) == 2


def test_when_all_stood_there_nothing_is_kept_or_counted(
    engine: Engine, kept: Keep
) -> None:
    orders = [new("1"), new("2")]
    with writing(engine) as connection:
        insert_new(connection, orders, NOW)
    again = [replace(one, id=new_id()) for one in orders]
    assert kept(made_ready(again, NOW)) == {one.id for one in again}
    assert accepted(engine) == 2


def test_what_was_kept_under_its_very_ids_is_never_held_by_another(
    engine: Engine, kept: Keep
) -> None:
    # Whoever offered it had no answer in time, and has kept it by itself.
    theirs, ours = new("1"), new("2")
    with writing(engine) as connection:
        insert_new(connection, [theirs], NOW)
    assert kept(made_ready([theirs, ours], NOW)) == {theirs.id}
    assert steps(engine, theirs.id) == [(1, None, State.QUEUED)]
    assert accepted(engine) == 2


def test_kept_again_they_are_left_out(engine: Engine, kept: Keep) -> None:
    orders = made_ready([new("1"), new("2")], NOW)
    assert kept(orders) == frozenset()
    assert kept(orders) == frozenset(orders.ids)
    assert accepted(engine) == 2


def test_kept_by_two_at_once_each_is_held_by_one(engine: Engine) -> None:
    orders = [new(str(n)) for n in range(40)]
    start, held = threading.Barrier(2), list[Claimed]()

    def work(own: Arrivals) -> None:
        start.wait()
        held.extend(keep(engine, own)[0])

    both = (orders, list(reversed(orders)))
    threads = [
        threading.Thread(target=work, args=(made_ready(own, NOW),)) for own in both
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.id for one in held) == sorted(one.id for one in orders)
    assert accepted(engine) == 40


def test_what_is_rolled_back_was_never_there(engine: Engine) -> None:
    orders = made_ready([new("1")], NOW)
    with suppress(LookupError), writing(engine) as connection:
        keep_claimed(connection, orders, LEASE, LATER)
        raise LookupError("a bug")
    assert rows(engine, orders.ids) == {}
    assert accepted(engine) == 0


def test_a_thousand_are_kept_at_once(engine: Engine) -> None:
    orders = made_ready([new(str(n)) for n in range(1000)], NOW)
    held, left_out = keep(engine, orders)
    assert (len(held), left_out) == (1000, frozenset())
    assert len(histories(engine, orders.ids)) == 2000


# --- on their way ---------------------------------------------------------------------


@given(orders=some())
def test_they_come_out_of_their_text_as_they_went_in(
    orders: list[NewCancellation],
) -> None:
    ready = made_ready(orders, NOW)
    text = ready.as_text()
    again = from_text(text)
    assert "\n" not in text
    assert (again.lane, again.ids, again.alike) == (ready.lane, ready.ids, ready.alike)
    every = (*ready.alike, *ready.differing)
    assert list(again.columns(*every)) == list(ready.columns(*every))


@given(orders=some(), start=st.integers(0, 5), stop=st.integers(0, 5))
def test_a_part_is_of_those_between(
    orders: list[NewCancellation], start: int, stop: int
) -> None:
    ready = made_ready(orders, NOW)
    assert ready.part(start, stop).ids == ready.ids[start:stop]
    chosen = frozenset(ready.ids[start:stop])
    assert ready.only(chosen).ids == ready.ids[start:stop]


GOOD = made_ready([new("1"), new("2")], NOW)
NOT_OURS = {
    "nothing": "",
    "not JSON": GOOD.as_text()[:-1],
    "a number": "5",
    "three numbers": "[1, 2, 3]",
    "an object": '{"alike": {}, "differing": [], "rows": []}',
    "no rows": Arrivals(GOOD.alike, GOOD.differing, []).as_text(),
    "a row too short": Arrivals(GOOD.alike, GOOD.differing, [["x"]]).as_text(),
    "a row that is none": '[{}, ["id"], ["x"]]',
    "a column too few": Arrivals(GOOD.alike, ("id",), [["x"]]).as_text(),
    "columns without names": "[{}, [1, [], {}], [[1, 2, 3]]]",
    "a lane that is none": Arrivals(
        {**GOOD.alike, "account": None}, GOOD.differing, GOOD.rows
    ).as_text(),
}


@pytest.mark.parametrize("text", NOT_OURS.values(), ids=NOT_OURS)
def test_what_is_no_such_text_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"Expecting|no arrivals|delimiter"):
        from_text(text)


@given(value=JSON)
def test_whatever_else_comes_is_refused_in_words(value: object) -> None:
    with pytest.raises(ValueError, match="no arrivals of this version"):
        from_text(json.dumps(value))


def test_only_what_is_due_now_and_has_no_deadline_goes_this_way() -> None:
    assert may_arrive(new())
    assert may_arrive(new(not_before=NOW - HOUR))
    assert not may_arrive(new(not_before=NOW + HOUR))
    assert not may_arrive(new(cancel_before=NOW + HOUR))
