"""The answers conform to the OpenAPI document: schemathesis sends the requests."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from limits import parse
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS as CHECKS_OF_ALL
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.specs.openapi.checks import negative_data_rejection

from providers.registry import PROVIDERS
from rescind.api import wrong_tokens
from rescind.config.callback_urls import host_patterns
from rescind.config.callbacks import Callbacks
from rescind.config.webhook_secrets import WebhookSecrets
from rescind.intake.validation import FIELDS
from rescind.ledger.plan_outcome import PlanVerdict
from rescind.ledger.reading.group_summary import GroupSummary
from rescind.ledger.states import FINAL, State
from rescind.webhooks.sample_event import TYPE, send_test_event
from tests.api.conftest import EVERYTHING, ApiServer
from tests.receivers import receiving

load_all_checks()
STATEFUL = {"use_after_free", "ensure_resource_availability"}
"""Checks of several requests, which `schemathesis run` makes: see docs/http.md."""
CHECKS = [one for one in CHECKS_OF_ALL.get_all() if one.__name__ not in STATEFUL]


EXAMPLES = settings(
    max_examples=8,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_every_answer_conforms_to_the_document(
    api: ApiServer, mode: GenerationMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The check of wrong tokens sends more of them than one address may.
    monkeypatch.setattr(wrong_tokens, "FAILURES", parse("1000000/second"))
    schema = schemathesis.openapi.from_url(f"{api.url}/openapi.json")
    found: list[Any] = list(schema.get_all_operations())
    operations = [one.ok() for one in found]
    assert len(operations) > 10
    for operation in operations:
        # A path part that may be any text has no wrong value.
        if mode is GenerationMode.POSITIVE or operation.query or operation.body:
            cases = operation.as_strategy(generation_mode=mode)
            EXAMPLES(given(case=cases)(ask))()


def test_no_two_schemas_of_the_document_have_the_same_name(api: ApiServer) -> None:
    """Clients are generated with these names. FastAPI adds a suffix to such a name."""
    schemas = api.get("/openapi.json", token=None).json()["components"]["schemas"]
    assert [name for name in schemas if not name.isalnum()] == []


def ask(case: Any) -> None:
    # Neither Redis nor a worker runs.
    away = case.path in ("/healthz", "/metrics")
    checks = [one for one in CHECKS if not (away and one is not_a_server_error)]
    headers = {"Authorization": f"Bearer {EVERYTHING}"}
    answer = case.call(headers=headers)
    if set(case.query or ()) - _query_of(answer.request.url).keys():
        # A wrong value such as [] is not written: the request may be right without it.
        checks = [one for one in checks if one is not negative_data_rejection]
    case.validate_response(answer, checks=checks, headers=headers)
    assert answer.status_code < 500 or (away and answer.status_code == 503)


def _query_of(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query, keep_blank_values=True)


@pytest.mark.parametrize("value", [None, True, 7, "x", [], {}])
def test_each_body_of_a_wrong_type_is_refused_as_the_document_says(
    api: ApiServer, value: object
) -> None:
    document = api.get("/openapi.json", token=None).json()
    known = api.submit(NOTPANEL).json()["id"]
    api.ask("DELETE", f"/v1/cancellations/{known}")
    named = {"id": known, "provider": "notpanel", "account": "default"}
    found = [
        (path.format(**named), method, operation["requestBody"])
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        # An event of a provider has a body of its provider's own.
        if "requestBody" in operation and "events" not in path
    ]
    assert len(found) > 1
    for path, method, body in found:
        schema = {**document, **body["content"]["application/json"]["schema"]}
        answer = api.ask(method, path, data=json.dumps(value), headers=JSON)
        assert (answer.status_code < 400) is jsonschema_rs.is_valid(schema, value)


# --- the schema of a cancellation -----------------------------------------------------

JSON = {"Content-Type": "application/json"}
NOTPANEL = {"provider": "notpanel", "order": "ord_1"}
DUKKANGO = {
    "provider": "dukkango",
    "order": "6fa459ea-ee8a-3ca4-894e-db77e160355e",
    "params": {"reason_id": 4},
}
AKINON = {
    "provider": "akinon",
    "order": "7",
    "params": {"is_all": True, "reasons": {"1": 2}, "ibans": {"1": "TR33"}},
}
WHOLE = {
    "account": "second",
    "params": {},
    "key": "k",
    "not_before": "+1h",
    "cancel_before": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
    "group": "g",
    "metadata": {"shop": 1},
}
NOTHING = dict.fromkeys(WHOLE, None)


@pytest.mark.parametrize(
    ("entry", "good"),
    [
        (NOTPANEL, True),
        (NOTPANEL | WHOLE, True),
        (NOTPANEL | NOTHING, True),
        (DUKKANGO, True),
        (AKINON, True),
        ({"provider": "nobody", "order": "1"}, False),
        ({"provider": "notpanel"}, False),
        (NOTPANEL | {"order": "x y"}, False),
        (NOTPANEL | {"account": "a/b"}, False),
        (NOTPANEL | {"key": "x" * 201}, False),
        (NOTPANEL | {"group": ""}, False),
        (NOTPANEL | {"metadata": []}, False),
        (NOTPANEL | {"else": 1}, False),
        (NOTPANEL | {"params": {"reason_id": 4}}, False),
        (DUKKANGO | {"params": {}}, False),
        (DUKKANGO | {"params": {"reason_id": 9}}, False),
        (DUKKANGO | {"params": None}, False),
        (AKINON | {"params": {"is_all": True}}, False),
    ],
)
def test_the_document_and_the_validation_agree_on_cancellations(
    api: ApiServer, entry: dict[str, Any], good: bool
) -> None:
    document = api.get("/openapi.json", token=None).json()
    schema = {**document, "$ref": "#/components/schemas/Cancellation"}
    assert jsonschema_rs.is_valid(schema, entry) is good
    assert api.submit(entry).status_code == (202 if good else 422)


def test_the_document_describes_every_webhook(api: ApiServer) -> None:
    document = api.get("/openapi.json", token=None).json()
    assert document["openapi"].startswith("3.1")
    verdicts = {f"plan.{verdict}" for verdict in PlanVerdict}
    ends = {f"cancellation.{state}" for state in FINAL}
    others = {"group.ended", TYPE}
    assert set(document["webhooks"]) == verdicts | ends | others
    record = dict.fromkeys(document["components"]["schemas"]["Record"]["properties"])
    whole: dict[str, Any] = {
        **record,
        "id": "1",
        "provider": "notpanel",
        "account": "default",
        "order": "o",
        "key": "o",
        "params": {},
        "metadata": {},
        "attempts": 1,
        "polls": 0,
        "state": "cancelled",
        "reason": "confirmed",
        "created_at": "2026-11-20T18:09:00.123Z",
        "updated_at": "2026-11-20T18:09:00.123Z",
    }
    sent = {
        "type": "cancellation.cancelled",
        "timestamp": "2026-11-20T18:09:00.123Z",
        "data": whole,
    }
    body = document["webhooks"]["cancellation.cancelled"]["post"]["requestBody"]
    schema = {**document, **body["content"]["application/json"]["schema"]}
    assert jsonschema_rs.is_valid(schema, sent)
    assert not jsonschema_rs.is_valid(schema, {**sent, "type": "cancellation.failed"})


def test_the_document_describes_what_is_told_of_a_group(api: ApiServer) -> None:
    document = api.get("/openapi.json", token=None).json()
    body = document["webhooks"]["group.ended"]["post"]["requestBody"]
    schema = {**document, **body["content"]["application/json"]["schema"]}
    counts = {(State.CANCELLED, "confirmed"): 2}
    whole = GroupSummary("g", counts, 1, 1, 1).document()
    sent = {"type": "group.ended", "timestamp": "2026-11-20T18:09:00.123Z"}
    assert jsonschema_rs.is_valid(schema, {**sent, "data": whole})
    assert not jsonschema_rs.is_valid(schema, {**sent, "data": {"group": "g"}})


def test_the_document_describes_the_test_of_a_receiver(api: ApiServer) -> None:
    document = api.get("/openapi.json", token=None).json()
    body = document["webhooks"][TYPE]["post"]["requestBody"]
    schema = {**document, **body["content"]["application/json"]["schema"]}
    with receiving() as receiver:
        callbacks = Callbacks(
            host_patterns(receiver.host),
            private=True,
            secrets=WebhookSecrets((f"whsec_{'A' * 44}",)),
        )
        assert send_test_event(callbacks, receiver.url, datetime.now(UTC)).accepted
        assert jsonschema_rs.is_valid(schema, receiver.heard[0].document)


def test_every_example_of_the_document_is_accepted(api: ApiServer) -> None:
    document = api.get("/openapi.json", token=None).json()
    submission = document["paths"]["/v1/cancellations"]["post"]["requestBody"]
    for example in submission["content"]["application/json"]["examples"].values():
        answer = api.post("/v1/cancellations", json=example["value"])
        assert answer.status_code == 202
        assert answer.json().get("counts", {}).get("refused", 0) == 0


def test_every_field_of_an_entry_is_described(api: ApiServer) -> None:
    document = api.get("/openapi.json", token=None).json()
    for provider in PROVIDERS:
        name = f"{provider.name.capitalize()}Cancellation"
        described = document["components"]["schemas"][name]["properties"]
        assert list(described) == list(FIELDS)
