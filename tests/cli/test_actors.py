"""Each command that changes something leaves its actor in the ledger."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import typer
from sqlalchemy import Engine, delete, select

from rescind.cli.app import app
from rescind.config.actors import command_actor
from rescind.ledger.storage.operator_tables import OPERATOR_ACTION
from rescind.ledger.storage.tables import CANCELLATION, TRANSITION
from rescind.ledger.storage.transactions import open_ledger, reading, writing
from tests.cli.test_cli_support import Home
from tests.cli.test_schedule_commands import RULES
from tests.cli.test_webhook_commands import LOST, ended

LANE = "notpanel/default"
ORDER = f"{LANE}/ord_1"


def nothing(_home: Home, _engine: Engine) -> None:
    """The command needs nothing before it."""


def a_failure(home: Home, engine: Engine) -> None:
    an_order_that_waits(home, engine)
    home.end("failed", "attempts_exhausted")


def an_order_that_waits(home: Home, engine: Engine) -> None:
    """Without a trace of who submitted it."""
    home.run("cancel", "notpanel", "ord_1")
    home.change(submitted_by=None)
    with writing(engine) as connection:
        connection.execute(delete(OPERATOR_ACTION))


def one_that_waits_for_another(home: Home, engine: Engine) -> None:
    home.run("cancel", "notpanel", "ord_0")
    home.run("cancel", "notpanel", "ord_1", "--after", f"{LANE}/ord_0")
    home.change(submitted_by=None)
    with writing(engine) as connection:
        connection.execute(delete(OPERATOR_ACTION))


def a_plan(home: Home, _engine: Engine) -> None:
    step = '[p.steps.one]\nprovider = "notpanel"\norder = "{order}"\n'
    home.write("plans.toml", step)


def a_file(home: Home, _engine: Engine) -> None:
    home.write("orders.csv", "provider,order\nnotpanel,ord_1\n")


def a_rule(home: Home, _engine: Engine) -> None:
    home.write("schedules.toml", RULES)
    home.write("orders.csv", "id,shop\nord_1,7\n")


def a_lost_delivery(_home: Home, engine: Engine) -> None:
    ended(engine, "a", LOST)


def an_allowed_receiver(home: Home, _engine: Engine) -> None:
    secret = f"RESCIND_WEBHOOK_SECRET=whsec_{'A' * 32}"
    allowed = ["RESCIND_WEBHOOK_HOSTS=127.0.0.1:*", "RESCIND_WEBHOOK_PRIVATE=true"]
    home.write(".env", "\n".join([secret, *allowed]))


ACTS: dict[str, tuple[Callable[[Home, Engine], None], Sequence[str]]] = {
    "cancel": (nothing, ["notpanel", "ord_1"]),
    "submit": (a_file, ["orders.csv"]),
    "retry": (a_failure, [ORDER]),
    "withdraw": (an_order_that_waits, [ORDER]),
    "release": (one_that_waits_for_another, [ORDER]),
    "skip": (one_that_waits_for_another, [ORDER]),
    "plan submit": (a_plan, ["p", "order=ord_1"]),
    "hold": (nothing, [LANE]),
    "resume": (nothing, [LANE]),
    "webhooks resend": (a_lost_delivery, ["--all-given-up"]),
    "webhooks test": (an_allowed_receiver, ["http://127.0.0.1:1/hush"]),
    "schedule run": (a_rule, ["nightly"]),
    "prune": (nothing, ["--older-than", "365d"]),
    "reconcile": (an_order_that_waits, []),
    "seal-key": (nothing, ["--rotate"]),
}
"""What each command that changes the ledger needs, and its arguments."""
NOBODY_ANSWERS = {"webhooks test"}
READ = {
    *("actions", "capacity", "doctor", "env", "lanes", "list", "show"),
    *("webhooks secret", "words"),
    *("schedule check", "schedule list", "schedule runs"),
    *("groups", "plan check", "plan list", "plan show", "plan templates"),
}
START = {"api", "demo", "sandbox", "up"}
"""Commands that start programs, whose own ways in are tested elsewhere."""
SET_UP = {"init", "migrate", "new-provider"}
"""Commands that make files or tables, in which there is no actor yet."""


def commands(group: Any, prefix: str = "") -> Iterator[str]:
    inner = getattr(group, "commands", None)
    if inner is None:
        yield prefix
        return
    for name, one in inner.items():
        yield from commands(one, f"{prefix} {name}".strip())


@pytest.fixture
def engine(home: Home) -> Iterator[Engine]:
    assert home.run("list").status == 0
    engine = open_ledger(f"sqlite:///{home.path / '.rescind' / 'ledger.db'}")
    yield engine
    engine.dispose()


def actors(engine: Engine) -> set[str]:
    """The actors of all changes in the ledger, without those of the test's own rows."""
    columns = (CANCELLATION.c.submitted_by, TRANSITION.c.by, OPERATOR_ACTION.c.by)
    with reading(engine) as connection:
        found = [connection.execute(select(one)).scalars().all() for one in columns]
    return {one for some in found for one in some if one} - {"token:tests"}


