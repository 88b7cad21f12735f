"""What waits for orders of its own message is inserted with them, by the engine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from rescind.config.accounts import Lane
from rescind.engine.lane_operation import HANGS_SECONDS
from rescind.engine.planning import MOST_ROWS
from rescind.intake.new_dependents import MOST_TOGETHER, new_dependents
from rescind.intake.receipts import Receipt, Taken
from rescind.intake.references import EarlierEntry
from rescind.intake.submissions import take_in
from rescind.ledger.changes.dependencies import NO_DEPENDENTS, Dependents
from rescind.ledger.changes.new_cancellation import NewCancellation, waiting
from rescind.ledger.conditions import DEFAULT
from rescind.ledger.reading.predecessors import predecessors_of
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import reading
from tests.engine.ledgers import in_memory
from tests.engine.world import World, lane
from tests.intake.test_submissions import SEAL
from tests.ledger.build import BY, SECOND, policy
from tests.ledger.plans import statements

C = CANCELLATION.c
Entry = dict[str, Any]
LANES = (lane(), lane(1))
RULES = dict.fromkeys(LANES, policy(concurrency=2))


@pytest.fixture
def world(engine: Engine) -> World:
    """Two lanes, two calls at once in each, on either database."""
    return World(engine, RULES)


def entry(number: int, **more: Any) -> Entry:
    provider, account = lane()
    return {"provider": provider, "account": account, "order": f"ord_{number}", **more}


def take(world: World, *entries: Entry) -> list[Taken]:
    """Take them in, in a thread of the worker's beside the engine."""

    def insert(
        new: Sequence[NewCancellation], dependents: Dependents = NO_DEPENDENTS
    ) -> frozenset[str]:
        future = world.engine.submit(new, dependents)
        world.settle()
        if not future.done():
            # They wait in memory for calls to end.
            world.run(2 * HANGS_SECONDS)
        return future.result(0)

    known = (world.ledger, world.accounts, SEAL, entries, world.clock.now())
    return take_in(*known, insert=insert, by=BY)


def take_without_engine(world: World, *entries: Entry) -> list[Taken]:
    known = (world.ledger, world.accounts, SEAL, entries, world.clock.now())
    return take_in(*known, by=BY)


def inserted(world: World) -> dict[str, Any]:
    """What the ledger says of each key, but not how far it has come."""
    chosen = select(C.id, C.key, C.account, C.state, C.waits_for, C.followed)
    with reading(world.ledger) as connection:
        rows = connection.execute(chosen).all()
        before = predecessors_of(connection, [row.id for row in rows])
    name = {row.id: f"{row.account}/{row.key}" for row in rows}
    followed = {row.id for row in rows if row.followed}
    assert followed.issuperset(one.id for some in before.values() for one in some)
    return {
        name[row.id]: (
            "queued" if row.state == "sending" else row.state,
            row.waits_for,
            [(name[one.id], one.condition) for one in before.get(row.id, [])],
        )
        for row in rows
    }


PLAN = (entry(1, ref="a"), entry(2, after="a", ref="b"), entry(3, after=["a", "b"]))


def test_a_plan_of_one_message_needs_one_transaction(world: World) -> None:
    with statements(world.ledger) as seen:
        taken = take(world, *PLAN)
    assert [(t.receipt, t.with_engine) for t in taken] == [(Receipt.ACCEPTED, True)] * 3
    assert not any(each.startswith("UPDATE cancellation") for each in seen)
    assert sum("INTO dependency" in each for each in seen) == 1
    assert world.orders_under_way() == ["ord_1"]
    assert set(inserted(world)) == {"a0/ord_1", "a0/ord_2", "a0/ord_3"}


def test_a_plan_over_two_accounts_needs_one_transaction(world: World) -> None:
    other = entry(2, account=lane(1)[1], ref="b")
    taken = take(world, PLAN[0], other, entry(3, after=["a", "b"]))
    assert all(one.with_engine for one in taken)
    assert sorted(world.orders_under_way()) == ["ord_1", "ord_2"]


def test_what_has_just_been_released_is_called_with_the_next_step(world: World) -> None:
    take(world, *PLAN)
    world.end_all()
    world.step()
    assert world.orders_under_way() == ["ord_2"]


def test_what_has_been_released_goes_before_what_has_just_come(world: World) -> None:
    take(world, entry(1, ref="a"), entry(2, after="a"), entry(3, after="a"))
    world.end_all()
    world.submit_orders("45")
    world.step()
    assert world.orders_under_way() == ["ord_2", "ord_3"]
    world.finish()
    assert set(world.states().values()) == {"cancelled"}


