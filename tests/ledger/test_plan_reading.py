"""Plans as users get them: their steps, their verdict, and who may see them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from rescind.ledger.access_limits import EVERYTHING, Limit, Limits
from rescind.ledger.changes.plan_insertion import NewStep
from rescind.ledger.id_times import CLOCKS_DIFFER, first_id
from rescind.ledger.reading import plans as reading_plans
from rescind.ledger.reading.plans import (
    PlanFilter,
    PlanPage,
    plan_document,
    plan_page,
    plans_of,
)
from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.transactions import reading
from rescind.provider.outcomes import Reason
from tests.ledger.build import BY, HOUR, NOW, add
from tests.ledger.planned import after, claimed, finish
from tests.ledger.plans import plans
from tests.ledger.recorded_plans import plan_of

WANTED = "cancelled/confirmed rejected"
OF_NOTPANEL = Limits((Limit("notpanel"),), "shop")


def page(
    engine: Engine, limit: int = 10, before: str | None = None, **wanted: object
) -> PlanPage:
    with reading(engine) as connection:
        chosen = PlanFilter(**wanted)  # type: ignore[arg-type]
        return plan_page(connection, chosen, limit, before)


def listed(engine: Engine, **wanted: object) -> list[str]:
    return [one["id"] for one in page(engine, **wanted).plans]  # type: ignore[arg-type]


def test_a_plan_is_shown_with_its_steps_as_they_are_now(engine: Engine) -> None:
    parcel = add(engine, order="1")
    refund = after(engine, parcel, order="2", only_if=WANTED)
    plan = plan_of(
        engine,
        NewStep("parcel", parcel),
        NewStep("refund", refund, ["parcel"], WANTED),
        title="Web order",
        key="A-1",
    )
    with reading(engine) as connection:
        found = plan_document(connection, plan)
    assert found is not None
    first, second = found.pop("steps")
    assert found == {
        "id": plan,
        "plan": "web-order",
        "title": "Web order",
        "key": "A-1",
        "version": "0123456789ab",
        "verdict": None,
        "created_at": "2020-11-20T18:09:00.123Z",
        "ended_at": None,
        "by": BY,
    }
    assert first == {
        "step": "parcel",
        "after": [],
        "only_if": [],
        "id": parcel,
        "provider": "notpanel",
        "account": "default",
        "order": "1",
        "key": "1",
        "state": "queued",
        "reason": None,
        "provider_code": None,
        "provider_message": None,
        "attempts": 0,
        "finished_at": None,
    }
    assert second["after"] == ["parcel"]
    assert second["only_if"] == ["cancelled/confirmed", "rejected"]
    finish(engine, claimed(engine, parcel), State.REJECTED, Reason.REFUSED)
    finish(engine, claimed(engine, refund))
    with reading(engine) as connection:
        [found] = plans_of(connection, refund, 20)
    assert (found["id"], found["verdict"]) == (plan, "partly")
    assert found["ended_at"] is not None
    assert [one["state"] for one in found["steps"]] == ["rejected", "cancelled"]


def test_plans_are_listed_the_newest_first_in_pages(engine: Engine) -> None:
    one = add(engine)
    ids = [plan_of(engine, one, key=str(number)) for number in range(5)]
    first = page(engine, 2)
    second = page(engine, 2, first.next)
    last = page(engine, 2, second.next)
    found = [each["id"] for some in (first, second, last) for each in some.plans]
    assert found == ids[::-1]
    assert last.next is None
    assert page(engine, 5).next is None
    with reading(engine) as connection:
        newest = [each["id"] for each in plans_of(connection, one, 2)]
    assert newest == found[:2]


def test_plans_are_found_by_their_name_key_and_time(engine: Engine) -> None:
    one = add(engine)
    old = plan_of(engine, one, key="a", now=NOW - HOUR)
    new = plan_of(engine, one, key="b")
    assert listed(engine, name="web-order") == [new, old]
    assert listed(engine, name="other") == []
    assert listed(engine, key="a") == [old]
    assert listed(engine, since=in_ms(NOW)) == [new]
    assert listed(engine, since=in_ms(NOW + timedelta(milliseconds=1))) == []


def test_plans_submitted_long_before_are_not_read_for_their_time(
    engine: Engine,
) -> None:
    one = plan_of(engine, add(engine))
    at = int(one.replace("-", "")[:12], 16)
    assert first_id(at) <= one < first_id(at + 1)
    since = at + CLOCKS_DIFFER
    with reading(engine) as connection, plans(connection, ("FROM plan",)) as found:
        plan_page(connection, PlanFilter(since=since), 1)
    for plan in found:
        assert "SCAN plan\n" not in f"{plan}\n"
        assert "Seq Scan on plan " not in plan


def test_a_plan_is_visible_to_who_may_read_all_its_steps(engine: Engine) -> None:
    mine, other = add(engine), add(engine, lane=("akinon", "default"))
    own = plan_of(engine, mine)
    mixed = plan_of(engine, mine, other, key="2")
    with reading(engine) as connection:
        for limits, seen in ((OF_NOTPANEL, [own]), (EVERYTHING, [mixed, own])):
            assert [one["id"] for one in plans_of(connection, mine, 20, limits)] == seen
            found = plan_page(connection, PlanFilter(within=limits), 10)
            assert [one["id"] for one in found.plans] == seen
        assert plan_document(connection, mixed, OF_NOTPANEL) is None
        assert plan_document(connection, own, Limits()) is None
        assert plan_document(connection, "unknown") is None


def test_a_limited_caller_sees_and_asks_for_its_keys_without_their_owner(
    engine: Engine,
) -> None:
    plan = plan_of(engine, add(engine), key=OF_NOTPANEL.stored_key("A-1"))
    [found] = page(engine, key="A-1", within=OF_NOTPANEL).plans
    assert (found["id"], found["key"]) == (plan, "A-1")
    assert listed(engine, key="A-1") == []


def test_a_page_of_a_limited_caller_may_be_empty_and_lead_on(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading_plans, "LOOKED_THROUGH", 3)
    mine, other = add(engine), add(engine, lane=("akinon", "default"))
    own = plan_of(engine, mine, key="own")
    for number in range(4):
        plan_of(engine, other, key=f"{number}")
    first = page(engine, 1, within=OF_NOTPANEL)
    assert (first.plans, first.next is None) == ([], False)
    second = page(engine, 1, first.next, within=OF_NOTPANEL)
    assert [one["id"] for one in second.plans] == [own]
    assert second.next is None
