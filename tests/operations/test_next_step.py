"""Tests of the next step that doctor prints: a single one, the most urgent."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescind.errors import PROBLEMS
from rescind.ledger.changes.lane_states import LaneState, hold_for_operator, write_lane
from rescind.ledger.storage.transactions import open_ledger, writing
from rescind.operations.findings import Check, Level
from rescind.operations.next_step import (
    FAILED,
    INIT,
    NOTHING,
    Standing,
    held_step,
    next_step,
    standing_of,
)
from tests.cli.test_cli_support import Home
from tests.ledger.build import BY, NOW

OK = Check("redis", Level.OK, "it answers")
LANE = Check("dukkango/branch-7", Level.OK, "the credentials are good")
NO_ACCOUNTS = Check("accounts", Level.WRONG, "it does not exist", "accounts-missing")
NO_REDIS = Check("redis", Level.UNREACHABLE, "none is known", "redis-unknown")
BAD_URL = Check("ledger", Level.WRONG, "it is no URL", "database-url")
NO_LEDGER = Check("ledger", Level.WARNING, "not made yet", "ledger-missing")
READABLE = Check("accounts", Level.WARNING, "chmod 600 it", "accounts-readable")
BEGUN = Standing(begun=True)
HELD = Standing(begun=True, held="notpanel/second")

checks = st.builds(
    Check,
    what=st.sampled_from(["redis", "ledger", "accounts", "notpanel/default"]),
    level=st.sampled_from([Level.WARNING, Level.WRONG, Level.UNREACHABLE]),
    says=st.text(),
    problem=st.sampled_from(list(PROBLEMS)),
)
NO_WORKER = Check("workers", Level.WARNING, "no worker has swept", "queue-unserved")
REASON = "--param reason_id=4"


@pytest.mark.parametrize(
    ("found", "standing", "run"),
    [
        ([NO_REDIS, NO_ACCOUNTS], None, "rescind init"),
        ([NO_REDIS, BAD_URL], None, None),
        ([NO_REDIS], None, "rescind up"),
        ([OK, NO_LEDGER], None, "rescind up"),
        (
            [OK, LANE],
            Standing(),
            f"rescind cancel dukkango ORDER --account branch-7 {REASON} --wait",
        ),
        (
            [OK, LANE, Check("notpanel/second", Level.OK, "good")],
            Standing(),
            "rescind cancel notpanel ORDER --account second --wait",
        ),
        ([OK, READABLE], Standing(), "rescind cancel PROVIDER ORDER --wait"),
        ([OK], HELD, "rescind resume notpanel/second"),
        ([OK], replace(HELD, failed=True), FAILED.run),
        ([OK], BEGUN, None),
        ([OK, LANE, NO_WORKER], Standing(), "rescind up"),
        ([OK, NO_WORKER], Standing(begun=True, failed=True), "rescind up"),
    ],
)
def test_the_most_urgent_step_comes_first(
    found: list[Check], standing: Standing | None, run: str | None
) -> None:
    assert next_step(found, standing).run == run


def test_a_full_disk_comes_before_what_it_causes() -> None:
    refuses = Check("redis", Level.WRONG, "MISCONF", "redis-refuses")
    workers = Check("workers", Level.UNREACHABLE, "MISCONF", "redis-unreachable")
    full = Check("ledger", Level.UNREACHABLE, "the disk is full", "disk-full")
    assert "the disk is full" in next_step([refuses, workers, full], BEGUN).says


def test_a_problem_without_a_command_is_shown_as_the_check_reported_it() -> None:
    assert "it is no URL" in next_step([NO_REDIS, BAD_URL], BEGUN).says


@given(st.lists(checks), checks)
def test_no_step_claims_that_all_is_well_while_a_check_is_wrong(
    found: list[Check], one: Check
) -> None:
    step = next_step([*found, one], HELD)
    if one.level >= Level.WRONG:
        assert step not in (NOTHING, held_step("notpanel/second"), FAILED)


@given(st.lists(checks))
def test_without_accounts_nothing_else_comes_first(found: list[Check]) -> None:
    others = [one for one in found if one.problem != "accounts-missing"]
    assert next_step([*others, NO_ACCOUNTS], BEGUN) == INIT


@pytest.mark.parametrize(
    ("problem", "part"),
    [("base-url-wrong", "base_url"), ("credentials-refused", "the credentials")],
)
def test_the_step_names_what_is_wrong_with_an_account(problem: str, part: str) -> None:
    refused = Check("notpanel/second", Level.WRONG, "no", problem)
    says = next_step([OK, refused], Standing()).says
    assert says.startswith(f"correct {part} of [notpanel.second] in the accounts file")


# --- as doctor says it ----------------------------------------------------------------


def test_the_step_is_doctors_last_line(home: Home) -> None:
    (home.path / "accounts.toml").unlink()
    shown = home.run("doctor").out.splitlines()[-1]
    assert shown.startswith("next ")
    assert "`rescind init`" in shown
    last = home.run("doctor", "--json").records[-1]
    assert (last["what"], last["next"]) == ("next", "rescind init")
    assert (last["level"], last["problem"]) == ("ok", None)


def test_the_standing_names_the_lane_of_a_fault_before_that_of_an_operator(
    home: Home,
) -> None:
    home.run("migrate")
    engine = open_ledger(f"sqlite:///{home.path / '.rescind' / 'ledger.db'}")
    fault = LaneState(held_at=NOW, held_reason="bad key", probe_at=NOW)
    with writing(engine) as connection:
        theirs = hold_for_operator(LaneState(), NOW, BY)
        write_lane(connection, ("akinon", "default"), theirs)
        write_lane(connection, ("notpanel", "default"), fault)
    assert standing_of(engine) == Standing(held="notpanel/default")


def test_the_standing_shows_submitted_failed_and_held_work(home: Home) -> None:
    home.run("migrate")
    engine = open_ledger(f"sqlite:///{home.path / '.rescind' / 'ledger.db'}")
    assert standing_of(engine) == Standing()
    home.run("cancel", "notpanel", "ord_1")
    assert standing_of(engine) == BEGUN
    home.run("hold", "notpanel/default")
    held = Standing(begun=True, held="notpanel/default")
    assert standing_of(engine) == held
    home.end("failed", "unresolved")
    assert standing_of(engine) == replace(held, failed=True)
    engine.dispose()
    assert standing_of(open_ledger(f"sqlite:///{home.path}/no/where.db")) is None
