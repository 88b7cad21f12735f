"""``rescind migrate`` beside processes of older versions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import pytest
from redis import Redis

from rescind.config.settings import settings
from rescind.config.times import utc_now
from rescind.ledger.storage import schema_versions
from rescind.ledger.storage.migrate import check
from rescind.ledger.storage.transactions import open_ledger
from rescind.ledger.storage.unreachable import LedgerVersionError
from rescind.runtime.resources import runtime
from rescind.system.service_wait import Patience
from rescind.telemetry import worker_records
from rescind.telemetry.worker_records import API_KEY, KEY, LATE, WorkerRecord
from tests.cli.test_cli_support import Home
from tests.later_program import CONTRACT, EXPAND, LaterProgram

HASHES = (KEY, API_KEY)


@pytest.fixture
def client(valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Redis]:
    monkeypatch.setenv("RESCIND_REDIS_URL", valkey_url)
    made = Redis.from_url(valkey_url)
    made.delete(*HASHES)
    yield made
    made.delete(*HASHES)
    made.close()


def record(schema: str, pid: int = 7) -> WorkerRecord:
    own = worker_records.own_record("0.1.0", utc_now(), utc_now(), (0, 0), None)
    return replace(own, host="far-away", pid=pid, schema=schema)


@pytest.mark.parametrize("key", HASHES)
@pytest.mark.parametrize("schema", ["", "ours"])
def test_the_upgrade_is_finished_when_no_older_process_runs(
    home: Home, client: Redis, program: LaterProgram, key: str, schema: str
) -> None:
    former = record(schema_versions.head() if schema else "")
    program.become(EXPAND, CONTRACT)
    done = home.run("migrate")
    assert "serves this version and the one before" in done.out
    assert "9002" in done.out
    worker_records.write(client, former, key)
    done = home.run("migrate", "--finish")
    assert done.status == 3
    assert "process 7 on far-away (Rescind 0.1.0)" in done.err
    assert "errors.md#upgrade-unfinished" in done.err

    # One of this version does not matter, nor does one that ended without a word.
    worker_records.write(client, record("9002"), key)
    late = record("", pid=8)
    late = replace(late, at=late.at - int(LATE.total_seconds() + 1) * 1000)
    worker_records.write(client, late, key)
    assert "is up to date" in home.run("migrate", "--finish").out
    assert "is up to date" in home.run("migrate", "--finish").out


def test_without_redis_nothing_is_finished(
    home: Home, program: LaterProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.become(EXPAND, CONTRACT)
    monkeypatch.setenv("RESCIND_REDIS_URL", "redis://127.0.0.1:1/0")
    assert home.run("migrate").status == 0
    done = home.run("migrate", "--finish")
    assert done.status == 3
    assert "cannot be reached" in done.err
    assert "serves this version" in home.run("migrate").out


def test_a_new_process_waits_until_the_tables_are_expanded(
    home: Home, client: Redis, program: LaterProgram
) -> None:
    del client
    program.become(EXPAND)
    settings.cache_clear()
    runtime.cache_clear()
    for _ in range(2):
        with pytest.raises(LedgerVersionError, match="run `rescind migrate`"):
            runtime()
    assert home.run("migrate").status == 0
    runtime().engine.dispose()
    runtime.cache_clear()


def test_doctor_says_what_is_left(
    home: Home, client: Redis, program: LaterProgram
) -> None:
    del client
    program.become(EXPAND, CONTRACT)
    home.run("migrate")
    [said] = [one for one in home.run("doctor").out.splitlines() if "(9002)" in one]
    assert said.startswith("warning")
    assert "`rescind migrate --finish`" in said


@pytest.mark.parametrize("schema", ["", "9002"])
def test_up_finishes_the_upgrade_unless_an_older_process_runs(
    sqlite_ledger_url: str,
    valkey_url: str,
    client: Redis,
    program: LaterProgram,
    schema: str,
) -> None:
    program.become(EXPAND, CONTRACT)
    worker_records.write(client, record(schema))
    Patience(lambda *_: None, lambda _: False).for_ledger(sqlite_ledger_url, valkey_url)
    engine = open_ledger(sqlite_ledger_url)
    check(engine)
    program.become()
    if schema:
        with pytest.raises(LedgerVersionError, match="upgrade this program"):
            check(engine)
    else:
        check(engine)
    engine.dispose()


def test_a_record_of_a_newer_version_is_read(client: Redis) -> None:
    newer = asdict(record("9003")) | {"more": True}
    client.hset(KEY, "far-away 7", json.dumps(newer))
    assert worker_records.records(client, utc_now()) == [record_of(newer)]


def record_of(told: dict[str, Any]) -> WorkerRecord:
    return replace(record("9003"), at=told["at"], started_at=told["started_at"])


def test_where_only_up_could_serve_no_process_is_looked_for(
    home: Home, program: LaterProgram
) -> None:
    program.become(EXPAND, CONTRACT)
    assert "is up to date" in home.run("migrate", "--finish").out
