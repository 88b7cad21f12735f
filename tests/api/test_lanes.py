"""Showing, holding and resuming lanes by HTTP."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rescind.operations import actions
from tests.api.conftest import ApiServer, problem
from tests.tasks.conftest import until

LANE = ("notpanel", "default")
PATH = "/v1/lanes/notpanel/default"


def test_lanes_have_the_format_of_the_command_line(either: ApiServer) -> None:
    either.submit({"provider": "notpanel", "order": "ord_1"})
    told = either.get("/v1/lanes").json()["lanes"]
    context, now = either.context, datetime.now(UTC)
    views = actions.lanes(context.engine, context.accounts, now)
    expected = [one.document(now) for one in views]
    moving = {"oldest_seconds": None}
    assert [{**one, **moving} for one in told] == [{**o, **moving} for o in expected]
    by_name = {one["lane"]: one for one in told}
    assert by_name["notpanel/default"]["backlog"] == {"queued": 1}
    assert by_name["iletimerkezi/default"]["status"] == "held"
    assert "hash" in by_name["iletimerkezi/default"]["fault"]


def test_a_lane_is_held_and_goes_on_when_it_is_resumed(either: ApiServer) -> None:
    held = either.post(f"{PATH}/hold")
    assert held.status_code == 200
    told = held.json()
    assert (told["status"], told["why"]) == ("held", "held by an operator")
    assert either.get(PATH).json() == told
    assert either.notified == []
    resumed = either.post(f"{PATH}/resume").json()
    assert (resumed["status"], resumed["held_at"]) == ("open", None)
    until(lambda: len(either.notified) == 3)
    every = {(LANE, operation) for operation in actions.EVERY_OPERATION}
    assert set(either.notified) == every


def test_a_hold_says_why_wherever_it_is_shown(either: ApiServer) -> None:
    why = "maintenance\n  until 18:00"
    told = either.post(f"{PATH}/hold", json={"reason": why}).json()
    assert told["why"] == "held by an operator: maintenance until 18:00"
    assert told["held_note"] == "maintenance until 18:00"
    assert either.get(PATH).json() == told
    [action] = either.get("/v1/actions?limit=1").json()["actions"]
    assert (action["action"], action["detail"]) == ("hold", told["held_note"])
    for body in ({"reason": " "}, {"reason": None}, {}):
        told = either.post(f"{PATH}/hold", json=body).json()
        assert (told["why"], told["held_note"]) == ("held by an operator", None)


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        ({"reason": "x" * 201}, 422, "/reason"),
        ({"reason": 7}, 422, "/reason"),
        ({"why": "x"}, 400, ""),
        (["x"], 400, ""),
    ],
)
def test_a_wrong_reason_holds_nothing(
    api: ApiServer, body: object, status: int, param: str
) -> None:
    told = problem(api.post(f"{PATH}/hold", json=body), status, "invalid-request")
    assert told["param"] == param
    assert api.get(PATH).json()["status"] == "open"


def test_a_lane_held_by_the_accounts_file_stays_held(api: ApiServer) -> None:
    told = api.post("/v1/lanes/iletimerkezi/default/resume").json()
    assert told["status"] == "held"
    assert told["fault"]


def test_a_backlog_is_counted_to_a_bound_unless_exact_is_given(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescind.api.lane_routes.COUNTED", 2)
    api.submit(*({"provider": "notpanel", "order": f"ord_{n}"} for n in range(3)))
    some = api.get(PATH).json()
    assert (some["backlog"], some["backlog_more"]) == ({"queued": 2}, ["queued"])
    for path in (PATH, "/v1/lanes"):
        told = api.get(f"{path}?exact=true").json()
        lanes = told.get("lanes", [told])
        whole = next(one for one in lanes if one["lane"] == "notpanel/default")
        assert (whole["backlog"], whole["backlog_more"]) == ({"queued": 3}, [])


@pytest.mark.parametrize("lane", ["notpanel/third", "x/y", "%00/%00"])
def test_an_unknown_lane_is_not_found(api: ApiServer, lane: str) -> None:
    problem(api.get(f"/v1/lanes/{lane}"), 404, "not-found")
    for action in ("hold", "resume"):
        problem(api.post(f"/v1/lanes/{lane}/{action}"), 404, "not-found")
