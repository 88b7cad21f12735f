"""``rescind plan show``."""

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
