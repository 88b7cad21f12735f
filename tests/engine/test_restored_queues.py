"""A provider may keep a call in its queue that was made before the ledger was restored.
Until that time is over, no end says of the order that it was not sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from rescind.ledger.changes.plan_decisions import release, skip
from rescind.ledger.changes.withdrawals import withdraw
from rescind.ledger.decision_events import Event
from rescind.ledger.progress import NOT_DUE
from rescind.ledger.states import FINAL
from rescind.ledger.storage.milliseconds import to_ms
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import reading, writing
from rescind.provider.outcomes import Finding, InvalidRequestError, Outcome
from rescind.provider.policy import seconds
from tests.engine.parts import UnderWay
from tests.engine.results import REFUSED, REQUESTED
from tests.engine.test_restored_ledger import (
    Shop,
    accepted,
    ends,
    reconciled,
    retried,
    work,
)
from tests.engine.world import World, lane
from tests.ledger.build import BY, policy, take_in
from tests.ledger.copies import Copy, copy_of, put_back
from tests.ledger.planned import after

QUEUED_FOR = timedelta(seconds=120)
RULES = policy(
    batch=4,
    active_trusted_after=timedelta(seconds=5),
    queued_for=QUEUED_FOR,
    # Long enough that an order waits, once it was read, to be sent again.
    resend_delays=seconds(30),
)
LANES = {lane(): RULES, lane(1): policy()}
"""The second one's provider has no queue."""
GAP = 10.0
"""Seconds from the call to the restore."""


class QueueingShop(Shop):
    """Takes a cancel on, and acts on it just before that time is over. Until then, it
    shows the order as active. The first order alone is cancelled at once."""

    def __init__(self) -> None:
        super().__init__()
        self._acts_at: dict[str, datetime] = {}

    def _cancel(self, world: World, order: str) -> Event:
        if order in self.refused:
            return REFUSED
        if order == "1":
            return super()._cancel(world, order)
        acts_at = world.clock.now() + QUEUED_FOR - timedelta(seconds=1)
        self._acts_at.setdefault(order, acts_at)
        return REQUESTED

    def _show(self, world: World, order: str) -> Event:
        self.act(world)
        if order in self.refused:
            return Finding(Outcome.REFUSED, REFUSED.reason)
        return super()._show(world, order)

    def act(self, world: World) -> None:
        now = world.clock.now()
        self.cancelled |= {one for one, at in self._acts_at.items() if at <= now}


Plan = Callable[[World], object]


def for_a_time(world: World) -> None:
    accepted(world, "2", not_before=world.clock.now() + timedelta(seconds=2))


def for_another_one(world: World) -> None:
    accepted(world, "1")
    its: dict[str, Any] = {"order": "2", "lane": lane(), "only_if": "any"}
    after(world.ledger, id_of(world, "1"), now=world.clock.now(), **its)


SCHEDULED = {"a time": for_a_time, "another one": for_another_one}


def id_of(world: World, order: str) -> str:
    with reading(world.ledger) as connection:
        chosen = select(CANCELLATION.c.id).where(CANCELLATION.c.order_id == order)
        return str(connection.execute(chosen).scalar_one())


def withdraw_it(world: World) -> None:
    with writing(world.ledger) as connection:
        withdraw(connection, [id_of(world, "2")], world.clock.now(), by=BY)


def skip_it(world: World) -> None:
    try:
        with writing(world.ledger) as connection:
            skip(connection, id_of(world, "2"), world.clock.now(), by=BY)
    except InvalidRequestError:
        pass


OPERATORS = {"withdraws": withdraw_it, "skips": skip_it}


def sent(world: World, shop: Shop) -> None:
    """Work until the provider has the call for the second order."""
    for _ in range(20):
        work(world, shop, 1.0)
        if shop.sent["2"]:
            return
    raise AssertionError(f"it was not sent: {ends(world)}")


def restored(world: World, copy: Copy) -> World:
    put_back(world.ledger, copy)
    new = World(world.ledger, LANES)
    new.prefix = "new-"
    new.clock.at, new.clock.since = world.clock.at, world.clock.since
    new.clock.advance(GAP)
    reconciled(new)
    return new


