"""A scenario decides which orders exist, and what becomes of which call."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from rescind.config.accounts import load_accounts
from rescind.sandbox import Sandbox, running
from rescind.sandbox.sandbox_client import SandboxError
from tests.sandbox.calls import (
    KEY,
    akinon,
    akinon_read,
    dukkango_cancel,
    ithink,
    panel,
    sms,
    until,
)

EXAMPLE = Path(__file__).parents[2] / "examples" / "sandbox.toml"
ONE = """
[[orders]]
provider = "notpanel"
ids = ["ord_1", "ord_2", "ord_3"]
state = "pending"
[[calls]]
provider = "notpanel"
"""


def steps(*written: str, more: str = 'call = "cancel"') -> str:
    return f"{ONE}{more}\nsteps = [{', '.join(written)}]"


def acted(sandbox: Sandbox, order: str = "ord_1") -> list[bool]:
    return [one["acted"] for one in sandbox.order("notpanel", order)["events"]]


def test_each_call_takes_the_next_step_and_later_ones_work(sandbox: Sandbox) -> None:
    sandbox.play(steps('"error_500_before"', '"throttle"', '"ok"'))
    said = [panel(sandbox, "cancel", "ord_1").status_code for _ in range(4)]
    assert said == [500, 429, 200, 400]
    assert acted(sandbox) == [False, False, True, False]
    assert sandbox.recent()["steps_left"] == 0


def test_a_step_may_come_many_times_and_a_rule_may_repeat(sandbox: Sandbox) -> None:
    step = '{ fault = "error_502_before", times = 2 }'
    sandbox.play(steps(step, '"error_503_before"', more="repeat = true"))
    said = [panel(sandbox, "status", "ord_1").status_code for _ in range(5)]
    assert said == [502, 502, 503, 502, 502]


def test_a_rule_is_about_one_order_one_call_and_one_account(sandbox: Sandbox) -> None:
    rule = 'order = "ord_2"\ncall = "cancel"\naccount = "branch-7"'
    sandbox.play(steps('"error_500_before"', more=rule))
    branch = Sandbox(sandbox.url)
    branch.base_url = lambda provider: f"{sandbox.url}/{provider}@branch-7"  # type: ignore[method-assign]
    assert panel(sandbox, "cancel", "ord_2").status_code == 200
    assert panel(branch, "status", "ord_2").status_code == 200
    assert panel(branch, "cancel", "ord_1").status_code == 200
    assert panel(branch, "cancel", "ord_3", "ord_2").status_code == 500
    called = sandbox.recent()["calls"]
    assert [one["account"] for one in called] == [*["branch-7"] * 3, "default"]
    assert [one["scripted"] for one in called] == [True, False, False, False]


def test_the_provider_acts_and_its_answer_is_lost(sandbox: Sandbox) -> None:
    sandbox.play(steps('"drop_after"'))
    with pytest.raises(requests.ConnectionError):
        panel(sandbox, "cancel", "ord_1")
    assert acted(sandbox) == [True]
    assert sandbox.order("notpanel", "ord_1")["truth"] == "cancelled"


def test_a_call_hangs_as_long_as_the_scenario_says(sandbox: Sandbox) -> None:
    slow = '{ fault = "slow_before", seconds = 0.3 }'
    sandbox.play(steps(slow, '{ fault = "slow_after", seconds = 0.25 }'))
    assert panel(sandbox, "cancel", "ord_1").elapsed.total_seconds() >= 0.3
    assert panel(sandbox, "cancel", "ord_2").elapsed.total_seconds() >= 0.25


@pytest.mark.parametrize(("kind", "does"), [("before", False), ("after", True)])
def test_a_call_that_is_never_answered_ends_with_a_reset(
    sandbox: Sandbox, kind: str, does: bool
) -> None:
    sandbox.play(steps(f'"no_answer_{kind}"'))
    lost: list[Exception] = []

    def call() -> None:
        try:
            panel(sandbox, "cancel", "ord_1")
        except requests.ConnectionError as error:
            lost.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    until(lambda: bool(sandbox.recent()["calls"]))
    (entry,) = sandbox.recent()["calls"]
    assert (entry["seconds"], entry["status"]) == (None, None)
    assert acted(sandbox) == [does]
    sandbox.reset()
    caller.join(5)
    assert len(lost) == 1


@pytest.mark.parametrize(
    ("kind", "rows"),
    [
        ("row_missing", ["ord_1 cancel", "ord_3 cancel"]),
        (
            "row_contradicted",
            ["ord_1 cancel", "ord_2 cancel", "ord_2 error", "ord_3 cancel"],
        ),
    ],
)
def test_a_fault_of_rows_is_about_the_order_of_its_rule(
    sandbox: Sandbox, kind: str, rows: list[str]
) -> None:
    sandbox.play(steps(f'"{kind}"', more='order = "ord_2"'))
    # It waits for a call that names more orders than this one.
    assert panel(sandbox, "status", "ord_2").json()["status"] == "pending"
    answer = panel(sandbox, "cancel", "ord_1", "ord_2", "ord_3").json()
    said = [f"{row['order']} {(set(row) - {'order'}).pop()}" for row in answer]
    assert said == rows
    assert acted(sandbox, "ord_2")[-1] is True


def test_an_answer_is_sent_in_full_without_or_with_an_act(sandbox: Sandbox) -> None:
    words = '{ status = 409, json = { error = "Too late" }, headers = { X-Why = "a" } }'
    page = '{ status = 200, text = "<html>hm</html>", acts = true }'
    sandbox.play(steps(words, page))
    first, second = (panel(sandbox, "cancel", "ord_1") for _ in range(2))
    assert (first.status_code, first.json()) == (409, {"error": "Too late"})
    assert first.headers["X-Why"] == "a"
    assert second.headers["Content-Type"].startswith("text/html")
    assert second.text == "<html>hm</html>"
    assert acted(sandbox) == [False, True]


def test_an_order_is_final_when_the_scenario_says(sandbox: Sandbox) -> None:
    sandbox.play(
        """
        [settings]
        settle = 60
        [[orders]]
        provider = "notpanel"
        id = "ord_1"
        state = "in_progress"
        ends = "completed"
        settle = 0.2
        [[orders]]
        provider = "akinon"
        id = "7"
        state = "approved"
        instant = false
        settle = 0.2
        """
    )
    assert panel(sandbox, "cancel", "ord_1").status_code == 200
    assert akinon(sandbox, "7").json()["status"] == "50"
    assert sandbox.order("notpanel", "ord_1")["truth"] == "cancelling"
    until(lambda: sandbox.order("notpanel", "ord_1")["truth"] == "completed")
    until(lambda: akinon_read(sandbox, "7").json()["status"] == "100")


def test_a_reset_begins_the_scenario_again(sandbox: Sandbox) -> None:
    sandbox.play("[settings]\nauto = false\n" + steps('"error_500_before"'))
    for _ in range(2):
        assert panel(sandbox, "cancel", "ord_1").status_code == 500
        assert panel(sandbox, "cancel", "ord_1").status_code == 200
        assert panel(sandbox, "status", "ord_9").status_code == 400
        sandbox.settings(auto=True)
        sandbox.reset()
    sandbox.play("")
    assert sandbox.orders() == []
    assert panel(sandbox, "status", "ord_9").status_code == 200


def test_a_wrong_scenario_changes_nothing(sandbox: Sandbox) -> None:
    sandbox.play(steps('"error_500_before"'))
    with pytest.raises(SandboxError, match=r"scenario: \[\[calls\]\] 1: steps.1"):
        sandbox.play(steps('"nonsense"'))
    assert len(sandbox.orders()) == 3
    assert panel(sandbox, "cancel", "ord_1").status_code == 500


@pytest.fixture(scope="module")
def example() -> Iterator[Sandbox]:
    with running(scenario=str(EXAMPLE)) as one:
        yield one


def test_the_example_does_what_its_comments_say(
    example: Sandbox, tmp_path: Path
) -> None:
    assert panel(example, "cancel", "ord_queued1").status_code == 500
    with pytest.raises(requests.ConnectionError):
        sms(example, "cancel-order", "312891245")
    assert example.order("iletimerkezi", "312891245")["truth"] == "cancelled"
    rows = panel(example, "cancel", "ord_a1", "ord_a2", "ord_a3").json()
    assert [row["order"] for row in rows] == ["ord_a1", "ord_a2", "ord_a2", "ord_a3"]
    assert dukkango_cancel(example, KEY).status_code == 422
    busy = Sandbox(example.url)
    busy.base_url = lambda provider: f"{example.url}/{provider}@busy"  # type: ignore[method-assign]
    said = [akinon_read(busy, "7").status_code for _ in range(3)]
    assert said == [429, 429, 200]
    ithink(example, "cancel", "86210010463", "86210010464")
    tracked = ithink(example, "track", "86210010463").json()["data"]
    assert tracked["86210010463"]["current_status"] == "Manifested"
    assert panel(example, "status", "ord_other1").json() == {"error": "Order not found"}
    path = tmp_path / "accounts.toml"
    path.write_text(requests.get(f"{example.url}/accounts.toml", timeout=60).text)
    path.chmod(0o600)
    lane: Any = load_accounts(path).lanes["akinon", "busy"]
    assert lane.account.base_url == busy.base_url("akinon")