def test_every_command_that_changes_something_is_tried_here() -> None:
    every = set(commands(typer.main.get_command(app)))
    assert every == ACTS.keys() | READ | START | SET_UP


@pytest.mark.parametrize("name", ACTS)
def test_what_a_command_changes_has_its_actor(
    home: Home, engine: Engine, name: str
) -> None:
    before, words = ACTS[name]
    before(home, engine)
    assert actors(engine) == set()
    status = 3 if name in NOBODY_ANSWERS else 0
    assert home.run(*name.split(), *words).status == status
    assert actors(engine) == {command_actor()}


def test_a_test_event_keeps_of_the_address_only_the_host(
    home: Home, engine: Engine
) -> None:
    an_allowed_receiver(home, engine)
    home.run("webhooks", "test", "http://127.0.0.1:1/hush?key=secret")
    [action] = home.run("actions", "--json").records
    assert (action["action"], action["detail"]) == ("test", "127.0.0.1:1")


def test_actions_lists_who_did_what_the_newest_first(home: Home) -> None:
    home.run("hold", LANE)
    home.run("resume", LANE)
    listed = home.run("actions", "--json").records
    assert [(one["by"], one["action"], one["lane"]) for one in listed] == [
        (command_actor(), "resume", LANE),
        (command_actor(), "hold", LANE),
    ]
    some = home.run("actions", "--limit", "1")
    assert "resume" in some.out
    assert "hold" not in some.out
    assert "newest 1: --limit shows more" in some.err


def test_a_held_lane_shows_who_holds_it(home: Home) -> None:
    held = home.run("hold", LANE)
    assert held.out == f"{LANE} is held: `rescind resume {LANE}` resumes it\n"
    [line] = [one for one in home.run("lanes").out.splitlines() if LANE in one]
    how = f"`rescind resume {LANE}` resumes it"
    assert line.endswith(f"held by an operator, {command_actor()}; {how}")
    by = {one["lane"]: one["held_by"] for one in home.run("lanes", "--json").records}
    assert (by[LANE], by["notpanel/second"]) == (command_actor(), None)


def test_a_held_lane_shows_why_it_is_held(home: Home) -> None:
    home.run("hold", LANE, "--reason", "maintenance until 18:00")
    [line] = [one for one in home.run("lanes").out.splitlines() if LANE in one]
    said = "held by an operator: maintenance until 18:00"
    assert f"{said}, {command_actor()}; " in line
    assert said.partition(": ")[2] in home.run("actions").out
    notes = {o["lane"]: o["held_note"] for o in home.run("lanes", "--json").records}
    assert (notes[LANE], notes["notpanel/second"]) == ("maintenance until 18:00", None)


def test_a_reason_that_is_too_long_holds_nothing(home: Home) -> None:
    refused = home.run("hold", LANE, "--reason", "x" * 201)
    assert refused.status != 0
    assert "the reason of a hold must have at most 200 characters" in refused.err
    assert "held by" not in home.run("lanes").out


def test_show_names_who_submitted_and_who_retried(home: Home, engine: Engine) -> None:
    a_failure(home, engine)
    home.change(submitted_by="token:shop")
    home.run("retry", ORDER)
    shown = home.run("show", ORDER).out
    assert re.search(r"^by +token:shop$", shown, re.MULTILINE)
    assert f" queued by {command_actor()}: retry" in shown
    [record] = home.run("show", ORDER, "--json").records
    steps = [step["by"] for step in record["history"]]
    assert steps == ["token:shop", command_actor()]
