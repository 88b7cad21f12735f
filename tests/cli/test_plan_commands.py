"""``rescind plan show`` and ``rescind plan list``."""

from __future__ import annotations

import pytest

from rescind.ledger.changes.plan_insertion import NewStep
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import open_ledger
from tests.cli.test_cli_support import Home
from tests.ledger.build import add
from tests.ledger.recorded_plans import plan_of

URL = "https://shop.example.com/ended?key=secret"


@pytest.fixture
def plan(home: Home) -> str:
    """The id of a plan that has ended."""
    engine = open_ledger(f"sqlite:///{home.path / '.rescind' / 'ledger.db'}")
    parcel = add(engine, State.CANCELLED, order="1")
    refund = add(engine, State.REJECTED, order="2")
    steps = (
        NewStep("parcel", parcel),
        NewStep("refund", refund, ["parcel"], "cancelled"),
    )
    made = plan_of(engine, *steps, key="A/1", callback_url=URL)
    engine.dispose()
    return made


def test_a_plan_is_shown_by_its_id_and_by_its_name_and_key(
    home: Home, plan: str
) -> None:
    for name in (plan, "web-order/A/1"):
        [shown] = home.run("plan", "show", name, "--json").records
        assert (shown["id"], shown["verdict"]) == (plan, "partly")
        assert [one["state"] for one in shown["steps"]] == ["cancelled", "rejected"]
        [told] = shown["deliveries"]
        assert (told["type"], told["plan"]) == ("plan.partly", plan)
    plain = home.run("plan", "show", plan).out
    assert "verdict           partly" in plain
    assert "plan.partly by webhook to shop.example.com" in plain
    assert "secret" not in plain
    assert "rejected (refused)" in plain


@pytest.mark.parametrize("name", ["nope", "web-order/nope", "\udcff", "a" * 5000])
def test_an_unknown_plan(home: Home, name: str) -> None:
    done = home.run("plan", "show", name)
    assert (done.status, done.out) == (2, "")
    assert "there is no such plan; an ID is" in done.err


FILTERS = {
    "": True,
    "--plan web-order --key A/1": True,
    "--plan web": False,
    "--key A": False,
    "--since 2000-01-01T00:00:00Z": True,
    "--since 2100-01-01T00:00:00Z": False,
}
"""Filters, and whether the plan of these tests matches each."""


def test_submitted_plans_are_listed_by_filters(home: Home, plan: str) -> None:
    for words, matches in FILTERS.items():
        done = home.run("plan", "list", "--json", *words.split())
        assert [one["id"] for one in done.records] == [plan] * matches, words
        assert [one["verdict"] for one in done.records] == ["partly"] * matches


def test_the_list_of_plans_says_how_many_steps_are_in_which_state(
    home: Home, plan: str
) -> None:
    _, line = home.run("plan", "list").out.splitlines()
    assert line.startswith(f"{plan}  web-order/A/1  partly   1 cancelled, 1 rejected")
    assert home.run("plan", "list", "--plan", "web").err == "rescind: there are none\n"


def test_the_list_of_plans_shows_the_newest_of_many(home: Home, plan: str) -> None:
    engine = open_ledger(f"sqlite:///{home.path / '.rescind' / 'ledger.db'}")
    newer = plan_of(engine, add(engine, State.QUEUED, order="3"), key="B")
    engine.dispose()
    done = home.run("plan", "list", "--json", "--limit", "1")
    assert [one["id"] for one in done.records] == [newer]
    assert "these are the newest 1: --limit shows more" in done.err


@pytest.mark.parametrize("since", ["yesterday", "2026-11-20T15:00:00"])
def test_a_wrong_time_is_refused_with_a_sentence(home: Home, since: str) -> None:
    done = home.run("plan", "list", "--since", since)
    assert done.status == 2
    assert "--since " in done.err
