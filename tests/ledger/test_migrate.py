from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event, inspect, select, text
from sqlmodel import SQLModel

from rescind.ledger.changes.lane_states import (
    LaneState,
    read_lane,
    register_lanes,
    write_lane,
)
from rescind.ledger.reading.queries import find
from rescind.ledger.states import State
from rescind.ledger.storage import transactions
from rescind.ledger.storage.migrate import (
    _config,
    check,
    upgrade,
)
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.schema_versions import known
from rescind.ledger.storage.search_tables import FULL_TEXT
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.tables import LANE as LANES
from rescind.ledger.storage.transactions import (
    LedgerUnreachableError,
    open_ledger,
    ping,
    reading,
    writing,
)
from rescind.ledger.storage.unreachable import LedgerVersionError
from rescind.operations.reconciling import note_restore
from rescind.provider.outcomes import Reason
from tests.conftest import free_port
from tests.ledger.build import LANE, NOW, add, hold, row, steps


def finish(engine: Engine) -> None:
    """Migrate all of it, as when no process of an older version lives."""
    assert upgrade(engine, lambda _: None) == []


@pytest.fixture
def empty(empty_url: str) -> Iterator[Engine]:
    """A database without tables."""
    engine = open_ledger(empty_url)
    yield engine
    engine.dispose()


# SQLAlchemy reflects a NOT VALID check of PostgreSQL, and warns of its own word for it.
@pytest.mark.filterwarnings("ignore:Can't validate argument 'dialect_options'")
def test_the_migrations_create_the_tables_of_the_models(empty: Engine) -> None:
    upgrade(empty)
    with reading(empty) as connection:
        opts = {"compare_type": True, "include_object": _has_a_model}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, SQLModel.metadata) == []


def _has_a_model(_object: object, name: str, kind: str, *_more: object) -> bool:
    """False for SQLite's full-text tables, and an index over a function: no model can
    describe them. The tests of the search need them."""
    full_text = kind == "table" and name.startswith(FULL_TEXT)
    return not full_text and name != "ix_search_words"


def test_the_migrations_create_the_checks_of_the_models(engine: Engine) -> None:
    # Alembic compares no CHECKs.
    for name, table in SQLModel.metadata.tables.items():
        wanted = {str(c.name) for c in table.constraints if "ck_" in str(c.name)}
        made = {c["name"] for c in inspect(engine).get_check_constraints(name)}
        assert made == wanted


def test_the_migrations_are_named_by_their_versions_in_order() -> None:
    newest_first = ScriptDirectory.from_config(_config()).walk_revisions()
    assert [one.revision for one in newest_first] == sorted(known(), reverse=True)


def test_sqlite_has_the_checks_of_the_models(sqlite_ledger_url: str) -> None:
    engine = open_ledger(sqlite_ledger_url)
    checks = CANCELLATION.constraints
    wanted = {str(c.name): str(c.sqltext) for c in checks if "ck_" in str(c.name)}  # type: ignore[attr-defined]
    found = inspect(engine).get_check_constraints("cancellation")
    assert {str(c["name"]): c["sqltext"] for c in found} == wanted
    engine.dispose()


def test_migrating_again_changes_nothing(engine: Engine) -> None:
    one = add(engine)
    before = row(engine, one)
    upgrade(engine)
    check(engine)
    assert row(engine, one) == before


def test_rows_of_an_older_version_survive_the_upgrade(
    empty: Engine,
) -> None:
    upgrade(empty)
    one = add(empty)
    # An older version knows no actors.
    before = {**row(empty, one)._asdict(), "submitted_by": None}
    history = steps(empty, one)
    with writing(empty) as connection:
        command.downgrade(_config(connection), "0001")
    finish(empty)
    assert row(empty, one)._asdict() == before
    assert steps(empty, one) == history
    [held] = hold(empty)
    assert held.id == one


def test_a_restore_that_an_older_version_has_noted_concerns_new_lanes(
    engine: Engine,
) -> None:
    with writing(engine) as connection:
        write_lane(connection, LANE, LaneState(restored_at=NOW))
        command.downgrade(_config(connection), "0030")
    finish(engine)
    with reading(engine) as connection:
        assert read_lane(connection, ("ithink", "new")).restored_at == NOW


def test_an_older_version_finds_a_restore_in_the_row_of_each_lane(
    engine: Engine,
) -> None:
    with writing(engine) as connection:
        note_restore(connection, NOW)
        register_lanes(connection, [LANE])
        command.downgrade(_config(connection), "0030")
        found = connection.execute(select(LANES.c.restored_at)).scalar_one()
    assert found == in_ms(NOW)


