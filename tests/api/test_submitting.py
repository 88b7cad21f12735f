"""Submitting by HTTP: one, many, good, wrong, repeated, concurrent."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from rescind.intake.limited_entries import opened
from rescind.intake.submissions import MOST
from rescind.ledger.storage.transactions import LedgerUnreachableError
from tests.api.conftest import ApiServer, problem
from tests.tasks.conftest import until

GOOD = {"provider": "notpanel", "order": "ord_1"}
LANE = ("notpanel", "default")


def test_a_cancellation_is_accepted_after_it_is_in_the_ledger(
    either: ApiServer,
) -> None:
    answer = either.submit({**GOOD, "group": "g", "metadata": {"shop": 7}})
    assert answer.status_code == 202
    [row] = either.rows()
    assert answer.json() == {"id": row.id, "receipt": "accepted"}
    assert answer.headers["Location"] == f"/v1/cancellations/{row.id}"
    assert (row.state, row.group_name, row.meta) == ("queued", "g", {"shop": 7})
    until(lambda: either.notified == [(LANE, "cancel")])


def test_a_repeated_submission_is_a_duplicate_and_changes_nothing(
    either: ApiServer,
) -> None:
    first, second = either.submit(GOOD), either.submit(GOOD)
    assert second.status_code == 202
    assert second.json() == {
        "id": first.json()["id"],
        "receipt": "duplicate",
        "state": "queued",
        "differs": [],
    }
    assert len(either.rows()) == 1


def test_a_wrong_cancellation_is_refused_with_a_reason_and_kept(api: ApiServer) -> None:
    told = problem(api.submit({**GOOD, "order": ""}), 422, "invalid-request")
    [row] = api.rows()
    assert (told["id"], told["receipt"]) == (row.id, "refused")
    assert told["detail"] == row.provider_message == "order is required"
    assert (row.state, row.reason) == ("rejected", "invalid_request")
    assert api.notified == []


def test_a_key_of_another_order_is_refused_and_named(api: ApiServer) -> None:
    api.submit({**GOOD, "key": "k"})
    told = problem(
        api.submit({**GOOD, "order": "ord_2", "key": "k"}), 422, "invalid-request"
    )
    assert "stands for order 'ord_1' already" in told["detail"]


def test_each_of_many_has_its_receipt_in_order(either: ApiServer) -> None:
    either.submit(GOOD)
    entries = [GOOD, {"provider": "nobody", "order": "1"}, {**GOOD, "order": "ord_2"}]
    answer = either.submit(*entries, "nonsense")
    assert answer.status_code == 202
    assert "Location" not in answer.headers
    told = answer.json()
    assert told["counts"] == {"accepted": 1, "duplicate": 1, "refused": 2}
    receipts = [one["receipt"] for one in told["cancellations"]]
    assert receipts == ["duplicate", "refused", "accepted", "refused"]
    wrong = [one["wrong"] for one in told["cancellations"]]
    assert [wrong[0], wrong[2]] == [None, None]
    assert "provider must be one of" in wrong[1]
    assert "must be an object" in wrong[3]
    kept = {row.id: row.state for row in either.rows()}
    states = [kept[one["id"]] for one in told["cancellations"]]
    assert states == ["queued", "rejected", "queued", "rejected"]


def test_one_request_may_hold_a_thousand_and_no_more(api: ApiServer) -> None:
    entries = [{**GOOD, "order": f"ord_{n}"} for n in range(MOST + 1)]
    problem(api.submit(*entries), 413, "body-too-large")
    assert api.rows() == []
    answer = api.submit(*entries[:-1])
    assert answer.json()["counts"] == {"accepted": MOST, "duplicate": 0, "refused": 0}


@pytest.mark.parametrize("key", ["k-1", '"k-1"'])
def test_the_idempotency_key_is_the_key(api: ApiServer, key: str) -> None:
    answer = api.submit(GOOD, headers={"Idempotency-Key": key})
    assert answer.status_code == 202
    assert [row.key for row in api.rows()] == ["k-1"]
    same = api.submit({**GOOD, "key": "k-1"}, headers={"Idempotency-Key": key})
    assert same.json()["receipt"] == "duplicate"


@pytest.mark.parametrize(
    ("body", "key", "status"),
    [
        ({**GOOD, "key": "other"}, "k-1", 422),
        ({"cancellations": [GOOD]}, "k-1", 422),
        (GOOD, "", 400),
        (GOOD, '""', 400),
        (GOOD, "k" * 201, 400),
        (GOOD, "caf\u00e9", 400),
    ],
)
def test_a_wrong_idempotency_key_is_refused(
    api: ApiServer, body: Any, key: str, status: int
) -> None:
    answer = api.post(
        "/v1/cancellations",
        json=body,
        headers={"Idempotency-Key": key.encode("latin-1")},
    )
    problem(answer, status, "idempotency-key")
    assert api.rows() == []


@pytest.mark.parametrize(
    "body",
    [
        None,
        [GOOD],
        "text",
        7,
        {"cancellations": GOOD},
        {"cancellations": []},
        {"cancellations": [GOOD], "group": "g"},
    ],
)
def test_a_malformed_body_is_refused_as_a_whole(api: ApiServer, body: Any) -> None:
    problem(api.post("/v1/cancellations", json=body), 400, "invalid-request")
    assert api.rows() == []


def test_many_callers_at_once_get_their_own_receipts(either: ApiServer) -> None:
    """Most of these share a transaction; some are wrong, and some are equal."""

    def one(number: int) -> tuple[int, int, dict[str, Any]]:
        order = f"ord_{number % 20}" if number % 3 else ""
        answer = either.submit({**GOOD, "order": order})
        return number, answer.status_code, answer.json()

    with ThreadPoolExecutor(12) as callers:
        answers = list(callers.map(one, range(60)))
    orders = {row.id: row.order_id for row in either.rows()}
    for number, status, told in answers:
        assert status == (202 if number % 3 else 422)
        assert orders[told["id"]] == (f"ord_{number % 20}" if number % 3 else "")
    receipts = [told["receipt"] for _, _, told in answers]
    assert receipts.count("accepted") == 20
    assert receipts.count("duplicate") == 20


def _order(entry: Any) -> Any:
    return opened(entry)[0].get("order")  # type: ignore[attr-defined]


def test_a_failing_request_does_not_harm_the_others(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = threading.Event(), threading.Event()
    take = api.app.state.intake._take

    def broken(entries: list[Any], *more: Any) -> Any:
        began.set()
        go_on.wait(20)
        if any(_order(entry) == "broken" for entry in entries):
            raise RuntimeError("secret words")
        return take(entries, *more)

    monkeypatch.setattr(api.app.state.intake, "_take", broken)
    with ThreadPoolExecutor(4) as callers:
        asked = [callers.submit(api.submit, GOOD)]
        assert began.wait(20)
        for order in ("ord_2", "broken", "ord_3"):
            asked += [callers.submit(api.submit, {**GOOD, "order": order})]
        until(lambda: len(api.app.state.intake._waiting) == 3)
        go_on.set()
        answers = [one.result() for one in asked]
    assert [one.status_code for one in answers] == [202, 202, 500, 202]
    told = problem(answers[2], 500, "internal-error")
    assert "secret" not in str(told)
    assert sorted(row.order_id for row in api.rows()) == ["ord_1", "ord_2", "ord_3"]


def test_without_a_ledger_nothing_is_accepted_and_the_answer_says_when_to_retry(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise LedgerUnreachableError("postgresql://rescind@db.internal is away")

    take = api.app.state.intake._take
    monkeypatch.setattr(api.app.state.intake, "_take", away)
    for body in ((GOOD,), (GOOD, GOOD)):
        answer = api.submit(*body)
        told = problem(answer, 503, "ledger-unreachable")
        assert int(answer.headers["Retry-After"]) > 0
        assert "db.internal" not in str(told)
    monkeypatch.setattr(api.app.state.intake, "_take", take)
    assert api.submit(GOOD).json()["receipt"] == "accepted"


def test_each_entry_keeps_its_requests_trace(either: ApiServer) -> None:
    traces = [f"00-{n:032x}-{n:016x}-01" for n in (7, 8)]

    def one(number: int) -> None:
        entries = [{**GOOD, "order": f"ord_{number}_{n}"} for n in range(3)]
        given = {"traceparent": traces[number]} if number < 2 else {}
        assert either.submit(*entries, headers=given).status_code == 202

    with ThreadPoolExecutor(4) as callers:
        list(callers.map(one, range(4)))
    found = {row.order_id: row.trace for row in either.rows()}
    assert found == {
        f"ord_{number}_{n}": traces[number] if number < 2 else None
        for number in range(4)
        for n in range(3)
    }


def test_a_personal_param_is_sealed_and_never_shown_again(api: ApiServer) -> None:
    iban = "TR330006100519786457841326"
    params = {"is_all": True, "reasons": {"1": 2}, "ibans": {"1": iban}}
    entry = {"provider": "akinon", "order": "7", "params": params}
    where = api.submit(entry).headers["Location"]
    [row] = api.rows()
    assert api.context.seal.open(row.sealed) == {"ibans": {"1": iban}}
    assert iban not in api.get(where).text
    assert iban not in api.get("/v1/cancellations").text
