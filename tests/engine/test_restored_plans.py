"""After a ledger is restored from an older copy and reconciled, no step of a plan is
sent twice, none is sent against its predecessors, and each says what is true."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update

from rescind.intake.entry_records import expired
from rescind.ledger.changes.plan_decisions import release, skip
from rescind.ledger.changes.retries import retry
from rescind.ledger.changes.withdrawals import withdraw
from rescind.ledger.restored import READ_FIRST_FOR
from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import from_ms, to_ms
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import reading, writing
from rescind.provider.outcomes import InvalidRequestError, Reason
from tests.engine.test_restored_ledger import (
    RULES,
    Shop,
    accepted,
    ends,
    first,
    reconciled,
    restored,
    version,
    work,
)
from tests.engine.world import World, lane
from tests.ledger.build import BY, NOW, add, row, take_in
from tests.ledger.copies import copy_of
from tests.ledger.planned import after, claimed, finish, retried

__all__ = ["first"]
LATER = READ_FIRST_FOR.total_seconds() + 3600


def id_of(world: World, order: str) -> str:
    with reading(world.ledger) as connection:
        chosen = select(CANCELLATION.c.id).where(CANCELLATION.c.order_id == order)
        return str(connection.execute(chosen).scalar_one())


def two_steps(world: World) -> None:
    """The second one waits for the first one to be cancelled."""
    accepted(world, "1")
    now = world.clock.now()
    after(world.ledger, id_of(world, "1"), order="2", lane=lane(), now=now)


def release_second(world: World) -> None:
    with writing(world.ledger) as connection:
        release(connection, id_of(world, "2"), world.clock.now(), by=BY)


def retry_first(world: World) -> None:
    with writing(world.ledger) as connection:
        chosen = select(CANCELLATION).where(CANCELLATION.c.order_id == "1")
        row = connection.execute(chosen).one()
        assert retry(connection, row, world.clock.now(), policy=RULES, by=BY)


@pytest.mark.parametrize("late", [60.0, LATER])
@pytest.mark.parametrize("begin", [release_second, retry_first])
def test_a_step_that_gets_another_round_again_is_read_first(
    first: World, begin: Callable[[World], None], late: float
) -> None:
    shop = Shop(refused=["1"])
    two_steps(first)
    work(first, shop, 5.0)
    assert ends(first)["2"] == ("withdrawn", "not_wanted")
    copy = copy_of(first.ledger)
    shop.refused.clear()
    begin(first)
    work(first, shop, 20.0)
    assert shop.sent["2"] == 1
    second = restored(first, copy)
    reconciled(second)
    second.clock.advance(late)
    begin(second)
    work(second, shop, 40.0)
    assert shop.sent["2"] == 1
    assert ends(second)["2"][0] == "cancelled"


def test_a_step_submitted_again_is_read_though_it_begins_days_later(
    first: World,
) -> None:
    shop = Shop()
    copy = copy_of(first.ledger)
    two_steps(first)
    work(first, shop)
    second = restored(first, copy)
    reconciled(second)
    two_steps(second)
    second.clock.advance(LATER)
    work(second, shop, 40.0)
    assert shop.sent == {"1": 1, "2": 1}
    assert {state for state, _ in ends(second).values()} == {"cancelled"}


def test_a_step_that_was_not_sent_is_read_and_waits_again(first: World) -> None:
    shop = Shop(refused=["1"])
    two_steps(first)
    copy = copy_of(first.ledger)
    second = restored(first, copy)
    reconciled(second)
    second.settle()
    assert ends(second)["2"] == ("verifying", None)
    work(second, shop, 40.0)
    assert shop.read["2"] > 0
    assert shop.sent["2"] == 0
    assert ends(second)["2"] == ("withdrawn", "not_wanted")


def test_one_that_waits_is_not_skipped_unread(first: World) -> None:
    shop = Shop()
    two_steps(first)
    reconciled(first)
    shop.cancelled.add("2")
    with (
        writing(first.ledger) as connection,
        pytest.raises(InvalidRequestError, match="verifying"),
    ):
        skip(connection, id_of(first, "2"), first.clock.now(), by=BY)
    work(first, shop)
    assert ends(first)["2"] == ("cancelled", "confirmed")


def test_an_end_that_is_not_wanted_does_not_end_it_unread(first: World) -> None:
    """An operator may have released it in the time that the copy lacks."""
    shop = Shop(refused=["1"])
    two_steps(first)
    reconciled(first)
    shop.cancelled.add("2")
    work(first, shop)
    assert ends(first)["2"] == ("cancelled", "confirmed")
    assert shop.sent["2"] == 0


# --- what was submitted again, and ends before it is sent -----------------------------


def cancelled_in_the_lost_time(world: World, shop: Shop) -> World:
    """The restored world of an order that was accepted and cancelled after the copy."""
    copy = copy_of(world.ledger)
    accepted(world, "1")
    work(world, shop, 5.0)
    second = restored(world, copy)
    reconciled(second)
    return second


def test_what_was_submitted_again_is_not_withdrawn_unread(first: World) -> None:
    shop = Shop()
    second = cancelled_in_the_lost_time(first, shop)
    [again] = accepted(second, "1")
    with writing(second.ledger) as connection:
        done = withdraw(connection, [again], second.clock.now(), by=BY)
    assert done.withdrawn == []
    work(second, shop)
    assert ends(second)["1"] == ("cancelled", "confirmed")


def test_what_was_submitted_again_does_not_expire_with_its_message_unread(
    first: World,
) -> None:
    shop = Shop()
    second = cancelled_in_the_lost_time(first, shop)
    why = "its message came too late"
    take_in(second.ledger, [expired(second.new("1"), why, second.clock.now())])
    work(second, shop)
    assert ends(second)["1"] == ("cancelled", "confirmed")


# --- what no reading can tell ---------------------------------------------------------


def doubted_step(engine: Engine) -> tuple[str, str]:
    """One that waits for another one, and may have been sent before a restore."""
    before = add(engine, order="before")
    waiting = after(engine, before, order="waiting")
    with writing(engine) as connection:
        its = update(CANCELLATION).where(CANCELLATION.c.id == waiting)
        connection.execute(its.values(lost=1, sent_at=to_ms(NOW)))
    return before, waiting


def test_what_no_reading_tells_of_does_not_end_as_not_wanted(engine: Engine) -> None:
    before, waiting = doubted_step(engine)
    finish(engine, claimed(engine, before), State.REJECTED, Reason.REFUSED)
    assert (row(engine, waiting).state, row(engine, waiting).reason) == (
        "failed",
        "unresolved",
    )


def test_it_can_be_released_and_is_read_first(engine: Engine) -> None:
    before, waiting = doubted_step(engine)
    finish(engine, claimed(engine, before), State.REJECTED, Reason.REFUSED)
    with writing(engine) as connection:
        release(connection, waiting, NOW, by=BY)
    assert row(engine, waiting).state == "verifying"


def test_it_begins_again_with_its_predecessor(engine: Engine) -> None:
    before, waiting = doubted_step(engine)
    finish(engine, claimed(engine, before), State.REJECTED, Reason.REFUSED)
    assert retried(engine, before, NOW)
    finish(engine, claimed(engine, before))
    assert row(engine, waiting).state == "verifying"


# --- webhooks -------------------------------------------------------------------------


def test_a_round_that_begins_again_has_other_versions(first: World) -> None:
    """In a webhook's id is the version, and no id may stand for two ends."""
    shop = Shop(refused=["1"])
    accepted(first, "1")
    work(first, shop, 5.0)
    copy = copy_of(first.ledger)
    shop.refused.clear()
    retry_first(first)
    work(first, shop)
    used = version(first)
    second = restored(first, copy)
    reconciled(second)
    retry_first(second)
    work(second, shop, 40.0)
    assert ends(second)["1"][0] == "cancelled"
    assert version(second) > used + 1000


