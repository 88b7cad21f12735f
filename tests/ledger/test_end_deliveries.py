"""The ends of plans and groups are delivered as the ends of cancellations are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Engine

from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.changes.retries import retry
from rescind.ledger.deliveries.delivery_queries import (
    as_listed,
    delivery_page,
    place_in,
    place_of,
    written,
)
from rescind.ledger.deliveries.retry_policy import Kind
from rescind.ledger.deliveries.store import End, create_end_delivery, resend
from rescind.ledger.states import State
from rescind.ledger.storage.migrate import _config, upgrade
from rescind.ledger.storage.transactions import reading, writing
from rescind.webhooks.signing import payload
from tests.ledger.build import BY, HOUR, NOW, add, change, hold, make, new, row
from tests.ledger.delivering import GONE, deliveries_for, ended, holding, settling

FIRST, SECOND = (f"0191a1ff-0000-7000-8000-00000000000{n}" for n in (1, 2))
PLAN: dict[str, Any] = {"id": FIRST, "verdict": "partly", "steps": [{"step": "é"}]}
GROUP: dict[str, Any] = {"group": "nightly", "total": 1}
OWN = "https://own.example.com/ends?key=secret"


def tell(
    engine: Engine,
    one: str,
    kind: Kind = Kind.PLAN,
    subject: str = FIRST,
    document: dict[str, Any] = PLAN,
) -> bool:
    end = End(subject, one, OWN, document)
    with writing(engine) as connection:
        return create_end_delivery(connection, kind, end, NOW)


def lone(engine: Engine) -> str:
    """A failed cancellation of which nobody is told."""
    one = add(engine)
    [held] = hold(engine)
    make(engine, [change(held, State.FAILED)])
    return one


@pytest.mark.parametrize(
    ("kind", "document", "type_"),
    [(Kind.PLAN, PLAN, "plan.partly"), (Kind.GROUP, GROUP, "group.ended")],
)
def test_the_end_of_a_plan_or_group_goes_to_its_own_address(
    engine: Engine, kind: Kind, document: dict[str, Any], type_: str
) -> None:
    one = lone(engine)
    assert tell(engine, one, kind, document=document)
    [held] = holding(engine, "own.example.com")
    assert (held.kind, held.url, held.type) == (kind, OWN, type_)
    assert held.webhook_id == f"msg_{one}_3_{FIRST}"
    body = json.loads(payload(held))
    assert (body["type"], body["data"]) == (type_, document)
    assert "secret" not in repr(held)
    assert settling(engine, held, GONE) == 1
    with writing(engine) as connection:
        assert resend(connection, one, NOW) == 1
    [again] = holding(engine, "own.example.com")
    assert again.webhook_id == held.webhook_id


def test_one_end_may_complete_several_plans_and_each_is_told_once(
    engine: Engine,
) -> None:
    one = ended(engine)
    assert [tell(engine, one, subject=plan) for plan in (FIRST, SECOND)] == [True] * 2
    assert not tell(engine, one), "it is told already"
    told = [shown["webhook_id"] for shown in deliveries_for(engine, one)]
    assert len(set(told)) == 3
    held = holding(engine, "own.example.com")
    assert {own.subject for own in held} == {FIRST, SECOND}
    assert settling(engine, held[0], GONE) == 1
    states = [shown["state"] for shown in deliveries_for(engine, one)]
    assert sorted(states) == ["given_up", "waiting", "waiting"]


def test_the_end_of_a_retried_step_is_another_end(engine: Engine) -> None:
    one = lone(engine)
    assert tell(engine, one)
    with writing(engine) as connection:
        assert retry(connection, row(engine, one), NOW, NOW + HOUR, by=BY)
    assert not tell(engine, one), "it is open"
    [held] = hold(engine)
    make(engine, [change(held, State.FAILED)])
    assert tell(engine, one)
    assert len(deliveries_for(engine, one)) == 2


def test_an_open_cancellation_ends_no_plan(engine: Engine) -> None:
    with writing(engine) as connection:
        insert_new(connection, [one := new()], NOW)
    assert not tell(engine, one.id)


def test_a_list_names_the_plan_or_group_and_has_a_cursor_for_each(
    engine: Engine,
) -> None:
    one = ended(engine)
    for subject in (FIRST, SECOND):
        tell(engine, one, subject=subject)
    tell(engine, one, Kind.GROUP, document=GROUP)
    with reading(engine) as connection:
        rows = delivery_page(connection, None, 9)
    listed = [as_listed(each) for each in rows]
    assert [(each["kind"], each["plan"], each["group"]) for each in listed] == [
        ("webhook", None, None),
        ("plan", SECOND, None),
        ("plan", FIRST, None),
        ("group", None, "nightly"),
    ]
    assert "secret" not in str(listed)
    for number, each in enumerate(rows):
        place = place_in(None, written(place_of(each, None)))
        with reading(engine) as connection:
            assert delivery_page(connection, None, 9, place) == rows[number + 1 :]


def test_an_older_version_keeps_the_deliveries_that_it_can_send(
    engine: Engine,
) -> None:
    one = ended(engine)
    tell(engine, one)
    [before] = [each for each in deliveries_for(engine, one) if not each["plan"]]
    with writing(engine) as connection:
        command.downgrade(_config(connection), "0021")
    upgrade(engine, lambda _: None)
    assert deliveries_for(engine, one) == [before]
    assert tell(engine, one)
