"""Migrations of a ledger that is in use: first expand it, then contract it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Engine, Integer, event, func, inspect, text
from sqlmodel import SQLModel

from rescind.ledger.storage import migrate, schema_versions
from rescind.ledger.storage.migrate import (
    UnfinishedError,
    _config,
    check,
    upgrade,
)
from rescind.ledger.storage.migrations import online
from rescind.ledger.storage.schema_check import unfinished
from rescind.ledger.storage.transactions import (
    LedgerUnreachableError,
    open_ledger,
    reading,
    writing,
)
from rescind.ledger.storage.unreachable import LedgerVersionError
from tests.later_program import ADDS, CONTRACT, DROPS, EXPAND, LaterProgram
from tests.ledger.build import add, row
from tests.ledger.test_migrate import _has_a_model
from tests.ledger.unsafe_statements import why_unsafe

FIRST = "0008"
"""The newest migration of the first version of the program."""
KEEPS_INDEXES = "ALTER TABLE call ALTER id TYPE"
"""0012 changes the collation of texts: no row and no index is written."""


def test_a_former_and_a_new_program_share_a_ledger_until_it_is_contracted(
    engine: Engine, program: LaterProgram
) -> None:
    one = add(engine)
    program.become(EXPAND, CONTRACT)
    with pytest.raises(LedgerVersionError, match="run `rescind migrate`"):
        check(engine)
    assert upgrade(engine) == unfinished(engine) == ["9002"]
    check(engine)
    assert _later(engine) == [one]

    program.become()  # the former one
    check(engine)
    assert upgrade(engine) == []
    two = add(engine, order="2")

    program.become(EXPAND, CONTRACT)
    with pytest.raises(UnfinishedError, match="worker 7 on far-away lives"):
        upgrade(engine, lambda _: "worker 7 on far-away lives")
    check(engine)
    assert upgrade(engine, lambda _: None) == unfinished(engine) == []
    check(engine)
    assert [row(engine, each).id for each in (one, two)] == [one, two]
    assert "later" not in _columns(engine)

    program.become()
    for act in (check, upgrade):
        with pytest.raises(LedgerVersionError, match="upgrade this program"):
            act(engine)


def test_what_a_former_upgrade_left_is_finished_before_the_next_one(
    engine: Engine, program: LaterProgram
) -> None:
    program.become(EXPAND, CONTRACT)
    upgrade(engine)
    program.become(EXPAND, CONTRACT, ("expand", ADDS), ("contract", DROPS))
    with pytest.raises(UnfinishedError, match="`rescind migrate --finish`"):
        upgrade(engine)
    # A process of the former version survives its own contraction, not the next one.
    asked: list[str] = []

    def objection(revision: str) -> str | None:
        asked.append(revision)
        return "the former version lives" if revision > "9002" else None

    with pytest.raises(UnfinishedError, match="the former version lives"):
        upgrade(engine, objection)
    assert asked == ["9002", "9004"]
    assert unfinished(engine) == ["9004"]
    check(engine)


def test_a_new_ledger_gets_all_tables_at_once(
    empty_url: str, program: LaterProgram
) -> None:
    program.become(EXPAND, CONTRACT)
    engine = open_ledger(empty_url)
    assert upgrade(engine) == []
    check(engine)
    assert "later" not in _columns(engine)
    engine.dispose()


def test_a_migration_of_no_kind_is_refused(program: LaterProgram) -> None:
    program.become(("neither", "    pass\n"))
    with pytest.raises(schema_versions.UnmarkedMigrationError, match="9001_later"):
        schema_versions.known()


# --- PostgreSQL: no lock for long ----------------------------------------------------


# SQLAlchemy reflects a NOT VALID check of PostgreSQL, and warns of its own word for it.
@pytest.mark.filterwarnings("ignore:Can't validate argument 'dialect_options'")
def test_each_step_on_a_ledger_in_use_is_short(postgres_new_ledger_url: str) -> None:
    engine = open_ledger(postgres_new_ledger_url)
    with writing(engine) as connection:
        command.downgrade(_config(connection), FIRST)
    there = {*inspect(engine).get_table_names()} - {"alembic_version"}
    with _statements(engine) as made:
        upgrade(engine, lambda _: None)
    found = [why_unsafe(one, there) for one in made if KEEPS_INDEXES not in one]
    assert [why for why in found if why is not None] == []
    assert len([one for one in made if "CONCURRENTLY" in one]) >= 5
    with reading(engine) as connection:
        opts = {"compare_type": True, "include_object": _has_a_model}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, SQLModel.metadata) == []
    engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE INDEX ix ON call (id)",
        "CREATE UNIQUE INDEX ix ON call (id)",
        "DROP INDEX ix",
        "ALTER TABLE call ALTER COLUMN id TYPE bigint",
        'ALTER TABLE "call" ALTER status SET NOT NULL',
        "ALTER TABLE call ADD COLUMN made TEXT DEFAULT clock_timestamp()",
        "ALTER TABLE call ADD CONSTRAINT c CHECK (status > 0)",
        "UPDATE call\n SET status = 0",
        "DELETE FROM call WHERE status = 0",
        "TRUNCATE lane, call",
    ],
)
def test_what_locks_a_table_for_long_is_found(statement: str) -> None:
    assert why_unsafe(statement, ["cancellation", "call"])
    assert not why_unsafe(statement, ["lane2"]) or "DROP INDEX" in statement


def test_a_step_gives_up_a_lock_that_it_does_not_get_and_is_tried_again(
    postgres_new_ledger_url: str,
    program: LaterProgram,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(online, "LOCK_SECONDS", 0.05)
    monkeypatch.setattr(migrate, "REST_SECONDS", 0.0)
    monkeypatch.setattr(migrate, "TRIES", 2)
    engine = open_ledger(postgres_new_ledger_url)
    program.become(EXPAND)
    with writing(engine) as other:
        other.execute(text("LOCK TABLE cancellation IN ROW EXCLUSIVE MODE"))
        with pytest.raises(LedgerUnreachableError, match="9001 got no lock on a table"):
            upgrade(engine)
    upgrade(engine)
    check(engine)
    engine.dispose()


def test_a_migration_that_was_interrupted_goes_on(
    postgres_new_ledger_url: str, program: LaterProgram
) -> None:
    engine = open_ledger(postgres_new_ledger_url)
    one = add(engine)
    program.become(("expand", ADDS + "    raise KeyError\n"))
    with pytest.raises(KeyError):
        upgrade(engine)
    with writing(engine) as connection:
        # As an interrupted build leaves it.
        broken = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = "
        connection.execute(text(f"{broken} 'ix_later'::regclass"))
    program.become(EXPAND)
    upgrade(engine)
    with reading(engine) as connection:
        valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = "
        assert connection.execute(text(f"{valid} 'ix_later'::regclass")).scalar()
    assert _later(engine) == [one]
    engine.dispose()


def test_a_change_of_all_rows_is_made_in_batches(
    postgres_new_ledger_url: str,
    program: LaterProgram,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(online, "AT_ONCE", 2)
    engine = open_ledger(postgres_new_ledger_url)
    ids = [add(engine, order=str(n)) for n in range(5)]
    program.become(EXPAND)
    with _statements(engine) as made:
        upgrade(engine)
    assert len([one for one in made if one.startswith("UPDATE cancellation")]) == 3
    assert _later(engine) == sorted(ids)
    engine.dispose()


@pytest.mark.parametrize(
    "column",
    [
        Column("more", Integer, nullable=False),
        Column("more", Integer, server_default=func.random()),
    ],
)
def test_a_column_that_would_rewrite_all_rows_is_refused(column: Column[Any]) -> None:
    with pytest.raises(online.NotOnlineError, match=r"cancellation\.more"):
        online.add_column("cancellation", column)


@contextmanager
def _statements(engine: Engine) -> Iterator[list[str]]:
    """What is executed meanwhile."""
    made: list[str] = []

    def look(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        made.append(statement.strip())

    event.listen(engine, "before_cursor_execute", look)
    yield made
    event.remove(engine, "before_cursor_execute", look)


def _later(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        found = connection.execute(text("SELECT later FROM cancellation ORDER BY id"))
        return list(found.scalars())


def _columns(engine: Engine) -> set[str]:
    return {one["name"] for one in inspect(engine).get_columns("cancellation")}
