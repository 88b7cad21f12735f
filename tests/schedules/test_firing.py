"""Tests that a rule fires once for each moment, and for none before it was added."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete
from structlog.testing import capture_logs

from rescind.ledger.scheduling.schedule_history import as_document, runs_of
from rescind.ledger.scheduling.schedule_runs import (
    Run,
    RunState,
    claim_run,
    finish,
    start_manual_run,
)
from rescind.ledger.storage.side_tables import SCHEDULE, SCHEDULE_RUN
from rescind.ledger.storage.transactions import open_ledger, reading, writing
from rescind.schedules.firing import RARELY, RULE_GONE, Firing
from rescind.schedules.rules import Schedules, load_schedules
from tests.ledger.build import BY, HOUR, LEASE, NOW, SECOND
from tests.ledger.plans import statements

MINUTE = timedelta(minutes=1)
REST = """
max = 5
provider = "notpanel"
source = { file = "x.csv" }
map = { order = "id" }
"""
HOURLY = f'[a]\nevery = "1h"{REST}'
NEXT = NOW.replace(minute=0, second=0, microsecond=0) + HOUR
"""The first moment of ``HOURLY`` after ``NOW``."""


@pytest.fixture
def engine(sqlite_ledger_url: str) -> Iterator[Engine]:
    """SQLite only: the ledger's own tests cover differences between databases."""
    engine = open_ledger(sqlite_ledger_url)
    yield engine
    engine.dispose()


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def written(text: str) -> Schedules:
        path = tmp_path / "schedules.toml"
        path.write_text(text)
        return load_schedules(path)

    return written


def moments(engine: Engine, name: str = "a") -> list[datetime]:
    """The moments of all runs of the schedule, the oldest first."""
    with reading(engine) as connection:
        rows = runs_of(connection, name, 1000)
    return sorted(datetime.fromisoformat(as_document(row)["due_at"]) for row in rows)


def done(engine: Engine, now: datetime, name: str = "a") -> Run | None:
    """Take the waiting run, and end it."""
    with writing(engine) as connection:
        run = claim_run(connection, name, now, LEASE)
        if run is not None:
            finish(connection, run, RunState.SUBMITTED, now)
    return run


def test_a_new_rule_does_not_fire_for_the_past(engine: Engine, write: Any) -> None:
    firing, rules = Firing(), write(HOURLY)
    assert firing.tick(engine, rules, NOW) == []
    assert firing.tick(engine, rules, NEXT - SECOND) == []
    assert moments(engine) == []


def test_a_due_rule_is_reported_until_a_worker_takes_its_run(
    engine: Engine, write: Any
) -> None:
    firing, rules = Firing(), write(HOURLY)
    firing.tick(engine, rules, NOW)
    for late in (0, 1, 2):
        assert firing.tick(engine, rules, NEXT + late * SECOND) == ["a"]
    assert moments(engine) == [NEXT]
    assert done(engine, NEXT + 3 * SECOND) is not None
    assert firing.tick(engine, rules, NEXT + 4 * SECOND) == []
    assert firing.tick(engine, rules, NEXT + HOUR) == ["a"]
    assert moments(engine) == [NEXT, NEXT + HOUR]


def test_several_workers_open_one_run_for_a_moment(engine: Engine, write: Any) -> None:
    rules = write(HOURLY)
    fleet = [Firing() for _ in range(3)]
    for one in fleet:
        one.tick(engine, rules, NOW)
    for one in fleet:
        one.tick(engine, rules, NEXT)
    assert done(engine, NEXT) is not None
    for one in fleet:
        assert one.tick(engine, rules, NEXT + SECOND) == []
    assert moments(engine) == [NEXT]


def test_the_latest_missed_moment_is_caught_up(engine: Engine, write: Any) -> None:
    rules = write(HOURLY)
    Firing().tick(engine, rules, NOW)
    late = NEXT + 7 * HOUR + 10 * MINUTE
    assert Firing().tick(engine, rules, late) == ["a"]
    assert moments(engine) == [NEXT + 7 * HOUR]