def test_an_older_version_can_read_what_was_withdrawn(engine: Engine) -> None:
    one = add(engine, State.WITHDRAWN)
    with writing(engine) as connection:
        command.downgrade(_config(connection), "0009")
    finish(engine)
    was = row(engine, one)
    assert (was.state, was.reason) == (State.EXPIRED, Reason.DEADLINE_PASSED)
    assert was.provider_message == "withdrawn"
    assert steps(engine, one) == [(1, None, State.EXPIRED)]


def test_the_rows_of_sqlite_keep_their_rowids(sqlite_ledger_url: str) -> None:
    engine = open_ledger(sqlite_ledger_url)
    gone, kept = add(engine, order="1"), add(engine, order="2")
    with writing(engine) as connection:
        connection.execute(
            text("DELETE FROM cancellation WHERE id = :id"), {"id": gone}
        )
        command.downgrade(_config(connection), "0009")
    finish(engine)
    with reading(engine) as connection:
        found = connection.execute(text("SELECT rowid, id FROM cancellation")).all()
    assert [tuple(one) for one in found] == [(2, kept)]
    engine.dispose()


def test_an_operators_additions_to_sqlite_survive_the_upgrade(
    sqlite_ledger_url: str,
) -> None:
    engine = open_ledger(sqlite_ledger_url)
    one = add(engine)
    with writing(engine) as connection:
        command.downgrade(_config(connection), "0006")
        connection.execute(text("CREATE VIEW own AS SELECT id FROM cancellation"))
        connection.execute(
            text(
                "CREATE TRIGGER mine AFTER UPDATE ON cancellation"
                " BEGIN DELETE FROM schedule; END"
            )
        )
    finish(engine)
    with reading(engine) as connection:
        assert connection.execute(text("SELECT id FROM own")).scalars().all() == [one]
        kept = "SELECT tbl_name FROM sqlite_master WHERE name = 'mine'"
        assert connection.execute(text(kept)).scalar() == "cancellation"
    engine.dispose()


def test_postgresql_may_scan_tables_in_migrations_and_nowhere_else(
    postgres_empty_url: str,
) -> None:
    engine = open_ledger(postgres_empty_url)
    settings: list[str] = []

    @event.listens_for(engine, "before_cursor_execute")
    def look(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO tally"):
            shown = connection.exec_driver_sql("SHOW enable_hashjoin")
            settings.append(str(shown.scalar()))

    upgrade(engine)
    with writing(engine) as connection:
        after = connection.execute(text("SHOW enable_hashjoin")).scalar()
    engine.dispose()
    assert set(settings) == {"on"}
    assert after == "off"


def test_of_several_that_start_at_once_only_one_migrates(empty: Engine) -> None:
    start = threading.Barrier(4)
    failed: list[Exception] = []

    def run() -> None:
        start.wait()
        engine = open_ledger(empty.url.render_as_string(hide_password=False))
        try:
            upgrade(engine)
        except Exception as error:  # noqa: BLE001
            failed.append(error)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    check(empty)


def test_a_ledger_of_a_newer_version_is_refused(engine: Engine) -> None:
    one = add(engine)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("UPDATE schema_range SET oldest = '9998'"))
    for act in (upgrade, check):
        with pytest.raises(LedgerVersionError) as caught:
            act(engine)
        said = str(caught.value)
        assert "written by a newer Rescind (its version is 9999" in said
        assert "upgrade this program" in said
    assert row(engine, one).id == one


def test_the_error_of_an_empty_ledger_names_the_command(empty: Engine) -> None:
    with pytest.raises(LedgerVersionError, match="run `rescind migrate`"):
        check(empty)


def test_the_error_of_a_ledger_without_tables_names_the_command(empty: Engine) -> None:
    with (
        pytest.raises(LedgerUnreachableError, match="no tables yet: run `rescind mig"),
        reading(empty) as connection,
    ):
        find(connection, "x")


# --- a ledger that cannot be reached ------------------------------------------------


def test_a_server_that_is_down_is_reported_in_a_sentence() -> None:
    url = f"postgresql+psycopg://me:s3cret@127.0.0.1:{free_port()}/rescind"
    engine = open_ledger(url)
    for act in (ping, check, upgrade):
        with pytest.raises(LedgerUnreachableError, match="cannot be reached") as caught:
            act(engine)
        assert "s3cret" not in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_missing_database_is_not_taken_for_one_without_tables(
    postgres_url: str,
) -> None:
    engine = open_ledger(postgres_url.replace("/postgres?", "/nobody?"))
    with pytest.raises(LedgerUnreachableError, match="cannot be reached") as caught:
        ping(engine)
    assert 'database "nobody" does not exist' in str(caught.value)
    assert "rescind migrate" not in str(caught.value)


