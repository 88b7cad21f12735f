"""Submitting plans by HTTP: whole, refused, repeated, and as a dry run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests

from rescind.config.access_tokens import Token
from rescind.ledger.access_limits import Limit, Limits
from rescind.plans.templates_file import load_templates
from tests.api.conftest import TOKENS, ApiServer, problem
from tests.tasks.conftest import until

PLANS = """
[web-order]
title = "Panel and SMS"
key = "{no}"
[web-order.steps.panel]
provider = "notpanel"
order = "ord_{no}"
[web-order.steps.sms]
provider = "iletimerkezi"
order = "{sms}"
after = ["panel"]
only_if = "any"
optional = true
[broken.steps.a]
provider = "nobody"
"""
WISH: dict[str, Any] = {"plan": "web-order", "input": {"no": "1", "sms": "3"}}


@pytest.fixture(autouse=True)
def _plans(shared_api: ApiServer) -> Iterator[None]:
    """The plans of the shared server, which has none in other tests."""
    path = shared_api.context.settings.accounts.parent / "plans.toml"
    path.write_text(PLANS)
    file = shared_api.context.plans_file
    former, file._file.path = file._file.path, path
    yield
    file._file.path = former
    path.unlink()


def post(api: ApiServer, query: str = "", **more: Any) -> requests.Response:
    return api.post(f"/v1/plans{query}", json={**WISH, **more})


def test_a_plan_is_accepted_after_it_is_in_the_ledger(either: ApiServer) -> None:
    answer = post(either)
    assert answer.status_code == 202, answer.text
    told = answer.json()
    rows = {row.order_id: row.id for row in either.rows()}
    assert told["steps"] == [
        {"step": "panel", "id": rows["ord_1"], "receipt": "accepted", "state": None},
        {"step": "sms", "id": rows["3"], "receipt": "accepted", "state": None},
    ]
    assert answer.headers["Location"] == f"/v1/plans/{told['id']}"
    assert (told["plan"], told["key"], told["left_out"]) == ("web-order", "1", [])
    lanes = [("iletimerkezi", "default"), ("notpanel", "default")]
    until(lambda: sorted(lane for lane, _ in either.notified) == lanes)


def test_a_repeat_is_a_duplicate(api: ApiServer) -> None:
    first, again = post(api).json(), post(api)
    assert again.status_code == 202
    assert (again.json()["receipt"], again.json()["id"]) == ("duplicate", first["id"])
    assert [one["state"] for one in again.json()["steps"]] == ["queued", "scheduled"]
    assert len(api.rows()) == 2


def test_a_wrong_plan_is_refused_with_all_faults_and_not_kept(api: ApiServer) -> None:
    answer = post(api, input={"no": "a b", "sms": "x"})
    told = problem(answer, 422, "invalid-request")
    assert (told["receipt"], told["code"]) == ("refused", "malformed_order")
    assert [(one["step"], one["param"]) for one in told["faults"]] == [
        ("panel", "/input/no"),
        ("sms", "/input/sms"),
    ]
    assert told["detail"] == "; ".join(one["wrong"] for one in told["faults"])
    assert api.rows() == []
    assert api.notified == []


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"plan": "x"}, "unknown_plan"),
        ({"plan": "broken"}, "unknown_plan"),
        ({"plan": None}, "missing"),
        ({"input": {"no": "1", "smss": "1"}}, "unknown_field"),
        ({"input": {}}, "missing"),
        ({"input": 5}, "invalid_value"),
        ({"callback_url": "https://x.example"}, "callback_not_allowed"),
    ],
)
def test_each_refusal_has_a_code(
    api: ApiServer, wish: dict[str, Any], code: str
) -> None:
    assert problem(post(api, **wish), 422, "invalid-request")["code"] == code


def test_a_dry_run_shows_the_entries_and_stores_nothing(api: ApiServer) -> None:
    answer = post(api, "?dry_run=true")
    assert answer.status_code == 200
    told = answer.json()
    assert (told["id"], told["receipt"]) == (None, "accepted")
    assert told["steps"][1]["entry"] == {
        "ref": "sms",
        "provider": "iletimerkezi",
        "order": "3",
        "after": ["panel"],
        "only_if": "any",
    }
    assert api.rows() == []
    assert api.notified == []
    # Its entries are what `POST /v1/cancellations` takes.
    entries = [one["entry"] for one in told["steps"]]
    assert api.submit(*entries).json()["counts"]["accepted"] == 2


def test_the_header_gives_the_key(api: ApiServer) -> None:
    told = api.post("/v1/plans", json=WISH, headers={"Idempotency-Key": "k-1"})
    assert told.json()["key"] == "k-1"


@pytest.mark.parametrize("key", ["token:x", "k-1"])
def test_a_fault_of_the_headers_key_points_to_the_header(
    api: ApiServer, key: str
) -> None:
    given = {"Idempotency-Key": key}
    api.post("/v1/plans", json=WISH, headers=given)
    other = {**WISH, "input": {"no": "2"}}
    told = problem(
        api.post("/v1/plans", json=other, headers=given), 422, "invalid-request"
    )
    assert told["param"] == "/header/Idempotency-Key"
    assert [one["param"] for one in told["faults"]] == ["/header/Idempotency-Key"]
    told = problem(post(api, key=key, input={"no": "2"}), 422, "invalid-request")
    assert told["param"] == "/key"


@pytest.mark.parametrize("body", [[], "x", {"plan": "web-order", "inputs": {}}])
def test_a_body_that_is_no_plan_is_refused(api: ApiServer, body: Any) -> None:
    told = problem(api.post("/v1/plans", json=body), 400, "invalid-request")
    assert told["code"] == "invalid_body"


def test_reading_is_not_enough_to_submit_a_plan(api: ApiServer) -> None:
    answer = api.post("/v1/plans", json=WISH, token=TOKENS["read"])
    problem(answer, 403, "forbidden")


def test_the_list_of_templates_says_what_each_takes(api: ApiServer) -> None:
    answer = api.get("/v1/plan-templates", token=TOKENS["submit"])
    [one] = answer.json()["templates"]
    path = api.context.plans_file._file.path
    assert one == {
        "plan": "web-order",
        "title": "Panel and SMS",
        "version": load_templates(path).plans["web-order"].version,
        "inputs": [
            {"name": "no", "required": True, "steps": ["panel"]},
            {"name": "sms", "required": False, "steps": ["sms"]},
        ],
        "steps": [
            {
                "step": "panel",
                "provider": "notpanel",
                "account": "default",
                "after": [],
                "only_if": [],
                "optional": False,
            },
            {
                "step": "sms",
                "provider": "iletimerkezi",
                "account": "default",
                "after": ["panel"],
                "only_if": ["any"],
                "optional": True,
            },
        ],
    }


def test_a_limited_token_sees_and_submits_only_plans_within_its_limits(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = api.context.access.token

    def limited(shown: str) -> Token | None:
        found = given(shown)
        limits = Limits((Limit("notpanel"),), owner="all")
        return None if found is None else replace(found, limits=limits)

    monkeypatch.setattr(type(api.context.access), "token", lambda _, one: limited(one))
    assert api.get("/v1/plan-templates").json() == {"templates": []}
    told = problem(post(api), 403, "forbidden")
    assert told["code"] == "outside_limits"
    assert told["detail"].endswith("the limits of the token, which are notpanel/*")
    assert api.rows() == []
