"""What is kept of a plan that is refused, and whose producer gets no answer."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from rescind.config.callbacks import NO_CALLBACKS
from rescind.ledger.deliveries.delivery_queries import deliveries_of
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading
from rescind.plans.plan_submission import PlanWish
from rescind.plans.refused_plans import keep_refused
from tests.intake.test_submissions import ALLOWED, GOOD_URL, SEAL
from tests.ledger.build import BY, NOW, row
from tests.plans.build_plans import INPUT, TEMPLATES, counts, submit


def keep(engine: Engine, plan: str = "web-order", **changed: Any) -> list[str]:
    given = {**INPUT, **changed}
    wish = PlanWish(plan, given, callback_url=GOOD_URL)
    refused = submit(engine, given, plan=plan)
    known = (engine, SEAL, TEMPLATES, wish, refused, NOW, ALLOWED)
    return keep_refused(*known, by=BY)


def test_each_fault_is_kept_as_a_rejected_cancellation(engine: Engine) -> None:
    first, second = keep(engine, panel=" ", sms="x")
    one = row(engine, first)
    assert (one.state, one.reason) == (State.REJECTED, "invalid_request")
    assert (one.provider, one.account, one.order_id) == ("notpanel", "default", "ord_ ")
    assert one.provider_message.startswith("plan web-order: panel: order must be")
    assert row(engine, second).order_id == "x"
    assert counts(engine) == (0, 2)


def test_a_plan_that_does_not_exist_is_kept_too(engine: Engine) -> None:
    [one] = keep(engine, plan="x")
    assert "plan x: there is no plan 'x'" in row(engine, one).provider_message
    assert row(engine, one).provider == "unknown"


def test_a_step_without_its_value_is_kept(engine: Engine) -> None:
    [one] = keep(engine, panel=None)
    assert (row(engine, one).provider, row(engine, one).order_id) == ("notpanel", "")


def test_the_refusal_is_told_to_the_address_of_the_plan(engine: Engine) -> None:
    [one] = keep(engine, plan="x")
    with reading(engine) as connection:
        [told] = deliveries_of(connection, one)
    assert (told["kind"], told["type"]) == ("webhook", "cancellation.rejected")


def test_a_refusal_that_comes_again_is_kept_once(engine: Engine) -> None:
    assert keep(engine, sms="x") == keep(engine, sms="x")
    assert keep(engine, sms="y") != keep(engine, sms="x")


def test_without_an_allowed_address_nothing_is_told(engine: Engine) -> None:
    wish = PlanWish("x", {}, callback_url=5)
    refused = submit(engine, {}, plan="x")
    known = (engine, SEAL, TEMPLATES, wish, refused, NOW, NO_CALLBACKS)
    [one] = keep_refused(*known, by=BY)
    assert row(engine, one).callback_url is None
