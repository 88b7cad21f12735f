"""Each refusal has a code and a pointer that programs can read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rescind.api.problem_codes import CODES, ProblemCode, code_of
from rescind.api.problem_details import TITLES
from rescind.provider.refusal_codes import RefusalCode
from tests.api.conftest import ApiServer, problem

GOOD = {"provider": "notpanel", "order": "ord_1"}
UUID = "6fa459ea-ee8a-3ca4-894e-db77e160355e"


@pytest.mark.parametrize(
    ("entry", "code", "param"),
    [
        ({}, "missing", "/provider"),
        ({"provider": "notpanel"}, "missing", "/order"),
        ({**GOOD, "provider": "x"}, "unknown_provider", "/provider"),
        ({**GOOD, "order": "?"}, "malformed_order", "/order"),
        ({**GOOD, "account": "third"}, "unknown_account", "/account"),
        ({**GOOD, "account": 7}, "invalid_value", "/account"),
        ({**GOOD, "group": ""}, "invalid_value", "/group"),
        ({**GOOD, "key": "refused:1"}, "reserved_key", "/key"),
        ({**GOOD, "ordr": "1"}, "unknown_field", "/ordr"),
        ({**GOOD, "TR33 0006": "1"}, "unknown_field", ""),
        ({**GOOD, "metadata": {"a": "x" * 20_000}}, "too_large", "/metadata"),
        ({**GOOD, "not_before": "soon"}, "invalid_value", "/not_before"),
        ({**GOOD, "callback_task": "a.b"}, "callback_not_allowed", "/callback_task"),
        (
            {**GOOD, "callback_url": "https://x.y/"},
            "callback_not_allowed",
            "/callback_url",
        ),
        ({"provider": "dukkango", "order": UUID}, "missing", "/params/reason_id"),
        (
            {"provider": "dukkango", "order": UUID, "params": {"reason_id": 99}},
            "invalid_value",
            "/params/reason_id",
        ),
        ({**GOOD, "params": {"a": 1}}, "unknown_field", "/params/a"),
        (
            {
                "provider": "akinon",
                "order": "7",
                "params": {"is_all": True, "reasons": {"1": "x"}},
            },
            "invalid_value",
            "/params/reasons/1",
        ),
    ],
)
def test_a_refusal_has_a_code_and_points_to_its_fault(
    api: ApiServer, entry: dict[str, Any], code: str, param: str
) -> None:
    told = problem(api.submit(entry), 422, "invalid-request")
    assert (told["code"], told["param"]) == (code, param)
    _, second, _ = api.submit(GOOD, entry, GOOD).json()["cancellations"]
    assert (second["code"], second["param"]) == (code, f"/cancellations/1{param}")
    assert second["wrong"] == told["detail"]
    assert code in set(RefusalCode)


def test_a_key_conflict_and_a_malformed_order_differ(api: ApiServer) -> None:
    api.submit({**GOOD, "key": "k"})
    other = {**GOOD, "order": "ord_2"}
    told = problem(api.submit({**other, "key": "k"}), 422, "invalid-request")
    assert (told["code"], told["param"]) == ("key_conflict", "/key")
    by_header = api.submit(other, headers={"Idempotency-Key": "k"})
    told = problem(by_header, 422, "invalid-request")
    assert (told["code"], told["param"]) == (
        "key_conflict",
        "/header/Idempotency-Key",
    )
    # Asked again, the same refusal says the same.
    many = api.submit({**other, "key": "k"}, GOOD).json()["cancellations"]
    assert many[0]["code"] == "key_conflict"


def test_every_kind_of_problem_has_a_code_of_the_vocabulary() -> None:
    assert {code_of(slug) for slug in TITLES} <= set(ProblemCode)
    assert len(set(CODES)) == len(CODES)
    guide = (Path(__file__).parents[2] / "docs" / "http.md").read_text()
    assert [code for code in CODES if f"| `{code}` |" not in guide] == []


@pytest.mark.parametrize(
    ("method", "path", "more", "status", "code", "param"),
    [
        ("POST", "/v1/cancellations", {"data": "{"}, 400, "invalid_json", None),
        ("POST", "/v1/cancellations", {"json": 7}, 400, "invalid_body", ""),
        (
            "POST",
            "/v1/cancellations",
            {"json": {"cancellations": 7}},
            400,
            "invalid_body",
            "/cancellations",
        ),
        (
            "GET",
            "/v1/cancellations?limit=0",
            {},
            422,
            "invalid_parameter",
            "/query/limit",
        ),
        (
            "GET",
            "/v1/cancellations?cursor=x",
            {},
            422,
            "invalid_parameter",
            "/query/cursor",
        ),
        (
            "GET",
            "/v1/cancellations?updated_since=x",
            {},
            422,
            "invalid_parameter",
            "/query/updated_since",
        ),
        ("GET", "/v1/lanes?exakt=true", {}, 400, "unknown_parameter", "/query/exakt"),
        ("GET", "/readyz?a=1&b=2", {}, 400, "unknown_parameter", "/query/a"),
        ("GET", "/errors/conflict?x=1", {}, 400, "unknown_parameter", "/query/x"),
        ("GET", "/openapi.json?x=1", {}, 400, "unknown_parameter", "/query/x"),
        (
            "POST",
            "/v1/lanes/notpanel/default/hold?x=1",
            {},
            400,
            "unknown_parameter",
            "/query/x",
        ),
        (
            "GET",
            "/v1/cancellations?provider=ithink&provider=notpanel",
            {},
            422,
            "invalid_parameter",
            "/query/provider",
        ),
        (
            "GET",
            "/v1/lanes?exact=true&exact=true",
            {},
            422,
            "invalid_parameter",
            "/query/exact",
        ),
        ("GET", "/v1/nothing", {}, 404, "not_found", None),
    ],
)
def test_a_wrong_request_has_a_code_too(
    api: ApiServer,
    method: str,
    path: str,
    more: Any,
    status: int,
    code: str,
    param: str,
) -> None:
    if "data" in more:
        more = {**more, "headers": {"Content-Type": "application/json"}}
    told = problem(
        api.ask(method, path, **more),
        status,
        "not-found" if status == 404 else "invalid-request",
    )
    assert (told["code"], told["param"]) == (code, param)


def test_an_unknown_parameter_is_told_only_to_callers_with_a_token(
    api: ApiServer,
) -> None:
    problem(api.get("/v1/lanes?x=1", token=None), 401, "unauthorized")