@pytest.mark.parametrize(
    ("catch_up", "late", "fires"),
    [
        ("", 59 * MINUTE, True),
        ("", 61 * MINUTE, False),
        ('catch_up = "6h"', 5 * HOUR, True),
        ('catch_up = "5m"', 6 * MINUTE, False),
    ],
)
def test_a_moment_missed_too_long_ago_is_not_caught_up(
    engine: Engine, write: Any, catch_up: str, late: timedelta, fires: bool
) -> None:
    rules = write(f'[a]\ncron = "30 20 * * *"\n{catch_up}{REST}')
    Firing().tick(engine, rules, NOW)
    due_at = NOW.replace(hour=20, minute=30, second=0, microsecond=0)
    assert bool(Firing().tick(engine, rules, due_at + late)) == fires
    assert moments(engine) == ([due_at] if fires else [])
    # The next moment fires as usual.
    firing = Firing()
    firing.tick(engine, rules, due_at + late)
    done(engine, due_at + late)
    assert firing.tick(engine, rules, due_at + timedelta(days=1)) == ["a"]


def test_a_rule_with_other_moments_does_not_fire_for_the_past(
    engine: Engine, write: Any
) -> None:
    firing = Firing()
    firing.tick(engine, write(HOURLY), NOW)
    changed = write(HOURLY.replace("1h", "7m"))
    late = NOW + 30 * MINUTE
    assert firing.tick(engine, changed, late) == []
    assert firing.tick(engine, changed, late + 7 * MINUTE) == ["a"]
    (found,) = moments(engine)
    assert found > late


def test_a_rule_with_the_same_moments_goes_on(engine: Engine, write: Any) -> None:
    firing = Firing()
    firing.tick(engine, write(HOURLY), NOW)
    changed = write(HOURLY.replace("max = 5", "max = 6"))
    assert firing.tick(engine, changed, NEXT + MINUTE) == ["a"]
    assert moments(engine) == [NEXT]


def test_a_rule_that_was_removed_and_added_does_not_fire_for_the_past(
    engine: Engine, write: Any
) -> None:
    firing = Firing()
    firing.tick(engine, write(HOURLY), NOW)
    firing.tick(engine, write(""), NOW + MINUTE)
    assert firing.tick(engine, write(HOURLY), NEXT + MINUTE) == []
    assert moments(engine) == []


def test_an_unreadable_file_loses_no_moment(
    engine: Engine, write: Any, tmp_path: Path
) -> None:
    firing = Firing()
    firing.tick(engine, write(HOURLY), NOW)
    firing.tick(engine, write("[a"), NOW + MINUTE)
    firing.tick(engine, load_schedules(tmp_path / "none"), NOW + 2 * MINUTE)
    firing.tick(engine, write(f"[a]\n{REST}"), NOW + 3 * MINUTE)
    assert firing.tick(engine, write(HOURLY), NEXT + MINUTE) == ["a"]


def test_a_fault_of_the_file_is_logged_once(engine: Engine, write: Any) -> None:
    firing, rules = Firing(), write(f"{HOURLY}\n[b]\n{REST}")
    with capture_logs() as logs:
        for late in range(3):
            firing.tick(engine, rules, NOW + late * SECOND)
    (said,) = logs
    assert said["why"] == "[b]: must have either cron or every"


def test_a_moment_that_comes_while_the_former_run_is_open_runs_when_it_is_over(
    engine: Engine, write: Any
) -> None:
    firing, rules = Firing(), write(HOURLY)
    firing.tick(engine, rules, NOW)
    firing.tick(engine, rules, NEXT)
    with writing(engine) as connection:
        run = claim_run(connection, "a", NEXT, 3 * HOUR)
    assert run is not None
    for hours in (1, 2):
        assert firing.tick(engine, rules, NEXT + hours * HOUR) == []
    with writing(engine) as connection:
        finish(connection, run, RunState.SUBMITTED, NEXT + 2 * HOUR)
    assert firing.tick(engine, rules, NEXT + 2 * HOUR + MINUTE) == ["a"]
    # The later one of the two moments that have passed.
    assert moments(engine) == [NEXT, NEXT + 2 * HOUR]


