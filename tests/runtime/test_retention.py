"""Tests of retention: in the sweep, by hand, and during submissions."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, func, select
from structlog.testing import capture_logs

from rescind.intake.receipts import Receipt
from rescind.intake.submissions import take_in
from rescind.ledger.changes import deletion as ledger_retention
from rescind.ledger.changes import insertion as ledger_intake
from rescind.ledger.changes import refused_deletion
from rescind.ledger.changes.deletion import Pruning
from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.reading.counter_totals import flow, totals
from rescind.ledger.states import State
from rescind.ledger.storage.counters import SLOT
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import open_ledger, reading, writing
from rescind.operations.retention_check import retention_checks
from rescind.runtime import retention
from rescind.runtime.retention import Retention
from tests.cli.test_cli_support import Home
from tests.intake.test_submissions import SEAL
from tests.intake.test_validation import ACCOUNTS, GOOD
from tests.ledger.build import BY, NOW, new, progress

DAY = timedelta(days=1)


def end(engine: Engine, count: int, at: datetime, first: int = 0) -> None:
    """``count`` cancellations that ended at this time."""
    ended = progress(State.REJECTED, finished_at=at)
    rows = [new(str(n), progress=ended) for n in range(first, first + count)]
    with writing(engine) as connection:
        insert_new(connection, rows, at)


def left(engine: Engine) -> int:
    with reading(engine) as connection:
        chosen = select(func.count()).select_from(CANCELLATION)
        return int(connection.execute(chosen).scalar_one())


# --- in each sweep ------------------------------------------------------------------


def test_a_tick_deletes_only_some_and_the_next_goes_on(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BUDGET_SECONDS", 0.0)
    monkeypatch.setattr(ledger_retention, "AT_ONCE", 5)
    end(engine, 23, NOW - 3 * DAY)
    keeper, found = Retention(), []
    for _ in range(3):
        keeper.tick(engine, DAY, NOW)
        found.append(left(engine))
    assert found == [18, 13, 8]


def test_retention_rests_after_a_walk(engine: Engine) -> None:
    keeper = Retention()
    keeper.tick(engine, DAY, NOW)
    end(engine, 1, NOW - 3 * DAY)
    keeper.tick(engine, DAY, NOW)
    assert left(engine) == 1
    keeper.ended.rests_until = 0.0
    keeper.tick(engine, DAY, NOW)
    assert left(engine) == 0


def test_old_flow_is_deleted_even_without_a_retention(
    engine: Engine,
) -> None:
    end(engine, 1, NOW - 3 * DAY)
    end(engine, 1, NOW, first=1)
    Retention().tick(engine, None, NOW)
    with reading(engine) as connection:
        slots = [one.slot for one in flow(connection, NOW - 9 * DAY, NOW)]
        [ended] = [one for one in totals(connection) if one.metric == "outcome"]
    assert [NOW - one < SLOT for one in slots] == [True]
    assert ended.count == 2
    assert left(engine) == 2


def test_without_a_retention_all_is_kept(engine: Engine) -> None:
    end(engine, 1, NOW - 9000 * DAY)
    Retention().tick(engine, None, NOW)
    assert left(engine) == 1


def test_the_sweep_applies_the_configured_retention(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.run("cancel", "notpanel", "ord_1", "ord_2", "?")
    home.end("cancelled", "confirmed", "ord_1")
    monkeypatch.setenv("RESCIND_RETENTION", "1d")
    monkeypatch.setenv("RESCIND_REFUSED_RETENTION", "0d")
    done = home.sweep()
    assert (done.status, done.err) == (0, "")
    assert [one["order"] for one in home.run("list", "--json").records] == ["ord_2"]


# --- refused entries ----------------------------------------------------------------


def refuse(engine: Engine, at: datetime, *lanes: str, count: int = 1) -> None:
    """Refused entries: ``count`` for each account, and one that has no provider."""
    wrong = [
        {"provider": "notpanel", "account": lane, "order": f"bad {n}", "else": 1}
        for lane in lanes
        for n in range(count)
    ]
    taken = take_in(engine, ACCOUNTS, SEAL, [*wrong, "nothing"], at, by=BY)
    assert {one.receipt for one in taken} == {Receipt.REFUSED}


def test_refused_entries_are_deleted_after_their_time_and_nothing_else_is(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refused_deletion, "AT_ONCE", 3)
    refuse(engine, NOW - 3 * DAY, "default", "other", count=10)
    refuse(engine, NOW, "late")
    end(engine, 5, NOW - 3 * DAY)
    take_in(engine, ACCOUNTS, SEAL, [GOOD], NOW - 3 * DAY, by=BY)
    before = left(engine)
    keeper = Retention()
    keeper.tick(engine, None, NOW, 4 * DAY)
    assert left(engine) == before
    keeper.refused.rests_until = 0.0
    keeper.tick(engine, None, NOW, DAY)
    # The entry without a provider was refused again today: it is the same row.
    assert left(engine) == before - 21
    refuse(engine, NOW, "default")
    assert left(engine) == before - 19


def test_a_tick_deletes_only_some_refused_entries(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BUDGET_SECONDS", 0.0)
    monkeypatch.setattr(refused_deletion, "AT_ONCE", 4)
    refuse(engine, NOW - 3 * DAY, "default", count=10)
    keeper, found = Retention(), []
    for _ in range(4):
        keeper.tick(engine, None, NOW, DAY)
        found.append(left(engine))
    assert found == [7, 3, 1, 0]


# --- by hand ------------------------------------------------------------------------


def test_prune_counts_and_deletes(home: Home) -> None:
    home.run("cancel", "notpanel", "ord_1", "ord_2", "ord_3")
    home.end("cancelled", "confirmed", "ord_1")
    home.end("failed", "unresolved", "ord_2")
    counted = home.run("prune", "--older-than", "1d", "--dry-run")
    assert counted.out.startswith("2 cancellations that ended before 20")
    assert "would be deleted" in counted.out
    assert len(home.run("list", "--json").records) == 3
    [done] = home.run("prune", "--older-than", "1d", "--json").records
    assert (done["cancellations"], done["calls"], done["deleted"]) == (2, 0, True)
    assert [one["order"] for one in home.run("list", "--json").records] == ["ord_3"]
    assert home.run("show", "notpanel/default/ord_1").status == 2


def test_prune_uses_the_setting(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.run("cancel", "notpanel", "ord_1")
    home.end("cancelled", "confirmed")
    done = home.run("prune")
    assert done.status == 2
    assert "set RESCIND_RETENTION, or give --older-than 365d" in done.err
    monkeypatch.setenv("RESCIND_RETENTION", "30d")
    assert "1 cancellations that ended before" in home.run("prune").out


@pytest.mark.parametrize(
    ("age", "says"),
    [
        ("5h", "5h is too short: a cancellation that is submitted again after"),
        ("0d", "is too short"),
        ("-3d", "must be a number of days, such as 365d"),
        ("a year", "must be a number of days"),
        ("99999999d", "must be a number of days"),
    ],
)
def test_too_short_a_retention_is_refused_everywhere(
    home: Home, monkeypatch: pytest.MonkeyPatch, age: str, says: str
) -> None:
    home.run("cancel", "notpanel", "ord_1")
    home.end("cancelled", "confirmed")
    done = home.run("prune", f"--older-than={age}")
    assert done.status == 2
    assert says in done.err
    monkeypatch.setenv("RESCIND_RETENTION", age)
    for words in (["list"], ["doctor"], ["prune"]):
        done = home.run(*words)
        assert done.status == 2
        assert "RESCIND_RETENTION" in done.err
        assert says in done.err
    monkeypatch.delenv("RESCIND_RETENTION")
    assert len(home.run("list", "--json").records) == 1


def test_the_longest_duration_is_accepted(home: Home) -> None:
    assert home.run("prune", "--older-than", "99999d").out.startswith("0 cancell")


# --- while submissions come in ------------------------------------------------------


def test_a_row_deleted_while_it_is_submitted_again_is_inserted_again(
    postgres_ledger_url: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_ledger(postgres_ledger_url)
    other = open_ledger(postgres_ledger_url)
    [first] = take_in(engine, ACCOUNTS, SEAL, [GOOD], now, by=BY)
    with writing(engine) as connection:
        values = {"state": "failed", "reason": "unresolved"}
        connection.execute(
            CANCELLATION.update().values(**values, due_at=None, finished_at=1)
        )
    standing = ledger_intake.standing

    def late(connection: Connection, paths: Any) -> Any:
        walk = Pruning(other, now)
        while walk.step():
            pass
        return standing(connection, paths)

    monkeypatch.setattr(ledger_intake, "standing", late)
    [second, again] = take_in(engine, ACCOUNTS, SEAL, [GOOD, GOOD], now, by=BY)
    assert (second.receipt, again.receipt) == (Receipt.ACCEPTED, Receipt.DUPLICATE)
    assert second.id == again.id != first.id
    assert left(engine) == 1
    for one in (engine, other):
        one.dispose()


# --- behind -------------------------------------------------------------------------


def test_a_walk_that_lasts_too_long_gets_more_time_and_is_said_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BUDGET_SECONDS", 0.0)
    monkeypatch.setattr(retention, "BEHIND_BUDGET_SECONDS", 60.0)
    monkeypatch.setattr(ledger_retention, "AT_ONCE", 5)
    end(engine, 40, NOW - 3 * DAY)
    keeper = Retention()
    with capture_logs() as logs:
        for _ in range(2):
            keeper.tick(engine, DAY, NOW)
        assert left(engine) == 30
        monkeypatch.setattr(retention, "BEHIND_SECONDS", 0.0)
        keeper.tick(engine, DAY, NOW)
    assert left(engine) == 0
    assert [one for one in logs if "behind" in one["event"]] == [
        {
            "event": "retention is behind: it deletes for longer in each second",
            "log_level": "warning",
        }
    ]


@pytest.mark.parametrize(("ended", "young"), [(4, 1), (2, 3), (0, 5)])
def test_doctor_says_that_old_cancellations_are_still_there(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, ended: int, young: int
) -> None:
    monkeypatch.setattr(ledger_retention, "AT_ONCE", 5)
    end(engine, ended, NOW - 3 * DAY)
    end(engine, young, NOW - DAY, first=ended)
    [found] = retention_checks(engine, DAY, NOW)
    assert (found.problem == "retention-behind") == (ended > young)
    assert list(retention_checks(engine, None, NOW)) == []
    assert list(retention_checks(open_ledger("sqlite:////none/x.db"), DAY, NOW)) == []
