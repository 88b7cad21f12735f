"""Withdrawing through the HTTP API."""

from __future__ import annotations

import pytest

from rescind.ledger.states import FINAL, State
from tests.api.conftest import TOKENS, ApiServer, problem
from tests.ledger.build import add

ORDER = {"provider": "notpanel", "order": "ord_1"}


def withdrawn(
    api: ApiServer, name: str, token: str = TOKENS["submit"]
) -> dict[str, str]:
    answer = api.ask("DELETE", f"/v1/cancellations/{name}", token)
    assert answer.status_code == 200
    return dict(answer.json())


@pytest.mark.parametrize("scope", ["submit", "operate"])
def test_what_was_not_sent_is_withdrawn(either: ApiServer, scope: str) -> None:
    one = either.submit(ORDER).json()["id"]
    told = withdrawn(either, one, TOKENS[scope])
    assert (told["id"], told["state"], told["reason"]) == (
        one,
        "withdrawn",
        "requested",
    )
    steps = either.get(f"/v1/cancellations/{one}").json()["history"]
    assert [step["to"] for step in steps] == ["queued", "withdrawn"]


def test_a_second_request_succeeds_and_changes_nothing(api: ApiServer) -> None:
    one = api.submit(ORDER).json()["id"]
    assert withdrawn(api, one) == withdrawn(api, one)


def test_it_is_found_by_its_key_which_may_hold_slashes(api: ApiServer) -> None:
    api.submit({**ORDER, "key": "shop/1001"})
    assert withdrawn(api, "notpanel/default/shop/1001")["state"] == "withdrawn"


@pytest.mark.parametrize("state", [State.SENDING, State.VERIFYING, State.REQUESTED])
def test_what_was_sent_is_refused_as_already_sent(api: ApiServer, state: State) -> None:
    one = add(api.context.engine, state)
    answer = api.ask("DELETE", f"/v1/cancellations/{one}")
    told = problem(answer, 409, "already-sent")
    assert f"{one} cannot be withdrawn: " in told["detail"]
    assert [row.state for row in api.rows()] == [state]


@pytest.mark.parametrize("state", sorted(FINAL - {State.WITHDRAWN}))
def test_what_has_ended_is_refused_as_already_ended(
    api: ApiServer, state: State
) -> None:
    one = add(api.context.engine, state)
    answer = api.ask("DELETE", f"/v1/cancellations/{one}")
    assert f"{one} is {state} (" in problem(answer, 409, "already-ended")["detail"]


def test_an_unknown_cancellation_cannot_be_withdrawn(api: ApiServer) -> None:
    problem(api.ask("DELETE", "/v1/cancellations/nobody"), 404, "not-found")


def test_a_retry_brings_it_back(api: ApiServer) -> None:
    one = api.submit(ORDER).json()["id"]
    withdrawn(api, one)
    told = api.post(f"/v1/cancellations/{one}/retry").json()
    assert (told["state"], told["reason"]) == ("queued", None)


def test_a_repeat_of_it_is_a_duplicate_that_says_so(api: ApiServer) -> None:
    one = api.submit(ORDER).json()["id"]
    withdrawn(api, one)
    told = api.submit(ORDER).json()
    assert (told["id"], told["receipt"]) == (one, "duplicate")
    assert (told["state"], told["differs"]) == ("withdrawn", [])
