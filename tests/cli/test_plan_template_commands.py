"""Tests of ``rescind plan templates``, ``check`` and ``submit``."""

from __future__ import annotations

import threading

import pytest

from tests.cli.test_cli_support import Home

PLANS = """
[web-order]
title = "Panel and refund"
key = "{no}"
[web-order.steps.panel]
provider = "notpanel"
order = "ord_{no}"
[web-order.steps.refund]
provider = "akinon"
order = "{refund}"
params = { is_all = "{all}", reasons = "{reasons}" }
after = ["panel"]
optional = true
[faulty.steps.a]
provider = "nobody"
order = "{a}"
"""
REFUND = ("refund=12", "all=true", 'reasons={"101": 2}')


@pytest.fixture
def home(home: Home) -> Home:
    home.write("plans.toml", PLANS)
    return home


def test_the_list_shows_what_each_plan_takes(home: Home) -> None:
    done = home.run("plan", "templates", "--json")
    [one] = done.records
    assert one["plan"] == "web-order"
    assert [(n["name"], n["required"]) for n in one["inputs"]] == [
        ("no", True),
        ("refund", False),
        ("all", False),
        ("reasons", False),
    ]
    assert "[faulty]: steps.a: provider must be one of" in done.err
    assert "no refund? all? reasons?" in home.run("plan", "templates").out


@pytest.mark.parametrize(
    "words", [["templates"], ["check"], ["check", "x"], ["submit", "x"]]
)
def test_without_a_plans_file_the_error_says_what_to_do(
    home: Home, words: list[str]
) -> None:
    (home.path / "plans.toml").unlink()
    done = home.run("plan", *words)
    assert done.status == 2
    assert "there is no plans file plans.toml: copy plans.example.toml" in done.err


def test_check_says_what_is_wrong_with_the_file(home: Home) -> None:
    done = home.run("plan", "check")
    assert done.status == 2
    assert "steps panel, refund" in done.out
    assert "[faulty]: steps.a: provider must be one of" in done.out
    home.write("plans.toml", PLANS.partition("[faulty")[0])
    assert home.run("plan", "check").status == 0


def test_check_shows_what_a_plan_would_submit(home: Home) -> None:
    [one] = home.run("plan", "check", "web-order", "no=1", *REFUND, "--json").records
    assert (one["id"], one["key"]) == (None, "1")
    # The values have the types that the provider's params need.
    assert one["steps"][1]["entry"]["params"] == {"is_all": True, "reasons": {"101": 2}}
    assert one["steps"][1]["entry"]["order"] == "12"
    shown = home.run("plan", "check", "web-order", "no=1")
    assert "would be submitted" in shown.out
    assert "left out for lack of a value: refund" in shown.err
    assert home.run("list", "--json").records == []


def test_a_plan_is_submitted_once(home: Home) -> None:
    words = ("plan", "submit", "web-order", "no=1", *REFUND)
    [first] = home.run(*words, "--json").records
    assert first["receipt"] == "accepted"
    again = home.run(*words)
    assert f"duplicate: plan {first['id']}, key 1" in again.out
    assert len(home.run("list", "--json").records) == 2
    [shown] = home.run("plan", "show", first["id"], "--json").records
    assert [one["step"] for one in shown["steps"]] == ["panel", "refund"]
    assert shown["by"].startswith("cli:")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["web-order"], "no is required: the plan needs it"),
        (["web-order", "no=a b"], "panel: order must be"),
        (["web-order", "no=1", "refnd=2"], "did you mean refund?"),
        (["web-order", "no"], "must be NAME=VALUE"),
        (["web-ordr", "no=1"], "did you mean web-order?"),
        (["faulty", "a=1"], "[faulty]: steps.a: provider must be one of"),
    ],
)
def test_a_wrong_plan_is_refused_with_a_sentence(
    home: Home, words: list[str], says: str
) -> None:
    done = home.run("plan", "submit", *words)
    assert done.status == 2
    assert says in done.err
    assert home.run("list", "--json").records == []


# --- waiting ----------------------------------------------------------------------


def test_wait_prints_the_verdict_and_the_steps(home: Home) -> None:
    words = ("plan", "submit", "web-order", "no=1", *REFUND)
    home.run(*words)
    home.end("cancelled", "confirmed", order="ord_1")
    home.end("rejected", "refused", order="12")
    done = home.run(*words, "--wait")
    assert done.status == 1
    receipt, verdict, _, panel, refund = done.out.splitlines()
    assert receipt.startswith("duplicate: plan ")
    assert verdict == "verdict: partly"
    assert "cancelled (confirmed)" in panel
    assert "rejected (refused)" in refund
    [one] = home.run(*words, "--wait", "--json").records
    assert (one["receipt"], one["verdict"]) == ("duplicate", "partly")
    steps = [(s["step"], s["receipt"], s["state"]) for s in one["steps"]]
    assert steps == [
        ("panel", "duplicate", "cancelled"),
        ("refund", "duplicate", "rejected"),
    ]


def test_wait_ends_with_0_only_if_the_verdict_is_done(home: Home) -> None:
    words = ("plan", "submit", "web-order", "no=1", "--json", "--wait")
    ending = threading.Timer(0.3, home.end, ["cancelled", "confirmed"])
    ending.start()
    done = home.run(*words)
    ending.join()
    assert (done.status, done.records[0]["verdict"]) == (0, "done")


def test_wait_times_out_while_a_step_waits_for_a_person(home: Home) -> None:
    words = ("plan", "submit", "web-order", "no=1", *REFUND)
    home.run(*words)
    home.end("failed", "unresolved", order="ord_1")
    done = home.run(*words, "--wait", "0")
    assert done.status == 4
    assert "verdict: none yet" in done.out
    assert "the plan has not ended yet (1 scheduled)" in done.err
    assert "`rescind doctor` names them" in done.err


def test_doctor_says_what_is_wrong_with_the_plans_file(home: Home) -> None:
    found = home.run("doctor", "--json").records
    plans = {
        one["what"]: one for one in found if str(one.get("what")).startswith("plan")
    }
    assert plans["plan web-order"]["level"] == "ok"
    assert plans["plan faulty"]["level"] == "wrong"
