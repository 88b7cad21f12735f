"""Statements and commands are counted from the servers' own records."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from redis import Redis
from sqlalchemy import create_engine, text

from bench.counting import Commands, StatementLog, between, commands, is_counted
from bench.processes import ROOT

BEFORE = "2026-11-20 18:00:00.001 UTC [77] LOG:  statement: SELECT 'before'\n"
LOG = """\
2026-11-20 18:00:01.001 UTC [77] LOG:  statement: BEGIN
2026-11-20 18:00:01.002 UTC [77] LOG:  execute <unnamed>: SELECT cancellation.id
\tFROM cancellation
\tWHERE cancellation.note = $1
2026-11-20 18:00:01.002 UTC [77] DETAIL:  Parameters: $1 = 'LOG:  statement: no'
2026-11-20 18:00:01.003 UTC [77] LOG:  execute _pg3_0: SELECT cancellation.id
\tFROM cancellation
2026-11-20 18:00:01.004 UTC [77] ERROR:  relation "nothing" does not exist
2026-11-20 18:00:01.004 UTC [77] STATEMENT:  SELECT * FROM nothing
2026-11-20 18:00:01.005 UTC [78] LOG:  checkpoint starting: time
2026-11-20 18:00:01.006 UTC [77] LOG:  statement: SET enable_sort = off
2026-11-20 18:00:01.007 UTC [77] LOG:  statement: COMMIT
"""


def test_a_server_log_counts_each_statement_once_and_no_transaction_control(
    tmp_path: Path,
) -> None:
    path = tmp_path / "log"
    path.write_text(BEFORE)
    log = StatementLog.of_postgres(path)
    mark = log.mark()
    path.write_text(BEFORE + LOG)
    assert log.since(mark) == {
        "SELECT cancellation.id": 2,
        "SET enable_sort = off": 1,
    }


def test_a_log_that_does_not_exist_yet_is_empty(tmp_path: Path) -> None:
    log = StatementLog.of_a_worker(tmp_path / "none")
    assert log.mark() == 0
    assert log.since(0) == Counter()


@pytest.mark.parametrize(
    ("statement", "counted"),
    [
        ("BEGIN IMMEDIATE", False),
        ("begin", False),
        (" COMMIT", False),
        ("ROLLBACK TO SAVEPOINT s", False),
        ("-- UPDATE of a trigger", False),
        ("SELECT 1", True),
        ("PRAGMA user_version", True),
        ("BEGINNING", True),
        ("WITH due AS (SELECT 1) UPDATE t SET x = 1", True),
    ],
)
def test_only_transaction_control_is_left_out(statement: str, counted: bool) -> None:
    assert is_counted(statement) is counted


WORKER = """
import os
from bench import counted
from sqlalchemy import create_engine, text
engine = create_engine(os.environ["LEDGER"])
with engine.begin() as connection:
    connection.execute(text("CREATE TABLE t (x integer)"))
    connection.execute(text("INSERT INTO t VALUES (:x)"), [{"x": 1}, {"x": 2}])
print(counted.app.main)
"""


def test_the_counted_app_is_the_workers_own_and_writes_each_statement(
    tmp_path: Path, valkey_url: str
) -> None:
    path = tmp_path / "statements"
    env = {
        **os.environ,
        "BENCH_STATEMENTS": str(path),
        "LEDGER": f"sqlite:///{tmp_path / 'some.db'}",
        "RESCIND_HOME": str(tmp_path),
        "RESCIND_REDIS_URL": valkey_url,
    }
    ended = subprocess.run(
        [sys.executable, "-c", WORKER],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.strip() == "rescind"
    found = StatementLog.of_a_worker(path).since(0)
    assert found["CREATE TABLE t (x integer)"] == 1
    # SQLite runs it once for each row.
    inserts = [n for what, n in found.items() if what.startswith("INSERT INTO t")]
    assert sum(inserts) == 2


def test_the_counts_of_redis_leave_out_the_benchs_own_command(valkey_url: str) -> None:
    with Redis.from_url(valkey_url) as ours, Redis.from_url(valkey_url) as other:
        other.ping()
        commands(ours)
        before = commands(ours)
        for _ in range(3):
            other.set("bench", "1")
        other.eval("return redis.call('GET', KEYS[1])", 1, "bench")
        found = between(before, commands(ours))
    assert +found.each == {"set": 3, "eval": 1, "get": 1}
    assert found.total == 5


def test_two_reads_without_commands_between_count_nothing() -> None:
    first = Commands(7, Counter(info=1, get=6))
    second = Commands(8, Counter(info=2, get=6))
    assert between(first, second).total == 0
    assert +between(first, second).each == {}


def test_postgres_logs_statements_of_its_own_database_and_counts_its_connections() -> (
    None
):
    from bench.stage import Services

    with Services() as services:
        stage = services.stage("postgresql")
        stage.log_statements()
        assert stage.log is not None
        log = StatementLog.of_postgres(stage.log)
        mark = log.mark()
        engine = create_engine(stage.database_url)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE t (x integer)"))
            connection.execute(text("SELECT * FROM t"))
            assert stage.connections() == 1
        engine.dispose()
        found = log.since(mark)
    assert found["CREATE TABLE t (x integer)"] == 1
    assert found["SELECT * FROM t"] == 1
    assert not [one for one in found if one.startswith("SELECT count")]
