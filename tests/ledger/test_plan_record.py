"""A plan's own record: when it ends, when it begins again, and what becomes of it."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine, select, text

from rescind.ledger.changes.deletion import count_ended, delete_ended
from rescind.ledger.changes.plan_completion import complete
from rescind.ledger.changes.plan_insertion import (
    NewPlan,
    NewStep,
    StepGoneError,
    insert_plan,
    plan_with_key,
)
from rescind.ledger.changes.recording import new_id
from rescind.ledger.changes.retries import retry
from rescind.ledger.plan_outcome import verdict_of
from rescind.ledger.progress import Claimed
from rescind.ledger.reading.plans import plan_document
from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.plan_tables import PLAN, PLAN_STEP
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import open_ledger, reading, writing
from rescind.provider.outcomes import Reason
from tests.ledger.build import BY, HOUR, NOW, PLAIN, SECOND, add, hold, row
from tests.ledger.delivering import URL
from tests.ledger.planned import after, claimed, finish, retried
from tests.ledger.plans import plans, statements
from tests.ledger.recorded_plans import ended, plan_of, plan_row, told

C = CANCELLATION.c
LATER = NOW + HOUR
NO = State.REJECTED


# --- the verdict ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ends", "verdict"),
    [
        (["cancelled/confirmed"], "done"),
        (["cancelled/confirmed", "cancelled/inferred"], "done"),
        (["cancelled/confirmed", "withdrawn/not_wanted"], "done"),
        (["cancelled/partial"], "partly"),
        (["cancelled/confirmed", "withdrawn/requested"], "partly"),
        (["cancelled/confirmed", "rejected/refused"], "partly"),
        (["cancelled/confirmed", "expired/deadline_passed"], "partly"),
        (["rejected/refused", "withdrawn/not_wanted"], "not_done"),
        (["withdrawn/not_wanted"], "not_done"),
        (["expired/deadline_passed"], "not_done"),
        (["cancelled/confirmed", "failed/unresolved"], "unknown"),
        (["cancelled/confirmed", ""], "unknown"),
        (["cancelled/confirmed", "queued"], None),
        (["failed/unresolved", "scheduled"], None),
    ],
)
def test_the_verdict_of_the_steps(ends: list[str], verdict: str | None) -> None:
    split = [end.partition("/") for end in ends]
    steps = [(state or None, reason or None) for state, _, reason in split]
    assert verdict_of(steps) == verdict


# --- inserting ------------------------------------------------------------------------


def test_a_plan_is_open_while_one_of_its_steps_is(engine: Engine) -> None:
    first, second = add(engine, order="1"), add(engine, order="2")
    plan = plan_of(engine, first, second)
    held = {one.id: one for one in hold(engine)}
    finish(engine, held[first])
    assert not ended(engine, plan)
    finish(engine, held[second], now=LATER)
    assert plan_row(engine, plan).ended_at == in_ms(LATER)


def test_a_plan_of_which_all_steps_have_ended_is_complete_at_once(
    engine: Engine,
) -> None:
    over = plan_of(engine, add(engine, State.CANCELLED, order="1"))
    is_open = plan_of(
        engine, add(engine, State.FAILED, order="2"), add(engine, order="3"), key="2"
    )
    assert (ended(engine, over), ended(engine, is_open)) == (True, False)


def test_a_second_plan_of_a_name_and_key_changes_nothing(engine: Engine) -> None:
    one = add(engine)
    plan = plan_of(engine, one)
    again = NewPlan(new_id(), "web-order", "1", "another", BY)
    with writing(engine) as connection:
        assert not insert_plan(connection, again, [NewStep("b", one)], NOW)
        found = plan_with_key(connection, "web-order", "1")
        assert found is not None
        assert (found.id, found.version) == (plan, "0123456789ab")
        assert len(connection.execute(select(PLAN_STEP)).all()) == 1


def test_a_step_that_is_not_in_the_ledger_is_an_error(engine: Engine) -> None:
    plan = NewPlan(new_id(), "web-order", "1", "0123456789ab", BY)
    with pytest.raises(StepGoneError, match="gone"), writing(engine) as connection:
        insert_plan(connection, plan, [NewStep("a", "gone")], NOW)
    with reading(engine) as connection:
        assert connection.execute(select(PLAN)).all() == []


# --- ends, and what begins again ------------------------------------------------------


def test_what_follows_the_last_end_completes_the_plan_with_it(engine: Engine) -> None:
    first = add(engine)
    one = after(engine, first, order="a")
    two = after(engine, one, order="b")
    plan = plan_of(engine, first, one, two)
    finish(engine, claimed(engine, first), NO, Reason.REFUSED)
    assert row(engine, two).reason == Reason.NOT_WANTED
    assert ended(engine, plan)


def test_a_retry_of_a_step_opens_its_plan_until_it_ends_again(engine: Engine) -> None:
    first = add(engine)
    one = after(engine, first, order="a")
    plan = plan_of(engine, first, one)
    finish(engine, claimed(engine, first), NO, Reason.REFUSED)
    retried(engine, first)
    assert not ended(engine, plan)
    # This end reopens what was not wanted, in the same transaction.
    finish(engine, claimed(engine, first))
    assert not ended(engine, plan)
    finish(engine, claimed(engine, one), now=LATER)
    assert plan_row(engine, plan).ended_at == in_ms(LATER)


def test_a_retry_that_read_its_row_before_the_plan_came_opens_the_plan(
    engine: Engine,
) -> None:
    one = add(engine, State.FAILED)
    was = row(engine, one)
    plan = plan_of(engine, one)
    with writing(engine) as connection:
        assert retry(connection, was, NOW, policy=PLAIN, by=BY)
    assert not ended(engine, plan)


def test_a_cancellation_may_be_a_step_of_several_plans(engine: Engine) -> None:
    shared, own = add(engine, order="1"), add(engine, order="2")
    first, second = plan_of(engine, shared), plan_of(engine, shared, own, key="2")
    held = {one.id: one for one in hold(engine)}
    finish(engine, held[shared])
    assert (ended(engine, first), ended(engine, second)) == (True, False)
    finish(engine, held[own])
    assert ended(engine, second)


# --- the end is told ------------------------------------------------------------------


def test_the_end_of_a_plan_is_told_with_the_end_of_its_last_step(
    engine: Engine,
) -> None:
    first = add(engine, order="1", key="token:shop:k")
    two = after(engine, first, order="2")
    steps = (NewStep("parcel", first), NewStep("refund", two, ["parcel"], "cancelled"))
    own: dict[str, Any] = {"title": "Web order", "callback_url": URL}
    plan = plan_of(engine, *steps, key="token:shop:A-1", **own)
    recorded = finish(engine, claimed(engine, first), NO, Reason.REFUSED)
    assert recorded.to_deliver == 1
    # The step before it ended in the same transaction.
    [one] = told(engine, plan)
    assert one.cancellation_id == two
    assert (one.url, one.target) == (URL, "shop.example.com")
    with reading(engine) as connection:
        shown = plan_document(connection, plan)
    assert shown is not None
    # Neither names of ours, nor the name of its producer's token.
    assert shown.pop("by") == BY
    shown["key"], shown["steps"][0]["key"] = "A-1", "k"
    assert one.document == shown
    assert one.document["verdict"] == "not_done"


def test_each_completion_is_told_once_with_what_was_true_then(engine: Engine) -> None:
    first, other = add(engine, order="1"), add(engine, order="2")
    plan = plan_of(engine, first, other, callback_url=URL)
    held = {one.id: one for one in hold(engine)}
    finish(engine, held[first])
    assert told(engine, plan) == []
    finish(engine, held[other], State.FAILED, Reason.UNRESOLVED)
    retried(engine, other)
    assert len(told(engine, plan)) == 1
    finish(engine, claimed(engine, other))
    verdicts = [one.document["verdict"] for one in told(engine, plan)]
    assert verdicts == ["unknown", "done"]


def test_a_plan_that_has_ended_when_it_is_submitted_is_told_at_once(
    engine: Engine,
) -> None:
    ids = [add(engine, State.CANCELLED, order=str(number)) for number in range(2)]
    [one] = told(engine, plan_of(engine, *ids, callback_url=URL))
    assert one.document["verdict"] == "done"


def test_one_end_that_completes_two_plans_is_told_for_each(engine: Engine) -> None:
    one = add(engine)
    both = [plan_of(engine, one, key=key, callback_url=URL) for key in "ab"]
    assert finish(engine, claimed(engine, one)).to_deliver == 2
    assert [len(told(engine, plan)) for plan in both] == [1, 1]


def test_a_plan_without_a_callback_is_not_told(engine: Engine) -> None:
    one = add(engine)
    plan = plan_of(engine, one)
    assert finish(engine, claimed(engine, one)).to_deliver == 0
    assert told(engine, plan) == []


# --- two at once, and what does not pay -----------------------------------------------


def test_two_workers_that_end_the_last_two_steps_complete_the_plan_once(
    ledger_url: str,
) -> None:
    engine = open_ledger(ledger_url)
    for number in range(6):
        lanes = [("notpanel", f"{number}{side}") for side in "ab"]
        both = [add(engine, order=f"{number}", lane=lane) for lane in lanes]
        plan = plan_of(engine, *both, key=str(number), callback_url=URL)
        held = [claimed(engine, *each) for each in zip(both, lanes, strict=True)]
        together = threading.Barrier(2)

        def end(its: Claimed, lane: tuple[str, str]) -> None:
            together.wait()  # noqa: B023  (joined within the loop)
            finish(engine, its, lane=lane)

        threads = [
            threading.Thread(target=end, args=each)
            for each in zip(held, lanes, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ended(engine, plan)
        assert len(told(engine, plan)) == 1
    engine.dispose()


def test_a_plan_is_open_after_a_retry_at_the_moment_of_its_end(ledger_url: str) -> None:
    engine = open_ledger(ledger_url)
    for number in range(4):
        lane = ("notpanel", f"{number}")
        failed = add(engine, State.FAILED, order=f"{number}")
        last = add(engine, order=f"last {number}", lane=lane)
        plan = plan_of(engine, failed, last, key=str(number), callback_url=URL)
        held, together = claimed(engine, last, lane), threading.Barrier(2)

        def end(its: Claimed, lane: tuple[str, str]) -> None:
            together.wait()  # noqa: B023  (joined within the loop)
            finish(engine, its, lane=lane)

        ending = threading.Thread(target=end, args=(held, lane))
        ending.start()
        together.wait()
        assert retried(engine, failed)
        ending.join()
        # Either the end came first and was told as it was, or it was not the end.
        assert not ended(engine, plan)
        verdicts = [one.document["verdict"] for one in told(engine, plan)]
        assert verdicts in ([], ["unknown"])
    engine.dispose()


def test_an_end_holds_no_plan_while_it_waits_for_another_cancellation(
    postgres_ledger_url: str,
) -> None:
    engine = open_ledger(postgres_ledger_url)
    first = add(engine)
    one, two = (after(engine, first, order=each) for each in "ab")
    third = after(engine, two, order="c", only_if="any")
    plan = plan_of(engine, one, third)
    finish(engine, claimed(engine, first), NO, Reason.REFUSED)
    retried(engine, first)
    held = claimed(engine, first)
    ending = threading.Thread(target=finish, args=(engine, held))
    with writing(engine) as other:
        other.execute(select(C.id).where(C.id == third).with_for_update())
        ending.start()
        # It reopens the first one, and waits for the lock of the third.
        while ending.is_alive() and not _blocked(engine):
            pass
        mine = select(PLAN).where(PLAN.c.id == plan).with_for_update(nowait=True)
        assert other.execute(mine).one()
    ending.join()
    assert {row(engine, each).state for each in (one, two)} == {State.QUEUED}
    engine.dispose()


def _blocked(engine: Engine) -> bool:
    with reading(engine) as connection:
        waits = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(connection.execute(waits).scalar_one())


def test_cancellations_without_a_plan_need_no_statement_more(engine: Engine) -> None:
    held = claimed(engine, add(engine))
    with statements(engine) as seen:
        finish(engine, held)
    assert not any("plan" in each for each in seen)


def test_the_plans_of_what_ended_are_found_by_indexes(engine: Engine) -> None:
    steps = [add(engine, order=str(number)) for number in range(3)]
    plan_of(engine, *steps)
    with writing(engine) as connection, plans(connection, ("plan",)) as found:
        complete(connection, steps[:1], NOW)
    assert "ix_plan_step_cancellation" in found[0]
    for table in ("plan", "plan_step", "cancellation"):
        assert not any(f"Seq Scan on {table} " in plan for plan in found)
        assert not any(f"SCAN {table} " in f"{plan} " for plan in found)


# --- retention ------------------------------------------------------------------------


def test_a_plan_and_its_steps_are_deleted_together(engine: Engine) -> None:
    old, young = add(engine, order="1"), add(engine, order="2")
    plan = plan_of(engine, old, young)
    held = {one.id: one for one in hold(engine)}
    before = in_ms(NOW + SECOND)

    def delete(*ids: str) -> int:
        with writing(engine) as connection:
            return delete_ended(connection, ids, before)

    finish(engine, held[old])
    # Kept while another step is open.
    assert (delete(old), countable(engine, NOW + SECOND)) == (0, 0)
    finish(engine, held[young])
    assert countable(engine, NOW + SECOND) == 2
    # One page of retention may hold only some of the steps: the plan goes with the
    # first of them, since no verdict of the rest would be true of all.
    assert delete(old) == 1
    with reading(engine) as connection:
        assert plan_document(connection, plan) is None
        assert connection.execute(select(PLAN_STEP)).all() == []
    assert delete(young) == 1


def test_a_step_is_kept_while_another_step_of_its_plan_is_younger(
    engine: Engine,
) -> None:
    old = add(engine, State.CANCELLED, order="1")
    young = add(engine, State.CANCELLED, order="2", finished_at=LATER)
    plan_of(engine, old, young)
    alone = add(engine, State.CANCELLED, order="3")
    assert countable(engine, LATER) == 1
    with writing(engine) as connection:
        assert delete_ended(connection, [old, alone], in_ms(LATER)) == 1
    assert row(engine, old).state == State.CANCELLED


def countable(engine: Engine, before: datetime) -> int:
    with reading(engine) as connection:
        return count_ended(connection, before)
