"""Tests of ``rescind plan list``, ``check`` and ``submit``."""

from __future__ import annotations

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
    done = home.run("plan", "list", "--json")
    [one] = done.records
    assert one["plan"] == "web-order"
    assert [(n["name"], n["required"]) for n in one["inputs"]] == [
        ("no", True),
        ("refund", False),
        ("all", False),
        ("reasons", False),
    ]
    assert "[faulty]: steps.a: provider must be one of" in done.err
    assert "no refund? all? reasons?" in home.run("plan", "list").out


@pytest.mark.parametrize(
    "words", [["list"], ["check"], ["check", "x"], ["submit", "x"]]
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


def test_doctor_says_what_is_wrong_with_the_plans_file(home: Home) -> None:
    found = home.run("doctor", "--json").records
    plans = {
        one["what"]: one for one in found if str(one.get("what")).startswith("plan")
    }
    assert plans["plan web-order"]["level"] == "ok"
    assert plans["plan faulty"]["level"] == "wrong"