def test_a_run_whose_worker_died_is_reported_again(engine: Engine, write: Any) -> None:
    firing, rules = Firing(), write(HOURLY)
    firing.tick(engine, rules, NOW)
    firing.tick(engine, rules, NEXT)
    with writing(engine) as connection:
        claim_run(connection, "a", NEXT, LEASE)
    assert firing.tick(engine, rules, NEXT + LEASE - SECOND) == []
    assert firing.tick(engine, rules, NEXT + LEASE) == ["a"]


def test_a_command_that_was_killed_is_not_run_by_others(
    engine: Engine, write: Any
) -> None:
    with writing(engine) as connection:
        start_manual_run(connection, "a", NOW, LEASE, by=BY)
    assert Firing().tick(engine, write(HOURLY), NOW + LEASE) == []
    with reading(engine) as connection:
        (row,) = runs_of(connection, "a", 10)
    assert row.state == "failed"
    assert "run it again" in row.why


def test_a_run_whose_rule_is_gone_everywhere_is_given_up(
    engine: Engine, write: Any
) -> None:
    firing = Firing()
    firing.tick(engine, write(HOURLY), NOW)
    firing.tick(engine, write(HOURLY), NEXT)
    gone = write("")
    # Another worker may still have the rule.
    assert firing.tick(engine, gone, NEXT + RULE_GONE - SECOND) == []
    with reading(engine) as connection:
        (row,) = runs_of(connection, "a", 10)
    assert row.state == "running"
    firing.tick(engine, gone, NEXT + RULE_GONE + RARELY)
    with reading(engine) as connection:
        (row,) = runs_of(connection, "a", 10)
    assert (row.state, row.why) == (
        "failed",
        "[a] is no longer in any worker's schedules file",
    )


def test_without_rules_a_tick_rarely_queries(engine: Engine, write: Any) -> None:
    firing, none, some = Firing(), write(""), write(HOURLY)
    firing.tick(engine, none, NOW)
    with statements(engine) as seen:
        firing.tick(engine, none, NOW + RARELY - SECOND)
        assert seen == []
        firing.tick(engine, none, NOW + RARELY)
        assert len(seen) == 1
    firing.tick(engine, some, NOW + RARELY)
    with statements(engine) as seen:
        firing.tick(engine, some, NOW + RARELY + SECOND)
        assert len(seen) == 1


# --- any sequence of ticks ------------------------------------------------------------


@pytest.fixture(scope="module")
def ledger(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    path = tmp_path_factory.mktemp("firing") / "ledger.db"
    path.write_bytes(sqlite_template.read_bytes())
    engine = open_ledger(f"sqlite:///{path}")
    yield engine
    engine.dispose()


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(1, 5000), st.booleans()),
        min_size=1,
        max_size=15,
    ),
    st.sampled_from(['every = "7m"', 'cron = "*/5 * * * *"', 'cron = "0 3,4 * * *"']),
)
@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25
)
def test_each_moment_runs_once_and_in_time_with_any_workers(
    ledger: Engine,
    write: Any,
    steps: list[tuple[int, int, bool]],
    timing: str,
) -> None:
    """Three workers tick at random times; some of them have just restarted."""
    with writing(ledger) as connection:
        connection.execute(delete(SCHEDULE_RUN))
        connection.execute(delete(SCHEDULE))
    rules = write(f"[a]\n{timing}{REST}")
    rule, fleet, now = rules.rules["a"], [Firing() for _ in range(3)], NOW
    fleet[0].tick(ledger, rules, now)
    before: list[datetime] = []
    for who, seconds, restarted in steps:
        now += timedelta(seconds=seconds)
        if restarted:
            fleet[who] = Firing()
        fleet[who].tick(ledger, rules, now)
        done(ledger, now)
        after = moments(ledger)
        # A tick opens at most one run, for the latest moment.
        fresh = [one for one in after if one not in before]
        assert len(fresh) <= 1
        for one in fresh:
            assert NOW < one <= now
            assert now - one < rule.catch_up
            coming = rule.timing.next_after(one)
            assert coming is None or coming > now
        assert set(before) <= set(after)
        before = after
        # No recent moment is missing.
        latest = max(before, default=NOW)
        missed = rule.timing.next_after(max(latest, now - rule.catch_up))
        assert missed is None or missed > now
