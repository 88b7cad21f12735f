"""Tests that a run submits all entries or none, and records that truly."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from rescind.browse.browsing import list_rows
from rescind.browse.wanted import Wanted
from rescind.config.accounts import Lane, load_accounts
from rescind.intake.preview import preview
from rescind.intake.receipts import Receipt
from rescind.intake.submissions import take_in
from rescind.ledger.reading.queries import as_record
from rescind.ledger.scheduling.schedule_history import as_document, runs_of
from rescind.ledger.scheduling.schedule_runs import (
    Run,
    RunState,
    claim_run,
    open_run,
    request_run,
    start_manual_run,
)
from rescind.ledger.seal import Seal, new_key
from rescind.ledger.storage.transactions import (
    LedgerUnreachableError,
    open_ledger,
    reading,
    writing,
)
from rescind.runtime.periodic_jobs import SCHEDULE_BOUND
from rescind.schedules.mapping import recipe_of
from rescind.schedules.rule_secrets import Secret
from rescind.schedules.rules import Rule, Schedules, load_schedules
from rescind.schedules.runner import (
    DELAYS,
    LEASE,
    LONGEST,
    MOST_ATTEMPTS,
    Ended,
    Runner,
    gather,
)
from rescind.schedules.source_rows import Row
from tests.cli.test_cli_support import ACCOUNTS
from tests.ledger.build import BY, HOUR, NOW, SECOND

MINUTE = timedelta(minutes=1)
RULE = """
[a]
%s
max = %s
provider = "notpanel"
group = "{name}-{date}"
source = { file = %s }
map = { order = "id" }
"""
IDS = re.compile(r"[0-9a-f-]{36}")


@pytest.fixture
def engine(sqlite_ledger_url: str) -> Iterator[Engine]:
    engine = open_ledger(sqlite_ledger_url)
    yield engine
    engine.dispose()


class World:
    """A rule with a file of orders, and a worker that runs it."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.folder, self.engine, self.now = folder, engine, NOW
        self.orders = folder / "orders.csv"
        (folder / "accounts.toml").write_text(ACCOUNTS)
        self.woken: list[Lane] = []
        self.seal = Seal(new_key())
        self.accounts = load_accounts(folder / "accounts.toml")

    def rule(self, timing: str = 'cron = "30 2 * * *"', most: int = 5) -> Rule:
        path = self.folder / "schedules.toml"
        path.write_text(RULE % (timing, most, json.dumps(str(self.orders))))
        return load_schedules(path).rules["a"]

    def found(self, *orders: str) -> None:
        self.orders.write_text("\n".join(["id", *orders]) + "\n")

    def runner(self, wake: Callable[[Iterable[Lane]], None] | None = None) -> Runner:
        note = wake or self.woken.extend
        clock = lambda: self.now  # noqa: E731
        return Runner(self.engine, self.accounts, self.seal, clock, note)

    def open(self, due_at: datetime = NOW) -> Run:
        with writing(self.engine) as connection:
            open_run(connection, "a", due_at, self.now)
            run = claim_run(connection, "a", self.now, LEASE)
        assert run is not None
        return run

    def again(self) -> Run | None:
        with writing(self.engine) as connection:
            return claim_run(connection, "a", self.now, LEASE)

    @property
    def last(self) -> dict[str, Any]:
        with reading(self.engine) as connection:
            return as_document(runs_of(connection, "a", 1)[0])

    @property
    def records(self) -> dict[str, dict[str, Any]]:
        with reading(self.engine) as connection:
            rows = list_rows(connection, Wanted(), 10_000)
        return {row.order_id: as_record(row) for row in rows}

    def counts(self) -> tuple[object, ...]:
        names = ("state", "found", "accepted", "duplicates", "refused")
        return tuple(self.last[name] for name in names)


@pytest.fixture
def world(tmp_path: Path, engine: Engine) -> World:
    return World(tmp_path, engine)


def test_an_order_names_the_schedule_or_the_operator_who_ran_it(world: World) -> None:
    world.found("ord_1")
    world.runner().run(world.rule(), world.open())
    world.found("ord_2")
    with writing(world.engine) as connection:
        by_hand = start_manual_run(connection, "a", NOW, LEASE, by="cli:ann@host")
    world.runner().run(world.rule(), by_hand)
    world.found("ord_3")
    with writing(world.engine) as connection:
        assert request_run(connection, "a", NOW + MINUTE, None, "token:ann")
    world.now += HOUR
    again = world.again()
    assert again is not None
    world.runner().run(world.rule(), again)
    by = {order: record["by"] for order, record in world.records.items()}
    assert by == {
        "ord_1": "schedule:a",
        "ord_2": "cli:ann@host",
        "ord_3": "token:ann",
    }


