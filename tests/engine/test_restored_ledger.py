"""After a ledger is restored from an older copy and reconciled, no order is sent twice,
and what is said of each order is true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select, update

from rescind.config.accounts import Accounts
from rescind.engine.call_results import CallResult
from rescind.ledger.changes import stalled_lanes
from rescind.ledger.changes.lane_states import (
    LaneState,
    read_lane,
    register_lanes,
    write_lane,
)
from rescind.ledger.changes.retries import retry
from rescind.ledger.changes.withdrawals import withdraw
from rescind.ledger.decision_events import Event
from rescind.ledger.progress import NOT_DUE
from rescind.ledger.reading.queries import history
from rescind.ledger.restored import READ_FIRST_FOR, RESTORED
from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import to_ms
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import reading, writing
from rescind.operations import reconciling
from rescind.operations.actions import lane as one_lane
from rescind.operations.actions import lanes
from rescind.operations.lane_holds import hold, resume
from rescind.operations.reconciliation import preview, reconcile
from rescind.provider.outcomes import Finding, Outcome, Reason
from tests.engine.parts import UnderWay
from tests.engine.results import CANCELLED, REFUSED
from tests.engine.world import World, config, lane
from tests.ledger.build import BY, NOW, policy, progress, steps, take_in
from tests.ledger.copies import Copy, copy_of, put_back
from tests.ledger.planned import after

DOUBT = timedelta(seconds=5)
RULES = policy(batch=4, active_trusted_after=DOUBT)


class Shop:
    """A simulated provider, and its record of what was asked of it."""

    def __init__(self, refused: Sequence[str] = ()) -> None:
        self.cancelled: set[str] = set()
        self.sent: Counter[str] = Counter()
        self.read: Counter[str] = Counter()
        self.refused = set(refused)

    def answer(self, world: World, one: UnderWay) -> CallResult:
        sent = one.call.operation.operation == "cancel"
        (self.sent if sent else self.read).update(one.orders)
        act = self._cancel if sent else self._show
        events = [act(world, order) for order in one.orders]
        return world.results.each(one, events)

    def _cancel(self, _world: World, order: str) -> Event:
        # A second cancel is refused. To report that refusal would be untrue.
        if order in self.refused or order in self.cancelled:
            return REFUSED
        self.cancelled.add(order)
        return CANCELLED

    def _show(self, world: World, order: str) -> Event:
        if order in self.cancelled:
            return Finding(Outcome.CANCELLED, Reason.CONFIRMED)
        return Finding(Outcome.ACTIVE, asked_at=world.clock.now())


def work(world: World, shop: Shop, seconds: float = 20.0) -> None:
    """Let the workers work for so long."""
    end = world.clock.since + seconds
    while world.clock.since < end:
        world.sweep()
        world.settle()
        while world.under_way:
            for one in world.under_way:
                world.end(one, lambda call: shop.answer(world, call))
            world.settle()
        world.run(1.0)


def restored(world: World, copy: Copy, after: float = 3600.0) -> World:
    """New workers on a ledger that was put back; ``after`` so many seconds."""
    put_back(world.ledger, copy)
    world.faults.leave()
    new = World(world.ledger, {lane(): RULES})
    new.prefix = "new-"
    new.clock.at, new.clock.since = world.clock.at, world.clock.since
    new.clock.advance(after)
    return new


def reconciled(world: World, *, since_the_copy: bool = False) -> int:
    now = world.clock.now()
    since = now - timedelta(hours=2) if since_the_copy else None
    ledger, accounts = world.ledger, world.accounts
    done = reconcile(ledger, accounts, now, since, lambda _n: None, by=BY)
    return done.orders + done.reopened


def ends(world: World) -> dict[str, tuple[str, str | None]]:
    c = CANCELLATION.c
    with reading(world.ledger) as connection:
        rows = connection.execute(select(c.order_id, c.state, c.reason))
        return {row.order_id: (row.state, row.reason) for row in rows}


@pytest.fixture
def first(engine: Engine) -> World:
    return World(engine, {lane(): RULES})


def accepted(world: World, *orders: str, **values: Any) -> list[str]:
    """Orders that the API has accepted, and that no worker has seen yet."""
    return take_in(world.ledger, [world.new(one, **values) for one in orders])


def test_what_was_sent_after_the_copy_is_not_sent_again(first: World) -> None:
    shop, at = Shop(), first.clock.now()
    first.submit_orders(["being sent"])
    first.settle()
    accepted(first, "queued")
    accepted(first, "urgent", cancel_before=at + timedelta(minutes=10))
    accepted(first, "in time", cancel_before=at + timedelta(hours=2))
    accepted(first, "scheduled", not_before=at + timedelta(seconds=10))
    accepted(first, "for tomorrow", not_before=at + timedelta(days=1))
    copy = copy_of(first.ledger)
    work(first, shop)
    first.submit_orders(["not in the copy"])
    work(first, shop, 5.0)
    sent = {*TOMORROW_NOT, "not in the copy"}
    assert shop.cancelled == sent

    second = restored(first, copy)
    assert reconciled(second) == len(TOMORROW_NOT)
    second.submit_orders(["not in the copy", "queued", "new"])
    work(second, shop)

    assert shop.cancelled == {*sent, "new"}
    assert set(shop.sent.values()) == {1}
    found = ends(second)
    assert found.pop("for tomorrow") == ("scheduled", None)
    assert found == dict.fromkeys(shop.cancelled, ("cancelled", "confirmed"))


TOMORROW_NOT = ("being sent", "queued", "urgent", "in time", "scheduled")


@pytest.mark.parametrize("seconds", [-1, 5])
def test_one_that_is_submitted_again_after_its_deadline_is_read(
    first: World, seconds: int
) -> None:
    """Also one whose deadline passes before it is read."""
    shop = Shop()
    shop.cancelled.add("cancelled in time")
    reconciled(first)
    before = first.clock.now() + timedelta(seconds=seconds)
    for order in ("cancelled in time", "not sent"):
        late = first.new(order, cancel_before=before)
        if seconds < 0:
            late = replace(late, progress=progress(State.EXPIRED))
        take_in(first.ledger, [late])
    first.clock.advance(10.0)
    work(first, shop)
    assert ends(first) == {
        "cancelled in time": ("cancelled", "confirmed"),
        "not sent": ("expired", "deadline_passed"),
    }
    assert shop.sent == {}


def test_the_shop_of_these_tests_notices_what_is_not_reconciled(first: World) -> None:
    shop = Shop()
    accepted(first, "1")
    copy = copy_of(first.ledger)
    work(first, shop, 5.0)
    work(restored(first, copy), shop, 5.0)
    assert shop.sent["1"] == 2
    assert ends(first)["1"] == ("rejected", "not_supported")


def test_an_end_on_an_unreconciled_ledger_is_put_right_by_since(first: World) -> None:
    shop = Shop(refused=["never"])
    accepted(first, "1")
    copy = copy_of(first.ledger)
    work(first, shop, 5.0)
    second = restored(first, copy)
    second.submit_orders(["never"])
    work(second, shop, 5.0)
    assert {end for end, _ in ends(second).values()} == {"rejected"}
    assert reconciled(second) == 0
    assert reconciled(second, since_the_copy=True) == 2
    work(second, shop)
    assert ends(second) == {
        "1": ("cancelled", "confirmed"),
        "never": ("rejected", "not_supported"),
    }
    assert shop.sent == {"1": 2, "never": 2}


def test_a_step_that_was_not_wanted_is_read_when_its_predecessor_is_put_right(
    first: World,
) -> None:
    shop = Shop()
    [before] = accepted(first, "1")
    provider, account = lane()
    now = first.clock.now()
    after(first.ledger, before, order="2", provider=provider, account=account, now=now)
    copy = copy_of(first.ledger)
    work(first, shop, 5.0)
    assert shop.cancelled == {"1", "2"}
    second = restored(first, copy)
    work(second, shop, 5.0)
    # The second cancel of the first one was refused.
    assert ends(second)["2"] == ("withdrawn", "not_wanted")
    assert reconciled(second, since_the_copy=True) == 1
    work(second, shop)
    assert set(ends(second).values()) == {("cancelled", "confirmed")}
    assert shop.sent == {"1": 2, "2": 1}


def test_a_new_order_is_read_first_for_a_day_and_then_sent_at_once(
    first: World,
) -> None:
    shop = Shop()
    reconciled(first)
    first.submit_orders(["early"])
    work(first, shop)
    assert (shop.read["early"] > 0, shop.sent["early"]) == (True, 1)
    first.clock.advance(READ_FIRST_FOR.total_seconds())
    first.submit_orders(["late"])
    work(first, shop, 5.0)
    assert (shop.read["late"], shop.sent["late"]) == (0, 1)


def test_a_provider_that_minds_no_second_cancel_is_not_asked_first(
    engine: Engine,
) -> None:
    world, shop = World(engine, {lane(): policy(repeatable=True)}), Shop()
    reconciled(world)
    world.submit_orders(["1"])
    work(world, shop, 5.0)
    assert (shop.read["1"], shop.sent["1"]) == (0, 1)


def test_a_retry_that_the_copy_lacks_is_not_made_twice(first: World) -> None:
    shop = Shop(refused=["1"])
    accepted(first, "1")
    work(first, shop, 5.0)
    copy = copy_of(first.ledger)
    shop.refused.clear()
    retried(first, "1")
    work(first, shop, 5.0)
    assert shop.sent["1"] == 2
    second = restored(first, copy)
    reconciled(second)
    retried(second, "1")
    work(second, shop)
    assert shop.sent["1"] == 2
    assert ends(second)["1"] == ("cancelled", "confirmed")


def retried(world: World, order: str) -> None:
    with writing(world.ledger) as connection:
        chosen = select(CANCELLATION).where(CANCELLATION.c.order_id == order)
        row = connection.execute(chosen).one()
        assert retry(connection, row, world.clock.now(), by=BY)


def test_the_history_says_why_it_is_read(first: World) -> None:
    [one] = accepted(first, "1")
    reconciled(first)
    assert [to for _, _, to in steps(first.ledger, one)] == ["queued", "verifying"]
    with reading(first.ledger) as connection:
        last = history(connection, one)[-1]
    assert (last["evidence"], last["by"]) == (RESTORED, BY)


def test_what_is_read_shows_as_such_and_is_not_withdrawn_unread(first: World) -> None:
    """Also one that waits for others: it may have been sent after their end."""
    [before, waiting] = accepted(first, "1"), accepted(first, "2")
    with writing(first.ledger) as connection:
        waits = {"state": "scheduled", "waits_for": 1, "due_at": to_ms(NOT_DUE)}
        its = CANCELLATION.c.id == waiting[0]
        connection.execute(update(CANCELLATION).where(its).values(waits))
    reconciled(first)
    ids = [*before, *waiting]
    with writing(first.ledger) as connection:
        result = withdraw(connection, ids, first.clock.now(), by=BY)
    assert result.withdrawn == []
    assert ends(first) == dict.fromkeys("12", ("verifying", None))


def test_a_deadline_that_passes_while_it_waits_for_others_is_no_proof(
    first: World,
) -> None:
    shop = Shop()
    soon = first.clock.now() + timedelta(seconds=10)
    [one] = accepted(first, "1", cancel_before=soon)
    with writing(first.ledger) as connection:
        waits = {"state": "scheduled", "waits_for": 1, "due_at": to_ms(NOT_DUE)}
        connection.execute(update(CANCELLATION).values(waits))
    reconciled(first)
    shop.cancelled.add("1")
    work(first, shop)
    assert ends(first)["1"] == ("cancelled", "confirmed")
    assert shop.sent["1"] == 0
    assert steps(first.ledger, one)[1][1:] == ("scheduled", "verifying")


@pytest.mark.parametrize("since", [False, True])
def test_no_version_stands_for_two_things(first: World, since: bool) -> None:
    """Also no webhook's id, in which the version is."""
    shop = Shop(refused=["1"])
    accepted(first, "1")
    copy = copy_of(first.ledger)
    work(first, shop, 5.0)
    used = version(first)
    second = first if since else restored(first, copy)
    second.clock.advance(60.0)
    assert reconciled(second, since_the_copy=since) == 1
    assert version(second) > used + 1000