def test_an_order_with_a_deadline_goes_before_what_has_been_released(
    world: World,
) -> None:
    take(world, entry(1, ref="a"), entry(2, after="a"), entry(3, after="a"))
    world.end_all()
    before = world.clock.now() + 60 * SECOND
    world.submit(*(world.new(one, cancel_before=before) for one in "45"))
    world.step()
    assert world.orders_under_way() == ["4", "5"]


def test_a_message_whose_answer_was_lost_is_taken_in_once(world: World) -> None:
    take(world, *PLAN)
    again = take(world, *PLAN)
    assert {one.receipt for one in again} == {Receipt.DUPLICATE}
    assert not any(one.differs for one in again)
    world.finish()
    assert set(world.states().values()) == {"cancelled"}


# --- many that wait for one -----------------------------------------------------------


@pytest.mark.parametrize("more", [-1, 0, 1], ids="{:+}".format)
def test_a_message_with_many_that_wait_for_one_is_taken_in(
    world: World, more: int
) -> None:
    many = [entry(n, after="a") for n in range(MOST_TOGETHER + more)]
    taken = take(world, entry(1000, ref="a"), *many)
    assert {one.receipt for one in taken} == {Receipt.ACCEPTED}
    assert sum(one.waits_for == 1 for one in rows(world)) == len(many)
    world.finish()
    assert set(world.states().values()) == {"cancelled"}


@pytest.mark.parametrize("size", [MOST_TOGETHER, 999])
def test_many_that_wait_for_one_delay_no_other_lane(memory: Engine, size: int) -> None:
    many, other = [lane(n) for n in range(10, 40)], lane()
    world = World(memory, dict.fromkeys([*many, other], policy(concurrency=4)))
    for one in many * 2:
        submit_star(world, one, size)
    world.step()
    world.submit_orders(["lonely"], other)
    most = 0
    for _ in range(10):
        before = len(rows(world))
        world.step()
        most = max(most, len(rows(world)) - before)
    assert world.orders_under_way(other) == ["lonely"]
    assert most <= 4 * MOST_ROWS


def submit_star(world: World, of: Lane, size: int) -> None:
    """One order, and so many that wait for it."""
    name = f"{len(world.submissions)}-{of}"
    first = world.new(name, of, followed=True)
    after = {"after": [EarlierEntry("a", first.path, first.order)], "only_if": DEFAULT}
    its = {"progress": waiting(), **after}
    rest = [world.new(f"{name}-{n}", of, **its) for n in range(size)]
    future = world.engine.submit([first], new_dependents(rest, [first]))
    world.submissions.append(([first], future))


def rows(world: World) -> Sequence[Any]:
    with reading(world.ledger) as connection:
        return connection.execute(select(C.id, C.waits_for)).all()


# --- in the same way as without an engine ---------------------------------------------


@st.composite
def messages(draw: st.DrawFn) -> list[Entry]:
    """A message whose entries come again, wait for each other, are refused for their
    keys, or come too late."""
    listed = []
    for place in range(draw(st.integers(1, 6))):
        account = draw(st.sampled_from(["a0", "a0", "a1"]))
        one = entry(draw(st.integers(1, 3)), account=account)
        one["ref"] = draw(st.sampled_from("ab"))
        if place and draw(st.integers(0, 3)):
            one["after"] = draw(st.lists(st.sampled_from("ab"), min_size=1, max_size=2))
            one["only_if"] = draw(st.sampled_from(["cancelled", "any", "expired"]))
        if draw(st.booleans()):
            one["key"] = draw(st.sampled_from("xy"))
        if not draw(st.integers(0, 3)):
            one["cancel_before"] = "2020-01-01T00:00:00Z"
        listed.append(one)
    return listed


@settings(max_examples=200, deadline=None)
@given(known=messages(), message=messages())
def test_a_message_is_taken_in_as_if_there_were_no_engine(
    sqlite_template: Path, known: list[Entry], message: list[Entry]
) -> None:
    found = []
    for how in (take, take_without_engine):
        ledger = in_memory(sqlite_template)
        world = World(ledger, RULES)
        take_without_engine(world, *known)
        taken = how(world, *message)
        said = [(t.receipt, t.wrong, t.code, t.differs) for t in taken]
        found.append((said, inserted(world)))
        ledger.dispose()
    assert found[0] == found[1]