def test_found_orders_are_submitted_and_their_lane_is_notified(world: World) -> None:
    world.found("ord_1", "ord_2")
    world.runner().run(world.rule(), world.open())
    assert world.counts() == ("submitted", 2, 2, 0, 0)
    assert {r["state"] for r in world.records.values()} == {"queued"}
    assert world.records["ord_1"]["group"] == "a-2020-11-20"
    assert world.woken == [("notpanel", "default")]
    assert world.last["finished_at"] is not None


def test_a_row_waits_for_an_earlier_one_that_it_names(world: World) -> None:
    rule = world.rule()
    world.orders.write_text("id,r,a\nord_1,first,\nord_2,,first\nord_3,,nope\n")
    columns = {"order": "id", "ref": "r", "after": "a"}
    rule = replace(rule, recipe=recipe_of(columns, {"provider": "notpanel"}))
    world.runner().run(rule, world.open())
    assert world.counts() == ("submitted", 3, 2, 0, 1)
    states = {order: record["state"] for order, record in world.records.items()}
    assert states == {"ord_1": "queued", "ord_2": "scheduled", "ord_3": "rejected"}


def test_running_again_changes_nothing(world: World) -> None:
    world.found("ord_1", "ord_2")
    for day in range(2):
        world.runner().run(world.rule(), world.open(NOW + day * 24 * HOUR))
    assert world.counts() == ("submitted", 2, 0, 2, 0)
    assert {r["group"] for r in world.records.values()} == {"a-2020-11-20"}


def test_a_run_that_finds_nothing_succeeds(world: World) -> None:
    world.found()
    world.runner().run(world.rule(), world.open())
    assert world.counts() == ("submitted", 0, 0, 0, 0)


def test_beyond_the_max_nothing_is_submitted_and_the_run_is_held(world: World) -> None:
    world.found("ord_1", "ord_2", "ord_3")
    world.runner().run(world.rule(most=2), world.open())
    assert world.counts()[:3] == ("held", 3, 0)
    assert "it found more than 2" in world.last["why"]
    assert "`rescind schedule run a --max N`" in world.last["why"]
    assert world.records == {}
    world.runner().run(world.rule(most=3), world.open(NOW + HOUR))
    assert world.counts() == ("submitted", 3, 3, 0, 0)


def test_a_given_max_replaces_the_rules_own(world: World) -> None:
    world.found("ord_1", "ord_2", "ord_3")
    world.runner().run(world.rule(most=2), world.open(), 3)
    assert world.counts() == ("submitted", 3, 3, 0, 0)


def test_an_unmappable_row_stops_the_whole_run(world: World) -> None:
    world.orders.write_text('{"id": "ord_1"}\n{"order": "ord_2"}\n')
    world.runner().run(world.rule(), world.open())
    assert world.last["state"] == "failed"
    assert "line 2 has no column 'id'" in world.last["why"]
    assert world.records == {}


def test_a_refused_row_is_kept_and_affects_no_other(world: World) -> None:
    world.orders.write_text('{"id": "ord_1"}\n{"id": "not good!"}\n{"id": null}\n')
    world.runner().run(world.rule(), world.open())
    assert world.counts() == ("submitted", 3, 1, 0, 2)
    assert world.records["ord_1"]["state"] == "queued"
    assert world.records["not good!"]["state"] == "rejected"


def test_many_entries_are_submitted_in_chunks(world: World) -> None:
    world.found(*(f"ord_{number}" for number in range(2001)))
    woken: list[list[Lane]] = []
    world.runner(lambda lanes: woken.append(list(lanes))).run(
        world.rule(most=5000), world.open()
    )
    assert world.counts() == ("submitted", 2001, 2001, 0, 0)
    assert woken == [[("notpanel", "default")]] * 3


# --- failures -----------------------------------------------------------------------


def test_an_unreachable_source_is_tried_again_and_then_given_up(
    world: World,
) -> None:
    rule, runner = world.rule(), world.runner()
    runner.run(rule, world.open())
    for delay in DELAYS:
        assert (world.last["state"], world.last["finished_at"]) == ("running", None)
        assert "does not exist" in world.last["why"]
        world.now += delay - SECOND
        assert world.again() is None
        world.now += SECOND
        run = world.again()
        assert run is not None
        runner.run(rule, run)
    assert world.last["state"] == "failed"
    assert world.last["attempts"] == MOST_ATTEMPTS == 3


