"""Cancellations that wait for others, through the HTTP API."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from rescind.ledger.states import State
from rescind.provider.outcomes import Reason
from tests.api.conftest import TOKENS, ApiServer, problem
from tests.ledger.build import row
from tests.ledger.planned import claimed, finish

PLAN = [
    {"provider": "notpanel", "order": "ord_1", "ref": "first"},
    {"provider": "notpanel", "order": "ord_2", "after": "first"},
    {"provider": "notpanel", "order": "ord_3", "after": "first"},
]


def submitted(api: ApiServer, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    told = api.submit({"cancellations": entries}).json()
    return list(told["cancellations"])


def test_a_record_says_for_whom_it_waits(api: ApiServer) -> None:
    first, one, _ = (each["id"] for each in submitted(api, PLAN))
    shown = api.get(f"/v1/cancellations/{one}").json()
    assert (shown["state"], shown["due_at"]) == ("scheduled", None)
    assert shown["after"] == [
        {
            "id": first,
            "only_if": ["cancelled"],
            "state": "queued",
            "reason": None,
            "met": False,
        }
    ]


def test_a_wrong_reference_is_the_fault_of_one_entry(api: ApiServer) -> None:
    wrong = {"provider": "notpanel", "order": "ord_9", "after": ["first", "nobody"]}
    told = submitted(api, [*PLAN, wrong])
    assert [each["receipt"] for each in told] == [*["accepted"] * 3, "refused"]
    assert told[3]["code"] == "unknown_predecessor"
    assert told[3]["param"] == "/cancellations/3/after/1"
    assert "'nobody'" in told[3]["wrong"]


def test_a_ref_of_another_request_names_nothing(api: ApiServer) -> None:
    submitted(api, PLAN)
    [told] = submitted(api, [{**PLAN[1], "order": "ord_9"}])
    assert told["code"] == "unknown_predecessor"


def test_an_operator_decides_for_what_waits_for_a_failed_one(api: ApiServer) -> None:
    first, one, two = (each["id"] for each in submitted(api, PLAN))
    engine = api.context.engine
    held = claimed(engine, first, now=datetime.now(UTC) + timedelta(seconds=1))
    finish(engine, held, State.FAILED, Reason.UNRESOLVED)
    released = api.post(f"/v1/cancellations/{one}/release").json()
    assert released["state"] == "queued"
    skipped = api.post(f"/v1/cancellations/{two}/skip").json()
    assert (skipped["state"], skipped["reason"]) == ("withdrawn", "not_wanted")
    steps = api.get(f"/v1/cancellations/{two}").json()["history"]
    assert steps[-1]["by"].startswith("token:")
    actions = api.get("/v1/actions").json()["actions"]
    assert {"release", "skip"} <= {each["action"] for each in actions}


def test_only_an_operator_decides_and_only_for_what_waits(api: ApiServer) -> None:
    first, one, _ = (each["id"] for each in submitted(api, PLAN))
    for what in ("release", "skip"):
        path = f"/v1/cancellations/{one}/{what}"
        assert api.ask("POST", path, TOKENS["submit"]).status_code == 403
        problem(api.post(f"/v1/cancellations/nobody/{what}"), 404, "not-found")
        told = problem(api.post(f"/v1/cancellations/{first}/{what}"), 409, "conflict")
        assert told["code"] == "not_waiting"
    assert row(api.context.engine, one).state == State.SCHEDULED