def to_its_end(world: World, shop: QueueingShop, act: Plan) -> None:
    """Let an operator try the same each second, until the second one has ended."""
    for _ in range(2 * int(QUEUED_FOR.total_seconds())):
        act(world)
        if ends(world)["2"][0] in FINAL:
            break
        work(world, shop, 1.0)
    world.clock.advance(QUEUED_FOR.total_seconds())
    shop.act(world)


@pytest.fixture
def first(engine: Engine) -> World:
    return World(engine, LANES)


@pytest.mark.parametrize("act", OPERATORS.values(), ids=OPERATORS)
@pytest.mark.parametrize("schedule", SCHEDULED.values(), ids=SCHEDULED)
def test_no_operator_ends_what_the_provider_has_in_its_queue(
    first: World, schedule: Plan, act: Plan
) -> None:
    shop = QueueingShop()
    schedule(first)
    copy = copy_of(first.ledger)
    sent(first, shop)
    second = restored(first, copy)
    to_its_end(second, shop, act)
    assert "2" in shop.cancelled
    assert ends(second)["2"] == ("cancelled", "confirmed")


@pytest.mark.parametrize("schedule", SCHEDULED.values(), ids=SCHEDULED)
def test_nor_does_its_deadline(first: World, schedule: Plan) -> None:
    shop = QueueingShop()
    schedule(first)
    with writing(first.ledger) as connection:
        soon = to_ms(first.clock.now() + timedelta(seconds=GAP + 20))
        its = update(CANCELLATION).where(CANCELLATION.c.order_id == "2")
        connection.execute(its.values(cancel_before=soon, urgency=soon))
    copy = copy_of(first.ledger)
    sent(first, shop)
    second = restored(first, copy)
    to_its_end(second, shop, lambda _: None)
    assert ends(second)["2"] == ("cancelled", "confirmed")


def test_nor_does_another_end_of_the_one_that_it_waits_for(first: World) -> None:
    """An operator had released it."""
    shop = QueueingShop()
    shop.refused.add("1")
    accepted(first, "1", not_before=first.clock.now() + timedelta(seconds=GAP + 5))
    its: dict[str, Any] = {"order": "2", "lane": lane()}
    after(first.ledger, id_of(first, "1"), now=first.clock.now(), **its)
    copy = copy_of(first.ledger)
    with writing(first.ledger) as connection:
        release(connection, id_of(first, "2"), first.clock.now(), by=BY)
    sent(first, shop)
    second = restored(first, copy)
    to_its_end(second, shop, lambda _: None)
    assert ends(second) == {
        "1": ("rejected", "not_supported"),
        "2": ("cancelled", "confirmed"),
    }


def test_nor_does_a_withdrawal_of_a_round_that_was_begun_before(first: World) -> None:
    shop = QueueingShop()
    accepted(first, "2")
    withdraw_it(first)
    copy = copy_of(first.ledger)
    retried(first, "2")
    sent(first, shop)
    second = restored(first, copy)
    retried(second, "2")
    to_its_end(second, shop, withdraw_it)
    assert ends(second)["2"] == ("cancelled", "confirmed")


def test_what_was_read_when_that_time_was_over_can_be_withdrawn(first: World) -> None:
    shop = QueueingShop()
    for_another_one(first)
    second = restored(first, copy_of(first.ledger))
    shop.refused.add("1")
    with writing(second.ledger) as connection:
        its = update(CANCELLATION).where(CANCELLATION.c.order_id == "1")
        connection.execute(its.values(due_at=to_ms(NOT_DUE)))
    work(second, shop, QUEUED_FOR.total_seconds() + 20)
    assert ends(second)["2"] == ("scheduled", None)
    withdraw_it(second)
    assert ends(second)["2"] == ("withdrawn", "requested")