def test_a_source_that_comes_back_is_read(world: World) -> None:
    world.runner().run(world.rule(), world.open())
    world.found("ord_1")
    world.now += DELAYS[0]
    run = world.again()
    assert run is not None
    world.runner().run(world.rule(), run)
    assert world.counts() == ("submitted", 1, 1, 0, 0)
    assert world.last["why"] is None


def test_a_rule_that_runs_again_soon_is_not_tried_again(world: World) -> None:
    world.runner().run(world.rule('every = "1m"'), world.open())
    assert world.last["state"] == "failed"


def test_an_operators_run_fails_at_once(world: World) -> None:
    with writing(world.engine) as connection:
        run = start_manual_run(connection, "a", NOW, LEASE, by=BY)
    ended = world.runner().run(world.rule(), run)
    assert (world.last["state"], ended.passing) == ("failed", True)


def test_a_worker_that_lost_its_lease_submits_no_more(world: World) -> None:
    world.found(*(f"ord_{number}" for number in range(1001)))
    run = world.open()

    def die(_lanes: Iterable[Lane]) -> None:
        world.now += LEASE
        assert world.again() is not None

    ended = world.runner(die).run(world.rule(most=5000), run)
    assert ended.state == "running"
    assert len(world.records) == 1000
    assert world.last["state"] == "running"


def test_a_long_run_keeps_its_lease(world: World) -> None:
    world.found(*(f"ord_{number}" for number in range(3001)))
    run = world.open()

    def slow(_lanes: Iterable[Lane]) -> None:
        world.now += LONGEST / 4
        assert world.again() is None

    assert LONGEST * 3 / 4 > LEASE
    world.runner(slow).run(world.rule(most=5000), run)
    assert world.counts() == ("submitted", 3001, 3001, 0, 0)


def test_a_run_that_takes_too_long_ends_with_its_counts(world: World) -> None:
    world.found(*(f"ord_{number}" for number in range(3001)))

    def slow(_lanes: Iterable[Lane]) -> None:
        world.now += LONGEST / 2

    world.runner(slow).run(world.rule(most=5000), world.open())
    assert world.counts() == ("failed", 3001, 2000, 0, 0)
    assert len(world.records) == 2000
    why = world.last["why"]
    assert (
        "ended after 180 s, when 2000 of the 3001 that it found were submitted" in why
    )
    assert "`rescind schedule run a` submits the others" in why


def test_a_run_by_hand_has_no_time_limit(world: World) -> None:
    world.found(*(f"ord_{number}" for number in range(3001)))
    with writing(world.engine) as connection:
        run = start_manual_run(connection, "a", NOW, LEASE, by=BY)

    def slow(_lanes: Iterable[Lane]) -> None:
        world.now += LONGEST

    world.runner(slow).run(world.rule(most=5000), run)
    assert world.counts() == ("submitted", 3001, 3001, 0, 0)


def test_a_run_ends_by_itself_before_the_watchdog_takes_it_for_hanging() -> None:
    assert LONGEST.seconds < SCHEDULE_BOUND


def test_a_worker_gives_its_run_back_at_shutdown(world: World) -> None:
    world.found("ord_1")
    told = replace(world.runner(), stopping=lambda: True)
    assert told.run(world.rule(), world.open()).state == "running"
    run = world.again()
    assert run is not None
    assert run.attempts == 1


def waiting(world: World, found: Schedules, attempts: int = 0) -> Ended | None:
    """Run the waiting run, after ``deaths`` workers have died at it."""
    with writing(world.engine) as connection:
        open_run(connection, "a", NOW, world.now)
    for _ in range(attempts):
        assert world.again() is not None
        world.now += LEASE
    return world.runner().run_waiting("a", found)


def test_a_waiting_run_runs_once(world: World) -> None:
    world.found("ord_1")
    found = Schedules({"a": world.rule()})
    ended = waiting(world, found)
    assert ended is not None
    assert ended.state == "submitted"
    assert waiting(world, found) is None


@pytest.mark.parametrize(("deaths", "state"), [(2, "submitted"), (3, "failed")])
def test_a_run_at_which_workers_die_is_given_up(
    world: World, deaths: int, state: str
) -> None:
    world.found("ord_1")
    waiting(world, Schedules({"a": world.rule()}), deaths)
    assert world.last["state"] == state
    why = world.last["why"] or ""
    assert ("its worker died each time" in why) == (deaths == 3)
    assert ("`rescind schedule run a` submits the others" in why) == (deaths == 3)


