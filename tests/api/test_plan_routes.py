"""Plans through the HTTP API: one, many, and those that a caller may not see."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from pydantic import SecretStr

from rescind.ledger.changes.plan_insertion import NewStep
from rescind.ledger.deliveries.dispatch import claim_deliveries
from rescind.ledger.storage.transactions import writing
from rescind.webhooks.signing import payload
from tests.api.conftest import LISTED, ApiServer, opened, problem, settings_for
from tests.ledger.build import HOUR, NOW, add
from tests.ledger.planned import claimed, finish
from tests.ledger.recorded_plans import plan_of

URL = "https://shop.example.com/ended"
SHOP = "shop-0123456789abcdef"
LIMITED = [*LISTED, f"shop:read@notpanel/default:{SHOP}"]


def schema_of(api: ApiServer, name: str) -> dict[str, Any]:
    document = api.get("/openapi.json", token=None).json()
    return {**document, "$ref": f"#/components/schemas/{name}"}


def test_a_plan_is_shown_as_the_document_says(api: ApiServer) -> None:
    engine = api.context.engine
    parcel, refund = add(engine, order="1"), add(engine, order="2")
    steps = (
        NewStep("parcel", parcel),
        NewStep("refund", refund, ["parcel"], "cancelled"),
    )
    plan = plan_of(engine, *steps, title="Web order", callback_url=URL)
    shown = api.get(f"/v1/plans/{plan}").json()
    assert (shown["verdict"], shown["ended_at"]) == (None, None)
    assert [one["step"] for one in shown["steps"]] == ["parcel", "refund"]
    assert shown["steps"][1]["only_if"] == ["cancelled"]
    # The address may hold a secret.
    assert URL not in str(shown)
    jsonschema_rs.validate(schema_of(api, "PlanDocument"), shown)
    problem(api.get("/v1/plans/unknown"), 404, "not-found")


def test_the_webhook_of_a_plans_end_is_as_the_document_says(api: ApiServer) -> None:
    engine = api.context.engine
    one = add(engine)
    plan_of(engine, one, callback_url=URL)
    finish(engine, claimed(engine, one))
    with writing(engine) as connection:
        [held] = claim_deliveries(connection, "shop.example.com", 5, HOUR, NOW + HOUR)
    document = api.get("/openapi.json", token=None).json()
    body = document["webhooks"]["plan.done"]["post"]["requestBody"]
    schema = {**document, **body["content"]["application/json"]["schema"]}
    sent = json.loads(payload(held))
    assert sent["type"] == "plan.done"
    jsonschema_rs.validate(schema, sent)
    other = document["webhooks"]["plan.partly"]["post"]["requestBody"]
    another = {**document, **other["content"]["application/json"]["schema"]}
    assert not jsonschema_rs.is_valid(another, sent)
    [listed] = api.get("/v1/webhooks").json()["webhooks"]
    assert listed["type"] == "plan.done"


def test_plans_are_listed_in_pages_and_by_filters(api: ApiServer) -> None:
    engine = api.context.engine
    one = add(engine)
    ids = [plan_of(engine, one, key=f"A-{number}") for number in range(3)]
    first = api.get("/v1/plans?limit=2").json()
    jsonschema_rs.validate(schema_of(api, "Plans"), first)
    rest = api.get(f"/v1/plans?limit=2&cursor={first['next']}").json()
    found = [each["id"] for each in (*first["plans"], *rest["plans"])]
    assert (found, rest["next"]) == (ids[::-1], None)
    for query, number in (
        ("plan=web-order", 3),
        ("plan=other", 0),
        ("key=A-1", 1),
        ("plan=web-order&key=A-1", 1),
        ("since=2020-11-20T18:09:00.123Z", 3),
        ("since=2020-11-20T18:09:00.124Z", 0),
    ):
        assert len(api.get(f"/v1/plans?{query}").json()["plans"]) == number, query
    problem(api.get("/v1/plans?since=yesterday"), 422, "invalid-request")
    problem(api.get("/v1/plans?cursor=x"), 422, "invalid-request")


@pytest.fixture
def limited(tmp_path: Path, sqlite_ledger_url: str) -> Iterator[ApiServer]:
    tokens = SecretStr(",".join(LIMITED))
    with opened(settings_for(tmp_path, sqlite_ledger_url, api_tokens=tokens)) as api:
        yield api


def test_a_plan_is_not_there_for_who_may_not_read_all_its_steps(
    limited: ApiServer,
) -> None:
    engine = limited.context.engine
    mine, other = add(engine), add(engine, lane=("notpanel", "second"))
    own = plan_of(engine, mine)
    mixed = plan_of(engine, mine, other, key="2")
    assert limited.get(f"/v1/plans/{own}", token=SHOP).status_code == 200
    problem(limited.get(f"/v1/plans/{mixed}", token=SHOP), 404, "not-found")
    listed = limited.get("/v1/plans", token=SHOP).json()["plans"]
    assert [one["id"] for one in listed] == [own]
