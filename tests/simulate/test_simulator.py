"""A simulated world is the same each time, and some world notices each mutation."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from simulate.breakages import MUTATIONS
from simulate.messages import Message
from simulate.network import Delays
from simulate.scenario import Scenario, Trouble, Withdrawal, scenario
from simulate.shrink import shrink
from simulate.simulator import run
from simulate.story import describe

ROOT = Path(__file__).parents[2]
ORDER = {"provider": "ithink", "order": "86300000001", "params": {}}
CALM = Scenario(
    seed=1, messages=(Message(0.0, (ORDER,)),), troubles=(), faults={}, delays={}
)


def python(*args: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *args],
        cwd=ROOT,
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_in_a_calm_world_an_order_is_called_once() -> None:
    outcome = run(CALM)
    assert outcome.offences == []
    assert outcome.calls == 1
    assert [row["state"] for row in outcome.rows] == ["cancelled"]


def test_a_world_is_the_same_each_time() -> None:
    first, second = describe(run(scenario(11))), describe(run(scenario(11)))
    assert first == second


def test_a_world_is_the_same_in_every_process() -> None:
    command = ("-m", "simulate", "--seed", "11", "--whole")
    said = {python(*command, PYTHONHASHSEED=seed).stdout for seed in ("1", "2")}
    assert len(said) == 1
    assert "nothing is wrong" in said.pop()


def test_an_order_that_is_withdrawn_in_time_is_never_called() -> None:
    later = {**ORDER, "not_before": 20}
    world = replace(
        CALM, messages=(Message(0.0, (later,)),), withdrawals=(Withdrawal(5.0, later),)
    )
    outcome = run(world)
    assert outcome.offences == []
    assert (outcome.calls, [row["state"] for row in outcome.rows]) == (0, ["withdrawn"])


def test_an_order_that_was_sent_is_not_withdrawn() -> None:
    outcome = run(replace(CALM, withdrawals=(Withdrawal(5.0, ORDER),)))
    assert outcome.offences == []
    assert any(line.endswith("is told: already-ended") for line in outcome.trace)
    assert [row["state"] for row in outcome.rows] == ["cancelled"]


@pytest.mark.parametrize("point", ["delivered", "connecting", "sent", "committed"])
def test_a_worker_that_dies_anywhere_is_followed_by_another(point: str) -> None:
    outcome = run(replace(CALM, troubles=(Trouble("die", point, 1),)))
    assert outcome.offences == []
    assert any(f"die at {point}" in line for line in outcome.trace)
    assert [row["state"] for row in outcome.rows] == ["cancelled"]


def test_a_resend_that_its_deadline_overtakes_does_not_end_as_expired() -> None:
    # The first call is lost. It stands in notpanel's queue when the order is read as
    # active, which is believed after 30 s, and it takes effect after the deadline.
    order = {"provider": "notpanel", "order": "ord_090623775", "cancel_before": 86}
    world = replace(
        CALM,
        seed=17019,
        messages=(Message(0.0, (order,)),),
        troubles=(Trouble("die", "returned", 1),),
        settle=600.0,
    )
    outcome = run(world)
    assert outcome.offences == []
    assert [row["state"] for row in outcome.rows] == ["cancelled"]
    assert outcome.seconds > 600


def test_a_request_that_arrives_late_still_takes_effect() -> None:
    outcome = run(replace(CALM, delays={1: Delays(there=40.0)}))
    (order,) = outcome.records
    assert order["events"][-1]["acted"] or order["truth"] == "cancelled"


def test_a_shrunk_scenario_fails_as_well() -> None:
    def fails(one: Scenario) -> bool:
        return 7 in one.faults and len(one.messages) > 1

    whole = replace(scenario(3), faults={1: "garbage", 7: "refuse"})
    assert fails(whole)
    smallest = shrink(whole, fails)
    assert fails(smallest)
    assert smallest.faults == {7: "refuse"}
    assert (len(smallest.messages), smallest.troubles) == (2, ())


def test_some_world_notices_each_mutation() -> None:
    done = python("-m", "simulate.proving", "--known")
    every = len(MUTATIONS)
    assert done.stdout.endswith(f"{every} of {every} noticed\n"), done.stdout
    assert (done.returncode, done.stderr) == (0, "")
