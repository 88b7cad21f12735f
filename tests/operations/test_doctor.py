"""Tests of `rescind doctor`: each fault is one line that says what to do."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import redis
from sqlalchemy import Engine
from structlog.testing import capture_logs

from rescind.config.home import Running, write_running
from rescind.config.queues import INTAKE, SWEEPS
from rescind.config.settings import settings
from rescind.engine.ledger_clock import clock_of
from rescind.errors import PROBLEMS
from rescind.errors.redis_refusals import refusal
from rescind.intake.submissions import take_in
from rescind.ledger.changes.stalled_lanes import mark
from rescind.ledger.seal import Seal, new_key
from rescind.ledger.states import State
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import writing
from rescind.operations.findings import Check, Level, clock_check, redis_checks, status
from rescind.operations.ledger_checks import ledger_checks
from rescind.operations.worker_checks import queue_checks
from rescind.provider.outcomes import Reason
from rescind.runtime.host import Host
from rescind.runtime.periodic_jobs import ScheduleJob, SweepJob
from rescind.system.local_system import _only_one
from rescind.telemetry import heartbeat
from tests.cli.test_cli_support import Home
from tests.intake.test_validation import ACCOUNTS, GOOD
from tests.ledger.build import BY, add
from tests.ledger.planned import after, claimed, finish
from tests.worker.threads import started


@pytest.fixture
def home(home: Home) -> Home:
    home.write("accounts.toml", "")
    (home.path / ".rescind" / "ledger.db").unlink()
    return home


def checks(home: Home) -> dict[str, dict[str, Any]]:
    found = home.run("doctor", "--json").records
    # Every check that is not OK names its section in docs/errors.md.
    for one in found:
        assert (one["level"] in ("ok", "absent")) == (one["problem"] is None)
        assert one["problem"] is None or one["problem"] in PROBLEMS
    return {one["what"]: one for one in found}


def test_settings_are_shown_with_their_origin_and_no_secret(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESCIND_API_TOKENS", "ann:read+submit:hush-hush-hush-hush")
    home.write(".env", "RESCIND_ACCOUNTS=mine.toml\n")
    monkeypatch.setenv("RESCIND_DATABSE_URL", "x")
    done = home.run("doctor")
    assert "hush" not in done.out
    found = checks(home)
    assert found["RESCIND_API_TOKENS"]["says"] == "*** (from the environment)"
    assert found["http door"]["says"] == "callers: ann (read, submit)"
    says = found["RESCIND_ACCOUNTS"]["says"]
    assert says == f"{home.path}/mine.toml (from .env): it does not exist"
    assert found["RESCIND_ACCOUNTS"]["level"] == "absent"
    assert found["RESCIND_HOME"]["says"].endswith("(from the default)")
    assert found["RESCIND_DATABSE_URL"]["level"] == "warning"
    says = found["RESCIND_DATABSE_URL"]["says"]
    assert "did you mean RESCIND_DATABASE_URL?" in says


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("RESCIND_API_TOKENS", "hush-hush", "number 1: must be such as name:"),
        ("RESCIND_API_TOKENS", "ann:read:hush", "at least 16 characters"),
        ("RESCIND_API_RATE", "often", "must be such as 600/minute"),
        ("RESCIND_API_HOST", "0.0.0.0", "without tokens"),
    ],
)
def test_an_http_api_that_could_not_start_is_wrong(
    home: Home, monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    assert checks(home)["http door"]["level"] == "ok"
    monkeypatch.setenv(name, value)
    done = home.run("doctor")
    assert done.status == 2
    assert "hush" not in done.out
    found = checks(home)["http door"]
    assert (found["level"], says in found["says"]) == ("wrong", True)


def test_webhooks_need_hosts_and_a_secret(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "webhooks" not in checks(home)
    monkeypatch.setenv("RESCIND_WEBHOOK_HOSTS", "shop.example.com")
    found = checks(home)["webhooks"]
    assert found["level"] == "wrong"
    assert "`rescind webhooks secret` makes one" in found["says"]
    secret = home.run("webhooks", "secret").out.strip()
    monkeypatch.setenv("RESCIND_WEBHOOK_SECRET", f"{secret},{secret}")
    done = home.run("doctor")
    assert secret not in done.out
    assert checks(home)["webhooks"]["says"] == "signed by 2 secrets"
    monkeypatch.delenv("RESCIND_WEBHOOK_HOSTS")
    assert checks(home)["webhooks"]["level"] == "warning"


def test_private_webhooks_are_warned_of(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESCIND_WEBHOOK_PRIVATE", "yes")
    assert "your own network" in checks(home)["webhooks"]["says"]


def test_a_redis_that_forgets_is_wrong(home: Home) -> None:
    # The tests' own server keeps nothing on disk.
    found = checks(home)
    assert found["redis"]["level"] == "ok"
    assert found["redis persistence"]["level"] == "wrong"
    assert "set `appendonly yes`" in found["redis persistence"]["says"]
    assert found["redis eviction"]["level"] == "ok"
    assert found["redis clock"]["level"] == "ok"
    assert home.run("doctor").status == 2


# --- workers ------------------------------------------------------------------------


@pytest.fixture
def own_url(home: Home) -> str:
    return os.environ["RESCIND_REDIS_URL"]


@pytest.fixture
def client(own_url: str) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(own_url, client_name="test") as client:
        client.delete(heartbeat.KEY)
        yield client
        client.delete(heartbeat.KEY)


def test_no_worker_has_been_seen_yet(home: Home, client: redis.Redis) -> None:
    found = checks(home)["workers"]
    assert found["level"] == "warning"
    assert "`rescind up` starts one" in found["says"]


def test_a_worker_that_was_seen_and_does_not_answer(
    home: Home, client: redis.Redis
) -> None:
    heartbeat.write(client, datetime.now(UTC))
    found = checks(home)["workers"]
    assert (found["level"], found["problem"]) == ("wrong", "queue-unserved")


def test_a_worker_says_which_queues_it_takes_messages_from(
    home: Home, client: redis.Redis, own_url: str, tmp_path: Path
) -> None:
    heartbeat.write(client, datetime.now(UTC))
    with started(own_url, client, tmp_path / "worker.log", "-Q", INTAKE):
        found = checks(home)
    assert found["workers"]["level"] == "ok"
    assert found[f"queue {SWEEPS}"]["level"] == "wrong"
    assert f"queue {INTAKE}" not in found
    assert home.run("doctor").status == 2


def test_a_queue_is_served_if_any_worker_takes_its_messages() -> None:
    answers = {"a": [{"name": "x"}], "b": [{"name": "y"}], "c": {"error": "no"}}
    found = {one.what: one.level for one in queue_checks(["x", "y", "z"], answers)}
    assert found == {"workers": Level.OK, "queue z": Level.WRONG}


class OtherInfo(redis.Redis):
    """A real client whose reply to INFO is partly replaced."""

    replaced: dict[str, Any]

    def info(self, *args: Any, **kwargs: Any) -> Any:
        return {**super().info(*args, **kwargs), **self.replaced}


@pytest.mark.parametrize(
    ("replaced", "what", "sentence"),
    [
        ({"maxmemory_policy": "allkeys-lru"}, "redis eviction", "noeviction"),
        (
            {"aof_enabled": 1, "aof_last_write_status": "err"},
            "redis persistence",
            "look at its log (/var/r.log), and make room on its disk",
        ),
    ],
)
def test_a_redis_that_may_lose_jobs(
    valkey_url: str, replaced: dict[str, Any], what: str, sentence: str
) -> None:
    client = OtherInfo.from_url(valkey_url)
    assert isinstance(client, OtherInfo)
    client.replaced = replaced
    checks = redis_checks(client, "it", "do", "its log (/var/r.log)")
    found = {check.what: check for check in checks}
    assert found[what].level is Level.WRONG
    assert sentence in found[what].says


def test_an_unreachable_redis(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESCIND_REDIS_URL", "redis://:hush@127.0.0.1:1/0")
    done = home.run("doctor")
    assert done.status == 3
    assert "redis://:***@127.0.0.1:1/0 cannot be reached" in done.out
    assert "hush" not in done.out
    monkeypatch.delenv("RESCIND_REDIS_URL")
    assert "start an embedded one with `rescind up`" in home.run("doctor").out


def test_a_redis_of_an_up_that_runs_is_not_answered_by_another_up(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RESCIND_REDIS_URL")
    account = '[notpanel.default]\nkey = "k"\nbase_url = "http://127.0.0.1:1"\n'
    home.write("accounts.toml", account)
    folder = home.path / ".rescind"
    write_running(folder, Running("redis://:hush@127.0.0.1:1/0", None, 4711))
    assert "; start it with `rescind up`" in checks(home)["redis"]["says"]
    assert home.run("doctor", "--json").records[-1]["next"] == "rescind up"
    with _only_one(folder):
        found = home.run("doctor", "--json").records
        submitted = home.run("cancel", "notpanel", "ord_1")
    says = next(one["says"] for one in found if one["what"] == "redis")
    advice = f"`rescind up` that runs as process {os.getpid()}: stop that process"
    assert advice in says
    assert advice in submitted.err
    assert found[-1]["next"] is None
    assert advice in found[-1]["says"]


@pytest.mark.parametrize(
    ("redis", "key", "lacks", "problem"),
    [
        ("redis://127.0.0.1:1/0", True, "Redis", "redis-unreachable"),
        ("", True, "Redis", "redis-unknown"),
        ("redis://127.0.0.1:1/0", False, "Redis and a seal key", "redis-unreachable"),
        (None, False, "a seal key", "seal-key"),
    ],
)
def test_a_login_that_is_not_tried_names_only_what_is_missing(
    home: Home,
    monkeypatch: pytest.MonkeyPatch,
    valkey_url: str,
    redis: str | None,
    key: bool,
    lacks: str,
    problem: str,
) -> None:
    home.write(
        "accounts.toml",
        '[akinon.default]\nbase_url = "https://shop.example"\n'
        'username = "ann"\npassword = "hush-hush"\n',
    )
    monkeypatch.setenv("RESCIND_REDIS_URL", valkey_url if redis is None else redis)
    monkeypatch.setenv("RESCIND_SEAL_KEY", new_key() if key else "")
    found = checks(home)["akinon/default"]
    assert found["says"] == f"not tried: its login needs {lacks}"
    assert (found["level"], found["problem"]) == ("warning", problem)


def test_the_log_of_the_embedded_redis_is_named(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RESCIND_REDIS_URL")
    settings.cache_clear()
    log = f"its log ({home.path}/.rescind/valkey/valkey.log)"
    assert settings().redis_log == log
    full = redis.ResponseError("MISCONF Errors writing to the AOF file")
    assert f"look at {log}, and make room" in refusal(full, settings().redis_log)


def test_the_log_of_another_redis_is_not_known(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESCIND_REDIS_URL", "redis://127.0.0.1:1/0")
    settings.cache_clear()
    assert settings().redis_log == "its log"


def test_the_ledger(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks(home)["ledger"]["level"] == "warning"
    assert not (home.path / ".rescind" / "ledger.db").exists()
    home.run("migrate")
    assert checks(home)["ledger"]["level"] == "ok"
    for url, level in {
        "postgresql+psycopg://u:hush@127.0.0.1:1/x": "unreachable",
        "nonsense": "wrong",
        "mysql://h/x": "wrong",
        f"sqlite:///{home.path}/new.db": "warning",
        f"sqlite:///{home.path}/accounts.toml/x": "unreachable",
    }.items():
        monkeypatch.setenv("RESCIND_DATABASE_URL", url)
        found = checks(home)["ledger"]
        assert found["level"] == level, url
        assert "hush" not in found["says"]
    assert not (home.path / "new.db").exists()


def test_nothing_that_is_missing_is_ok_and_nothing_is_created(home: Home) -> None:
    shutil.rmtree(home.path / ".rescind")
    (home.path / "accounts.toml").unlink()
    found = checks(home)
    for name in ("HOME", "DATABASE_URL", "ACCOUNTS", "SCHEDULES", "SEAL_KEY"):
        assert found[f"RESCIND_{name}"]["level"] == "absent", name
    assert found["seal key"]["level"] == "absent"
    assert found["ledger"]["level"] == "warning"
    assert found["accounts"]["level"] == "wrong"
    assert list(home.path.iterdir()) == []


def test_what_is_there_is_ok(home: Home) -> None:
    home.run("migrate")
    home.run("cancel", "notpanel", "ord_1")
    home.write("schedules.toml", "")
    found = checks(home)
    for name in ("HOME", "DATABASE_URL", "ACCOUNTS", "SCHEDULES", "SEAL_KEY"):
        assert found[f"RESCIND_{name}"]["level"] == "ok", name


def test_postgresql(
    home: Home, monkeypatch: pytest.MonkeyPatch, postgres_ledger_url: str
) -> None:
    monkeypatch.setenv("RESCIND_DATABASE_URL", postgres_ledger_url)
    found = checks(home)
    assert found["ledger"]["level"] == "ok"
    assert found["seal key"]["level"] == "wrong"
    assert "make a key with `rescind seal-key`" in found["seal key"]["says"]


@pytest.mark.skipif("FAKETIME" in os.environ, reason="PostgreSQL has the true time")
def test_a_database_whose_clock_is_ours(
    home: Home, monkeypatch: pytest.MonkeyPatch, postgres_ledger_url: str
) -> None:
    monkeypatch.setenv("RESCIND_DATABASE_URL", postgres_ledger_url)
    assert checks(home)["ledger clock"]["level"] == "ok"


def test_sealed_data_that_our_key_does_not_decrypt(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write("accounts.toml", "not toml")
    options = ["is_all=true", 'reasons={"1": 2}', 'ibans={"1": "TR33"}']
    params = [word for option in options for word in ("--param", option)]
    home.run("cancel", "akinon", "7", *params)
    assert checks(home)["sealed data"]["level"] == "ok"
    monkeypatch.setenv("RESCIND_SEAL_KEY", home.run("seal-key").out.strip())
    assert checks(home)["sealed data"]["level"] == "wrong"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "does not exist: `rescind init` writes one"),
        ("[", "is not TOML"),
        ("", "names no account"),
    ],
)
def test_the_accounts_file(home: Home, text: str | None, sentence: str) -> None:
    if text is None:
        (home.path / "accounts.toml").unlink()
    else:
        home.write("accounts.toml", text)
    found = checks(home)["accounts"]
    assert found["level"] == "wrong"
    assert sentence in found["says"]


def test_an_accounts_file_that_others_can_read(home: Home) -> None:
    home.write("accounts.toml", '[dukkango.default]\naccess_token = "hush"\n')
    (home.path / "accounts.toml").chmod(0o644)
    found = checks(home)["accounts"]
    assert found["level"] == "warning"
    assert "can be read by others: run `chmod 600" in found["says"]


# --- credentials ------------------------------------------------------------------


@contextlib.contextmanager
def provider(code: int, body: object) -> Iterator[tuple[str, list[str]]]:
    """A provider on a real socket with one fixed answer; and the requests it got."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            asked.append(self.rfile.read(length).decode())
            answer = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST  # noqa: N815

        def log_message(self, *_args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@pytest.mark.parametrize(
    ("code", "body", "level"),
    [
        (200, {"response": {"status": {"code": 200, "message": "OK"}}}, "ok"),
        (401, {"response": {"status": {"code": 401, "message": "x"}}}, "wrong"),
        (500, {}, "unreachable"),
        (429, {}, "warning"),
    ],
)
def test_credentials_are_checked_by_a_call_without_a_side_effect(
    home: Home, code: int, body: object, level: str
) -> None:
    with provider(code, body) as (url, asked):
        home.write(
            "accounts.toml",
            f'[iletimerkezi.default]\nkey = "hush1"\nhash = "hush2"\n'
            f'base_url = "{url}"\n[dukkango.default]\n',
        )
        done = home.run("doctor", "--json")
    found = {one["what"]: one for one in done.records}
    assert found["iletimerkezi/default"]["level"] == level
    assert len(asked) == 1
    assert "cancel" not in asked[0]
    assert "hush" not in done.out
    assert found["dukkango/default"]["level"] == "wrong"
    assert "the lane is held" in found["dukkango/default"]["says"]


def test_a_login_is_tried(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESCIND_SEAL_KEY", new_key())
    with provider(401, {"detail": "no"}) as (url, asked):
        home.write(
            "accounts.toml",
            f'[akinon.default]\nusername = "u"\npassword = "hush"\n'
            f'base_url = "{url}"\n',
        )
        found = checks(home)["akinon/default"]
    assert found["level"] == "wrong"
    assert "correct its credentials in the accounts file" in found["says"]
    assert len(asked) == 1


def test_a_clock_that_differs() -> None:
    assert clock_check("x", 0.5).level is Level.OK
    assert "5.0 s ahead of this machine" in clock_check("x", 5).says
    assert "5.0 s behind this machine" in clock_check("x", -5).says


def test_a_clock_that_was_set_back_is_wrong(engine: Engine) -> None:
    seal = Seal(new_key())
    take_in(engine, ACCOUNTS, seal, [GOOD], datetime.now(UTC), by=BY)
    assert found_of(engine)["clock"].level is Level.OK
    later = datetime.now(UTC) + timedelta(hours=1)
    take_in(engine, ACCOUNTS, seal, [{**GOOD, "order": "ord_2"}], later, by=BY)
    found = found_of(engine)["clock"]
    assert found.level is Level.WRONG
    assert re.search(r"is (3600|3599|3598) s in the future", found.says)


def test_what_waits_for_a_failed_one_is_named(engine: Engine) -> None:
    first = add(engine)
    after(engine, first)
    held = claimed(engine, first)
    assert "plans" not in {one.what for one in ledger_checks(engine, None)}
    finish(engine, held, State.FAILED, Reason.UNRESOLVED)
    [found] = [one for one in ledger_checks(engine, None) if one.what == "plans"]
    assert (found.level, found.problem) == (Level.WARNING, "waits-for-failed")
    why = f"for others that have failed, such as {first}: retry"
    assert found.says.startswith(f"1 cancellation waits {why}")
    after(engine, first, order="another")
    [found] = [one for one in ledger_checks(engine, None) if one.what == "plans"]
    assert found.says.startswith(f"2 cancellations wait {why}")


def test_what_waits_for_one_that_was_deleted_by_hand_is_named(engine: Engine) -> None:
    first = add(engine)
    one = after(engine, first)
    with writing(engine) as connection:
        gone = CANCELLATION.c.id == first
        connection.execute(CANCELLATION.delete().where(gone))
    [found] = [one for one in ledger_checks(engine, None) if one.what == "plans"]
    assert "1 cancellation waits for others that are not in the ledger" in found.says
    assert f"such as {one}: decide" in found.says


def test_a_lane_that_stands_still_is_wrong(engine: Engine) -> None:
    lane = ("notpanel", "default")
    assert "lane notpanel/default" not in found_of(engine)
    with writing(engine) as connection:
        mark(connection, {lane: datetime(2026, 11, 29, 23, tzinfo=UTC)})
    found = found_of(engine)["lane notpanel/default"]
    assert (found.level, found.problem) == (Level.WRONG, "lane-stalled")
    assert "no call was made since 2026-11-29T23:00:00+00:00" in found.says


def test_a_worker_whose_clock_was_set_back_reports_it_in_redis(
    engine: Engine, client: redis.Redis
) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    take_in(engine, ACCOUNTS, Seal(new_key()), [GOOD], later, by=BY)
    here = SimpleNamespace(engine=engine, redis=client, clock=clock_of(engine))
    host = cast("Host", SimpleNamespace(here=here))
    with capture_logs() as lines:
        SweepJob(host, cast("ScheduleJob", None))._write_heartbeat()
    assert [one["event"] for one in lines] == [
        "the clock was set back: what is due waits"
    ]
    assert 3590 < heartbeat.ahead(client) <= 3600
    client.delete(heartbeat.AHEAD)


def found_of(engine: Engine) -> dict[str, Check]:
    return {one.what: one for one in ledger_checks(engine, None)}


def test_the_exit_status() -> None:
    levels = [Level.OK, Level.WARNING]
    assert status([Check("x", level, "") for level in levels]) == 0
    assert status([Check("x", level, "") for level in [*levels, Level.WRONG]]) == 2
    assert status([Check("x", level, "") for level in Level]) == 3
    assert status([]) == 0