@pytest.mark.parametrize("act", OPERATORS.values(), ids=OPERATORS)
@pytest.mark.parametrize("cancelled", [True, False])
def test_nor_does_what_happens_in_another_lane(
    first: World, act: Plan, cancelled: bool
) -> None:
    """It waits for an order at a provider without a queue."""
    shop, now = QueueingShop(), first.clock.now()
    take_in(first.ledger, [first.new("1", lane(1))])
    its: dict[str, Any] = {"order": "2", "lane": lane()}
    after(first.ledger, id_of(first, "1"), now=now, **its)
    copy = copy_of(first.ledger)
    if not cancelled:
        shop.refused.add("1")
        with writing(first.ledger) as connection:
            release(connection, id_of(first, "2"), now, by=BY)
    sent(first, shop)
    second = restored(first, copy)
    to_its_end(second, shop, act)
    assert ends(second)["1"][0] == ("cancelled" if cancelled else "rejected")
    assert ends(second)["2"] == ("cancelled", "confirmed")


def test_one_whose_predecessor_ends_meanwhile_is_sent_soon(first: World) -> None:
    """Otherwise its deadline could pass while it is read."""
    shop = QueueingShop()
    for_another_one(first)
    second = restored(first, copy_of(first.ledger))
    work(second, shop, QUEUED_FOR.total_seconds() - 10)
    assert ends(second)["1"] == ("cancelled", "confirmed")
    assert shop.sent["2"] == 1


def test_a_reading_that_outlasts_its_predecessor_keeps_it_no_longer(
    first: World,
) -> None:
    """Nor is the time in which it waited for others counted as its own."""
    shop, now = QueueingShop(), first.clock.now()
    take_in(first.ledger, [first.new("1", lane(1))])
    its: dict[str, Any] = {"order": "2", "lane": lane()}
    after(first.ledger, id_of(first, "1"), now=now, **its)
    second = restored(first, copy_of(first.ledger))
    quick = RULES.model_copy(update={"give_up_after": QUEUED_FOR})
    second.reload({lane(): quick, lane(1): policy()})
    begin_at(second, "1", NOT_DUE)
    last_reading = reading_after(second, shop, second.clock.now() + QUEUED_FOR)
    begin_at(second, "1", second.clock.now())
    while ends(second)["1"][0] not in FINAL:
        second.sweep()
        second.settle()
        for one in second.under_way:
            if one is not last_reading:
                second.end(one, lambda call: shop.answer(second, call))
        second.run(1.0)
    second.end(last_reading, lambda call: shop.answer(second, call))
    work(second, shop, QUEUED_FOR.total_seconds())
    assert shop.sent["2"] == 1
    work(second, shop, QUEUED_FOR.total_seconds())
    assert ends(second)["2"] == ("cancelled", "confirmed")


def test_one_whose_predecessor_ends_meanwhile_still_waits_for_its_time(
    first: World,
) -> None:
    shop, now = QueueingShop(), first.clock.now()
    accepted(first, "1")
    time = now + 4 * QUEUED_FOR
    its: dict[str, Any] = {"order": "2", "lane": lane(), "not_before": time}
    after(first.ledger, id_of(first, "1"), now=now, **its)
    second = restored(first, copy_of(first.ledger))
    work(second, shop, 3 * QUEUED_FOR.total_seconds())
    assert ends(second)["1"] == ("cancelled", "confirmed")
    assert shop.sent["2"] == 0
    work(second, shop, 2 * QUEUED_FOR.total_seconds())
    assert shop.sent["2"] == 1


def begin_at(world: World, order: str, when: datetime) -> None:
    """Have its next step due then."""
    with writing(world.ledger) as connection:
        its = update(CANCELLATION).where(CANCELLATION.c.order_id == order)
        connection.execute(its.values(due_at=to_ms(when)))


def reading_after(world: World, shop: Shop, moment: datetime) -> UnderWay:
    """The first reading of the second order that begins after that time."""
    for _ in range(1000):
        world.sweep()
        world.settle()
        for one in world.under_way:
            if one.orders == ["2"] and world.clock.now() >= moment:
                return one
            world.end(one, lambda call: shop.answer(world, call))
        world.run(1.0)
    raise AssertionError(f"it is not read: {ends(world)}")
