"""Reopening ends of a restored ledger opens their plans, and has their groups' ends
told again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine, func, select

from rescind.config.accounts import Accounts
from rescind.ledger.reading.ended_groups import QUIET
from rescind.ledger.states import State
from rescind.ledger.storage.side_tables import DELIVERY
from rescind.ledger.storage.transactions import reading
from rescind.operations.reconciliation import reconcile
from rescind.provider.outcomes import Reason
from rescind.runtime.group_job import GroupJob
from tests.engine.world import config
from tests.ledger.build import BY, HOUR, LANE, NOW, PLAIN, add, hold, new, row, take_in
from tests.ledger.planned import finish
from tests.ledger.recorded_plans import ended, plan_of

ACCOUNTS = Accounts({LANE: config(PLAIN)})
URL = "https://shop.example.com/ends"
LATER = NOW + QUIET + HOUR


def reopened(engine: Engine) -> int:
    done = reconcile(engine, ACCOUNTS, LATER, NOW - HOUR, lambda _: None, by=BY)
    return done.reopened


def test_a_plan_whose_step_is_read_again_has_not_ended(engine: Engine) -> None:
    one = add(engine, order="1")
    plan = plan_of(engine, one, callback_url=URL)
    finish(engine, hold(engine)[0], State.REJECTED, Reason.REFUSED)
    assert ended(engine, plan)
    assert reopened(engine) == 1
    assert row(engine, one).state == "verifying"
    assert not ended(engine, plan)


def test_the_new_end_of_a_group_is_told_again(engine: Engine) -> None:
    take_in(engine, [new("1", group="nightly", on_group_end=URL)])
    finish(engine, hold(engine)[0], State.REJECTED, Reason.REFUSED)
    _tell_groups(engine, LATER)
    assert _told(engine) == 1
    assert reopened(engine) == 1
    held = hold(engine, State.VERIFYING, now=LATER + HOUR)
    finish(engine, held[0], State.CANCELLED, now=LATER + HOUR)
    _tell_groups(engine, LATER + 2 * HOUR)
    assert _told(engine) == 2


def _told(engine: Engine) -> int:
    chosen = select(func.count()).select_from(DELIVERY)
    with reading(engine) as connection:
        its = chosen.where(DELIVERY.c.kind == "group")
        return int(connection.execute(its).scalar_one())


def _tell_groups(engine: Engine, now: datetime) -> None:
    job = GroupJob(engine, lambda: now)
    # The first run may only drop repeated requests.
    job.run()
    job.run()