def test_it_does_not_end_as_not_wanted_by_a_skip_either(engine: Engine) -> None:
    _, waiting = doubted_step(engine)
    with writing(engine) as connection:
        skip(connection, waiting, NOW, by=BY)
    assert (row(engine, waiting).state, row(engine, waiting).reason) == (
        "failed",
        "unresolved",
    )


def test_a_skipped_one_that_no_reading_tells_of_can_be_read_again(
    engine: Engine,
) -> None:
    _, waiting = doubted_step(engine)
    with writing(engine) as connection:
        skip(connection, waiting, NOW, by=BY)
    assert retried(engine, waiting, NOW)
    assert row(engine, waiting).state == "verifying"


def test_a_message_that_came_too_late_is_not_sent_after_its_reading(
    first: World,
) -> None:
    shop = Shop()
    reconciled(first)
    why = "its message came too late"
    take_in(first.ledger, [expired(first.new("1"), why, first.clock.now())])
    work(first, shop)
    assert shop.read["1"] > 0
    assert shop.sent["1"] == 0
    assert ends(first)["1"] == ("expired", "deadline_passed")


def test_a_message_that_came_too_late_is_not_sent_when_its_end_is_read_again(
    first: World,
) -> None:
    """It ended on the restored ledger, before that was reconciled."""
    shop, why = Shop(), "its message came too late"
    take_in(first.ledger, [expired(first.new("1"), why, first.clock.now())])
    first.clock.advance(60.0)
    assert reconciled(first, since_the_copy=True) == 1
    work(first, shop)
    assert shop.read["1"] > 0
    assert shop.sent["1"] == 0
    assert ends(first)["1"] == ("expired", "deadline_passed")


@pytest.mark.parametrize("reconciled_before", [True, False])
def test_the_deadline_of_a_message_that_came_too_late_stays_as_it_was(
    first: World, reconciled_before: bool
) -> None:
    shop, before = Shop(), first.clock.now() - timedelta(minutes=5)
    new = first.new("1", cancel_before=before)
    if reconciled_before:
        reconciled(first)
    take_in(first.ledger, [expired(new, "it came too late", first.clock.now())])
    if not reconciled_before:
        first.clock.advance(60.0)
        assert reconciled(first, since_the_copy=True) == 1
    work(first, shop)
    assert shop.read["1"] > 0
    assert ends(first)["1"] == ("expired", "deadline_passed")
    with reading(first.ledger) as connection:
        (kept,) = connection.execute(select(CANCELLATION.c.cancel_before)).scalars()
    assert from_ms(kept) == before
