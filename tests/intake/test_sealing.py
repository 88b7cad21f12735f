"""Tests of sealed data: a wrong key is reported, and a rotation loses nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Engine, select, update
from structlog.testing import capture_logs

from rescind.config.accounts import load_accounts
from rescind.config.queues import REDIS_OPTIONS
from rescind.engine.ledger_clock import clock_of
from rescind.engine.provider_tokens import Tokens
from rescind.engine.rate_limiter import Rates
from rescind.engine.sweeper import sweep
from rescind.intake.receipts import Receipt
from rescind.intake.submissions import take_in
from rescind.ledger.reading.queries import as_record, find, history
from rescind.ledger.seal import Seal, SealError, new_key
from rescind.ledger.storage.milliseconds import to_ms
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import reading, writing
from rescind.provider.system_clock import SystemClock
from rescind.runtime.background_job import BackgroundJob
from rescind.runtime.host import Host
from rescind.runtime.resources import AccountsFile, LoggingSeal, Runtime
from rescind.sandbox import Sandbox, running
from tests.cli.test_cli_support import Home, make_home
from tests.ledger import build
from tests.ledger.build import BY

OLD, NEW, OTHER = new_key(), new_key(), new_key()
LANE = ("akinon", "default")
PATH = "akinon/default/71"
IBAN = "TR330006100519786457841326"
ENTRY = {
    "provider": "akinon",
    "order": "71",
    "params": {"is_all": True, "reasons": {"101": 2}, "ibans": {"101": IBAN}},
}
C = CANCELLATION.c


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running(settle=0.0) as found:
        yield found


@contextmanager
def runtime(
    engine: Engine, valkey_url: str, accounts: Path, keys: str
) -> Iterator[Runtime]:
    with Redis.from_url(valkey_url) as client:
        yield Runtime(
            engine=engine,
            seal=LoggingSeal(keys),
            rates=Rates(valkey_url, REDIS_OPTIONS, SystemClock()),
            tokens=Tokens(client, Seal(OTHER)),
            accounts_file=AccountsFile(accounts),
            clock=clock_of(engine),
        )


@pytest.fixture
def accounts(tmp_path: Path, sandbox: Sandbox) -> Path:
    path = tmp_path / "accounts.toml"
    url = sandbox.base_url("akinon")
    path.write_text(f'[akinon.default]\ntoken = "sandbox-token"\nbase_url = "{url}"\n')
    path.chmod(0o600)
    return path


def work(here: Runtime) -> None:
    """Run the engine until the order is called, or found uncallable, and recorded."""
    jobs: dict[str, BackgroundJob] = {}
    host = Host(here, lambda _: jobs)
    before = len(record(here.engine)["history"])
    host.engine.notify([(LANE, "cancel")])
    give_up = time.monotonic() + 60
    while len(record(here.engine)["history"]) < before + 2:
        assert time.monotonic() < give_up, "nothing was recorded"
        time.sleep(0.01)
    host.stop()
    host.join()


def record(engine: Engine) -> dict[str, Any]:
    with reading(engine) as connection:
        row = find(connection, PATH)
        assert row is not None
        return {**as_record(row), "history": history(connection, row.id)}


def test_a_wrong_key_is_logged_and_the_order_waits_until_it_is_corrected(
    engine: Engine, valkey_url: str, accounts: Path, sandbox: Sandbox
) -> None:
    sandbox.reset()
    sandbox.seed("akinon", "71", "approved", instant=True)
    known, now = load_accounts(accounts), datetime.now(UTC)
    (taken,) = take_in(engine, known, Seal(OLD), [ENTRY], now, by=BY)
    assert taken.receipt is Receipt.ACCEPTED
    with capture_logs() as said, runtime(engine, valkey_url, accounts, NEW) as here:
        work(here)
    (line,) = [one for one in said if "cannot be opened" in one["event"]]
    assert "RESCIND_SEAL_KEY is not the key that sealed this" in line["why"]
    waiting = record(engine)
    assert (waiting["state"], waiting["attempts"]) == ("queued", 0)
    assert "RESCIND_SEAL_KEY is not the key" in waiting["history"][-1]["evidence"]
    assert sandbox.order("akinon", "71")["events"] == []
    _make_due(engine)
    with runtime(engine, valkey_url, accounts, f"{NEW},{OLD}") as here:
        work(here)
    assert record(engine)["state"] == "cancelled"
    assert len(sandbox.order("akinon", "71")["events"]) == 1


def test_an_order_whose_key_stays_missing_expires_unsent(
    engine: Engine, valkey_url: str, accounts: Path, sandbox: Sandbox
) -> None:
    sandbox.reset()
    known, now = load_accounts(accounts), datetime.now(UTC)
    before = now + timedelta(hours=1)
    entry = {**ENTRY, "cancel_before": before.isoformat()}
    take_in(engine, known, Seal(OLD), [entry], now, by=BY)
    with runtime(engine, valkey_url, accounts, NEW) as here:
        work(here)
    assert record(engine)["state"] == "queued"
    sweep(engine, known, before + timedelta(seconds=1), "this worker")
    found = record(engine)
    assert (found["state"], found["attempts"]) == ("expired", 0)
    assert found["reason"] == "deadline_passed"
    assert sandbox.orders("akinon") == []


def test_a_wrong_key_is_not_reported_again_for_each_order() -> None:
    seal, sealed = LoggingSeal(NEW), Seal(OLD).close("x")
    with capture_logs() as said:
        for _ in range(5):
            with pytest.raises(SealError):
                seal.open(sealed)
    assert len(said) == 1
    assert seal.open(Seal(NEW).close("x")) == "x"


def _make_due(engine: Engine) -> None:
    with writing(engine) as connection:
        now = to_ms(datetime.now(UTC))
        connection.execute(update(CANCELLATION).values(due_at=now))


# --- changing keys --------------------------------------------------------------------


@pytest.fixture
def home(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    valkey_url: str,
    ledger_url: str,
) -> Home:
    made = make_home(tmp_path, monkeypatch, capsys, valkey_url)
    monkeypatch.setenv("RESCIND_DATABASE_URL", ledger_url)
    made.write("accounts.toml", "")
    return made


def fill(engine: Engine, count: int, key: str = OLD, start: int = 0) -> None:
    seal = Seal(key)
    build.take_in(
        engine,
        [
            build.new(str(n), sealed=seal.close({"ibans": {"1": f"TR{n}"}}))
            for n in range(start, start + count)
        ],
    )


def sealed(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        return list(connection.execute(select(C.sealed)).scalars())


def opened_by(engine: Engine, keys: str) -> int:
    seal, count = Seal(keys), 0
    for one in sealed(engine):
        try:
            seal.open(one)
        except SealError:
            continue
        count += 1
    return count


def test_after_a_rotation_the_new_key_decrypts_everything(
    home: Home, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(engine, 1100)
    monkeypatch.setenv("RESCIND_SEAL_KEY", f"{NEW},{OLD}")
    assert (
        home.run("seal-key", "--rotate").out
        == "1100 encrypted again with the first key\n"
    )
    assert opened_by(engine, NEW) == 1100
    assert opened_by(engine, OLD) == 0
    found = {Seal(NEW).open(one)["ibans"]["1"] for one in sealed(engine)}
    assert found == {f"TR{n}" for n in range(1100)}


def test_a_killed_rotation_loses_nothing_and_can_be_run_again(
    home: Home, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    total = 3000
    fill(engine, total)
    monkeypatch.setenv("RESCIND_SEAL_KEY", f"{NEW},{OLD}")
    kill_in_the_middle(home, engine)
    done = opened_by(engine, NEW)
    assert 0 < done < total
    assert opened_by(engine, f"{NEW},{OLD}") == total
    monkeypatch.setenv("RESCIND_SEAL_KEY", NEW)
    (check,) = [
        one
        for one in home.run("doctor", "--json").records
        if one["what"] == "sealed data"
    ]
    assert check["level"] == "wrong"
    assert "put the former key behind the present one" in check["says"]
    monkeypatch.setenv("RESCIND_SEAL_KEY", f"{NEW},{OLD}")
    assert home.run("seal-key", "--rotate").status == 0
    assert opened_by(engine, NEW) == total


def kill_in_the_middle(home: Home, engine: Engine) -> None:
    first = build_first(engine)
    command = [sys.executable, "-m", "rescind", "seal-key", "--rotate"]
    with subprocess.Popen(
        command, cwd=home.path, env=home.environment(), stdout=subprocess.PIPE
    ) as process:
        give_up = time.monotonic() + 60
        while _sealed_of(engine, first[0]) == first[1]:
            assert process.poll() is None
            assert time.monotonic() < give_up
        process.send_signal(signal.SIGKILL)


def build_first(engine: Engine) -> tuple[str, str]:
    """The row that a rotation encrypts first: its id and its sealed data."""
    with reading(engine) as connection:
        chosen = select(C.id, C.sealed).order_by(C.id).limit(1)
        row = connection.execute(chosen).one()
    return row.id, row.sealed


def _sealed_of(engine: Engine, row_id: str) -> str:
    with reading(engine) as connection:
        chosen = select(C.sealed).where(C.id == row_id)
        return str(connection.execute(chosen).scalar_one())


def test_rows_that_no_key_decrypts_are_unchanged_and_counted(
    home: Home, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(engine, 3)
    fill(engine, 2, OTHER, start=3)
    monkeypatch.setenv("RESCIND_SEAL_KEY", f"{NEW},{OLD}")
    done = home.run("seal-key", "--rotate")
    assert done.status == 2
    assert "3 encrypted again" in done.out
    assert "2 could not be decrypted by any key" in done.err
    assert opened_by(engine, OTHER) == 2
    assert opened_by(engine, NEW) == 3


def test_doctor_counts_all_rows_that_the_key_does_not_decrypt(
    home: Home, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(engine, 2, OLD)
    fill(engine, 3, NEW, start=2)
    monkeypatch.setenv("RESCIND_SEAL_KEY", NEW)
    done = home.run("doctor")
    assert done.status == 2
    assert "(2 of the latest 5: they wait, and are not sent)" in done.out
    assert "Traceback" not in done.err


def test_reading_commands_need_no_key(
    home: Home, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(engine, 1)
    monkeypatch.setenv("RESCIND_SEAL_KEY", NEW)
    assert home.run("show", "notpanel/default/0", "--json").records[0]["order"] == "0"
    assert len(home.run("list", "--json").records) == 1