def test_a_run_of_a_faulty_rule_fails_with_the_fault(world: World) -> None:
    waiting(world, Schedules(faults={"a": "[a]: max is required"}))
    assert (world.last["state"], world.last["why"]) == (
        "failed",
        "[a]: max is required",
    )


def test_a_run_of_a_rule_that_another_worker_may_have_is_left_to_it(
    world: World,
) -> None:
    assert waiting(world, Schedules()) is None
    assert (world.last["state"], world.last["attempts"]) == ("running", 0)


class Broken:
    """A source that always fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def read(self, most: int) -> list[Row]:
        raise self.error

    def secrets(self) -> list[Secret]:
        return []


def test_a_bug_ends_the_run_and_shows_no_data(world: World) -> None:
    rule = replace(world.rule(), source=Broken(KeyError("s3cret")))
    waiting(world, Schedules({"a": rule}))
    assert world.last["why"] == "it cannot be run: KeyError"


def test_an_unreachable_ledger_leaves_the_run_to_its_lease(world: World) -> None:
    world.found("ord_1")

    def away(_lanes: Iterable[Lane]) -> None:
        raise LedgerUnreachableError

    with writing(world.engine) as connection:
        open_run(connection, "a", NOW, world.now)
    with pytest.raises(LedgerUnreachableError):
        world.runner(away).run_waiting("a", Schedules({"a": world.rule()}))
    assert world.last["state"] == "running"


def test_a_repeated_failure_is_logged_once(world: World) -> None:
    rule = world.rule('every = "1m"')
    with capture_logs() as logs:
        for minute in range(4):
            world.now = NOW + minute * MINUTE
            world.runner().run(rule, world.open(world.now))
        world.found("ord_1")
        world.now += MINUTE
        world.runner().run(rule, world.open(world.now))
    said = [(one["log_level"], one.get("state", "ok")) for one in logs]
    assert said == [
        ("warning", "failed"),
        *[("debug", "failed")] * 3,
        ("info", "ok"),
    ]


def test_a_failure_is_logged_though_a_run_by_hand_has_failed_so_before(
    world: World,
) -> None:
    rule = world.rule('every = "1m"')
    with writing(world.engine) as connection:
        by_hand = start_manual_run(connection, "a", NOW, LEASE, by=BY)
    with capture_logs() as logs:
        world.runner().run(rule, by_hand)
        world.now += MINUTE
        world.runner().run(rule, world.open(world.now))
    assert [one["log_level"] for one in logs] == ["warning"]


# --- a dry run ----------------------------------------------------------------------

orders = ["ord_1", "ord_2", "ord_2", "not good!", "ord_3"]


@pytest.mark.parametrize("before", [[], ["ord_2"], ["not good!", "ord_1"]])
def test_a_preview_predicts_what_intake_does(world: World, before: list[str]) -> None:
    def taken(act: Any, listed: list[dict[str, Any]]) -> list[tuple[Receipt, str]]:
        done = act(world.engine, world.accounts, world.seal, listed, NOW)
        return [(one.receipt, IDS.sub("ID", one.wrong or "")) for one in done]

    listed: list[dict[str, Any]] = [
        {"provider": "notpanel", "order": order, "params": {}} for order in orders
    ]
    # The same key for another order, in the same run and in the ledger.
    listed += [{"provider": "notpanel", "order": "ord_9", "key": "ord_3"}]
    personal = {
        "ibans": {"1": "TR560006100519786457845678"},
        "holder_names": {"1": "A"},
    }
    params = {"is_all": True, "reasons": {"1": 2}}
    listed += [
        {"provider": "akinon", "order": "77", "params": {**params, **personal}},
        {"provider": "akinon", "order": "77", "params": {**params, **personal}},
        {"provider": "akinon", "order": "77", "params": params},
    ]
    submit = partial(take_in, by=BY)
    taken(submit, [{"provider": "notpanel", "order": one} for one in before])
    kept = world.records
    foreseen = taken(preview, listed)
    assert world.records == kept
    assert foreseen == taken(submit, listed)


def test_to_gather_changes_nothing(world: World) -> None:
    world.found("ord_1")
    harvest = gather(world.rule(), NOW)
    assert [one["order"] for one in harvest.entries] == ["ord_1"]
    assert not harvest.over
    assert world.records == {}


def test_a_result_is_recorded_once(world: World) -> None:
    run = world.open()
    runner = world.runner()
    runner.end(run, Ended(RunState.FAILED, why="first"))
    runner.end(run, Ended(RunState.FAILED, why="second"))
    assert world.last["why"] == "first"