def version(world: World) -> int:
    with reading(world.ledger) as connection:
        return int(connection.execute(select(CANCELLATION.c.version)).scalar_one())


def test_a_worker_of_the_time_before_writes_nothing(first: World) -> None:
    accepted(first, "1")
    copy = copy_of(first.ledger)
    first.sweep()
    first.settle()
    put_back(first.ledger, copy)
    reconciled(first)
    first.end_all()
    first.settle()
    assert ends(first)["1"] == ("verifying", None)


def test_a_dry_run_counts_the_same_and_changes_nothing(first: World) -> None:
    accepted(first, "1", "2")
    before = copy_of(first.ledger)
    counted = preview(first.ledger, first.accounts, NOW, None)
    assert copy_of(first.ledger) == before
    assert (counted.orders, reconciled(first)) == (2, 2)


@pytest.mark.parametrize("at_once", [1, 2, 500])
def test_rows_are_marked_once_whatever_the_size_of_a_transaction(
    first: World, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(reconciling, "AT_ONCE", at_once)
    accepted(first, *"abcde")
    assert reconciled(first) == 5
    assert set(ends(first).values()) == {("verifying", None)}


def test_a_lane_goes_on_without_a_lock_after_a_restore() -> None:
    """A lane in order is not locked by every result, also for the day after."""
    assert LaneState(restored_at=NOW).good
    assert not LaneState(restored_at=NOW, failures=1).good


# --- lanes that the restored ledger does not have -------------------------------------


def _registered(world: World) -> None:
    with writing(world.ledger) as connection:
        register_lanes(connection, [lane()])


def _held_and_resumed(world: World) -> None:
    known = (world.ledger, world.accounts, lane(), world.clock.now())
    hold(*known, by=BY)
    resume(*known, by=BY)


def _failed_once(world: World) -> None:
    with writing(world.ledger) as connection:
        was = read_lane(connection, lane(), for_update=True)
        write_lane(connection, lane(), replace(was, failures=1))


def _stalled(world: World) -> None:
    with writing(world.ledger) as connection:
        stalled_lanes.mark(connection, {lane(): world.clock.now()})


ROWS: dict[str, Callable[[World], object]] = {
    "no row": lambda _: None,
    "a new row": _registered,
    "a row of an operator": _held_and_resumed,
    "a row of a failure": _failed_once,
    "a row of the stall watchdog": _stalled,
}


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("deadline", [False, True])
@pytest.mark.parametrize("by_engine", [False, True])
def test_an_account_that_nobody_knew_at_the_restore_is_read_first(
    first: World, row: str, deadline: bool, by_engine: bool
) -> None:
    shop, now = Shop(), first.clock.now()
    shop.cancelled.add("sent before")
    reconcile(first.ledger, Accounts({}), now, None, lambda _n: None, by=BY)
    ROWS[row](first)
    before = now + timedelta(hours=1) if deadline else None
    new = [first.new(one, cancel_before=before) for one in ("sent before", "new")]
    if by_engine:
        first.submit(*new)
    else:
        take_in(first.ledger, new)
    work(first, shop)
    assert set(ends(first).values()) == {("cancelled", "confirmed")}
    assert shop.sent == {"new": 1}


def test_every_lane_is_said_to_read_first(first: World) -> None:
    reconciled(first)
    second = lane(1)
    accounts = Accounts({lane(): config(RULES), second: config(RULES)})
    now = first.clock.now()
    with writing(first.ledger) as connection:
        register_lanes(connection, [second])
    views = [
        *lanes(first.ledger, accounts, now),
        one_lane(first.ledger, accounts, lane(), now),
    ]
    assert {one.reads_first_until(now) for one in views} == {now + READ_FIRST_FOR}
