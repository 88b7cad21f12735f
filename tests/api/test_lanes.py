"""Lanes looked at, held and let go through the door."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rescind.operations import actions
from tests.api.conftest import Door, problem
from tests.tasks.conftest import until

LANE = ("notpanel", "default")
PATH = "/v1/lanes/notpanel/default"


def test_every_lane_is_told_as_the_command_line_tells_it(either: Door) -> None:
    either.submit({"provider": "notpanel", "order": "ord_1"})
    told = either.get("/v1/lanes").json()["lanes"]
    front, now = either.front, datetime.now(UTC)
    views = actions.lanes(front.engine, front.accounts, now)
    expected = [one.document(now) for one in views]
    moving = {"oldest_seconds": None}
    assert [{**one, **moving} for one in told] == [{**o, **moving} for o in expected]
    by_name = {one["lane"]: one for one in told}
    assert by_name["notpanel/default"]["backlog"] == {"queued": 1}
    assert by_name["iletimerkezi/default"]["status"] == "held"
    assert "hash" in by_name["iletimerkezi/default"]["fault"]


def test_a_lane_is_held_and_goes_on_when_it_is_resumed(either: Door) -> None:
    held = either.post(f"{PATH}/hold")
    assert held.status_code == 200
    told = held.json()
    assert (told["status"], told["why"]) == ("held", "held by an operator")
    assert either.get(PATH).json() == told
    assert either.woken == []
    resumed = either.post(f"{PATH}/resume").json()
    assert (resumed["status"], resumed["held_at"]) == ("open", None)
    until(lambda: len(either.woken) == 3)
    every = {(LANE, operation) for operation in actions.EVERY_OPERATION}
    assert set(either.woken) == every


def test_what_the_accounts_file_holds_stays_held(door: Door) -> None:
    told = door.post("/v1/lanes/iletimerkezi/default/resume").json()
    assert told["status"] == "held"
    assert told["fault"]


def test_a_backlog_is_counted_to_a_bound_unless_all_of_it_is_asked_for(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescind.api.lane_routes.COUNTED", 2)
    door.submit(*({"provider": "notpanel", "order": f"ord_{n}"} for n in range(3)))
    some = door.get(PATH).json()
    assert (some["backlog"], some["backlog_more"]) == ({"queued": 2}, ["queued"])
    for path in (PATH, "/v1/lanes"):
        told = door.get(f"{path}?exact=true").json()
        lanes = told.get("lanes", [told])
        whole = next(one for one in lanes if one["lane"] == "notpanel/default")
        assert (whole["backlog"], whole["backlog_more"]) == ({"queued": 3}, [])


@pytest.mark.parametrize("lane", ["notpanel/third", "x/y", "%00/%00"])
def test_a_lane_that_is_none_is_not_found(door: Door, lane: str) -> None:
    problem(door.get(f"/v1/lanes/{lane}"), 404, "not-found")
    for action in ("hold", "resume"):
        problem(door.post(f"/v1/lanes/{lane}/{action}"), 404, "not-found")