def test_a_missing_folder_is_reported_in_a_sentence(tmp_path: Path) -> None:
    engine = open_ledger(f"sqlite:///{tmp_path}/none/ledger.db")
    with pytest.raises(LedgerUnreachableError, match="unable to open database file"):
        ping(engine)


def test_a_file_that_is_no_database_is_reported_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_text("this is a shopping list, not a database\n" * 100)
    with pytest.raises(LedgerUnreachableError, match="not a database"):
        ping(open_ledger(f"sqlite:///{path}"))
    assert path.read_text().startswith("this is a shopping list")


@pytest.mark.parametrize("url", ["mysql://u:s3cret@h/d", "oracle://u:s3cret@h/d"])
def test_another_kind_of_database_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="only sqlite:/// and postgresql") as caught:
        open_ledger(url)
    assert "s3cret" not in str(caught.value)


def test_plain_postgresql_urls_work_with_our_driver(postgres_ledger_url: str) -> None:
    plain = postgres_ledger_url.replace("postgresql+psycopg:", "postgresql:")
    engine = open_ledger(plain)
    check(engine)
    engine.dispose()


def test_a_database_that_comes_back_is_used_again(postgres_ledger_url: str) -> None:
    engine = open_ledger(postgres_ledger_url)
    one = add(engine)
    kill = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    other = open_ledger(postgres_ledger_url)
    with writing(other) as connection:
        connection.execute(kill)
    other.dispose()
    assert row(engine, one).id == one
    engine.dispose()


def test_readers_do_not_wait_for_a_writer(engine: Engine) -> None:
    one = add(engine)
    with writing(engine) as writer:
        writer.execute(text("UPDATE cancellation SET polls = 1"))
        assert row(engine, one).polls == 0
    assert row(engine, one).polls == 1


def test_one_reading_transaction_sees_one_snapshot(engine: Engine) -> None:
    one, polls = add(engine), text("SELECT polls FROM cancellation")
    with reading(engine) as connection:
        before = connection.execute(polls).scalar_one()
        with writing(engine) as writer:
            writer.execute(text("UPDATE cancellation SET polls = 7"))
        assert connection.execute(polls).scalar_one() == before
    assert row(engine, one).polls == 7


def test_a_writer_that_hangs_in_its_turn_blocks_no_other_for_ever(
    sqlite_ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "TURN_SECONDS", 0.05)
    engine = open_ledger(sqlite_ledger_url)
    with Path(f"{engine.url.database}-turn").open("w") as frozen:
        fcntl.flock(frozen, fcntl.LOCK_EX)
        one = add(engine)
    assert row(engine, one).id == one
    engine.dispose()


def test_only_the_first_writer_waits_long_behind_one_that_stands_still(
    sqlite_ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    naps: list[float] = []
    clock = SimpleNamespace(monotonic=lambda: sum(naps), sleep=naps.append)
    monkeypatch.setattr(transactions, "time", clock)
    engine = open_ledger(sqlite_ledger_url)

    def waited() -> float:
        before = sum(naps)
        add(engine)
        return sum(naps) - before

    for _ in range(2):
        with Path(f"{engine.url.database}-turn").open("w") as frozen:
            fcntl.flock(frozen, fcntl.LOCK_EX)
            assert waited() >= transactions.TURN_SECONDS
            assert waited() < 2 * transactions.STUCK_SECONDS
        assert waited() == 0
    engine.dispose()


def test_threads_of_one_process_wait_for_each_other_without_asking_again(
    sqlite_ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    naps: list[float] = []
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=naps.append)
    monkeypatch.setattr(transactions, "time", clock)
    engine = open_ledger(sqlite_ledger_url)
    one, once = add(engine), text("UPDATE cancellation SET polls = polls + 1")

    def write(_: int) -> None:
        with writing(engine) as connection:
            connection.execute(once)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(64)))
    assert row(engine, one).polls == 64
    assert naps == []
    engine.dispose()


def test_a_thread_that_hangs_in_its_turn_blocks_no_other_for_ever(
    sqlite_ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transactions, "TURN_SECONDS", 0.05)
    engine = open_ledger(sqlite_ledger_url)
    with transactions._turn(f"{engine.url.database}-turn"):
        one = add(engine)
    assert row(engine, one).id == one
    engine.dispose()


def test_an_unfinished_transaction_changes_nothing(engine: Engine) -> None:
    one = add(engine)
    with pytest.raises(KeyError), writing(engine) as connection:  # noqa: PT012
        connection.execute(text("UPDATE cancellation SET polls = 1"))
        raise KeyError
    assert row(engine, one).polls == 0
