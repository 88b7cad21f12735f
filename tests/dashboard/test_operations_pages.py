"""The pages of schedules, notifications and workers."""

from __future__ import annotations

from datetime import timedelta

import pytest
from redis import Redis
from sqlalchemy import Engine

from rescind.config.times import utc_now
from rescind.ledger.deliveries.quiet_targets import keep_quiet
from rescind.ledger.scheduling.schedule_history import as_document, runs_of
from rescind.ledger.scheduling.schedule_runs import (
    Counts,
    RunState,
    claim_run,
    finish,
    open_run,
)
from rescind.ledger.storage.transactions import reading, writing
from rescind.schedules.reasons import too_many
from rescind.telemetry import worker_records
from rescind.telemetry.worker_records import FORGOTTEN, KEY, WorkerRecord
from tests.dashboard.stage import Served, Visitor
from tests.ledger.build import NOW
from tests.ledger.delivering import GONE, ended, holding, settling
from tests.receivers import receiving

RULE = """
[nightly]
every = "1h"
provider = "notpanel"
max = 10
[nightly.source]
file = "orders.csv"
[nightly.map]
order = "order"
"""


@pytest.fixture
def rule(site: Served, monkeypatch: pytest.MonkeyPatch) -> str:
    """A schedules file with the rule ``nightly``, whose last run is held."""
    file = site.context.settings.home / "schedules.toml"
    file.write_text(RULE)
    chosen = site.context.settings.model_copy(update={"schedules": file})
    monkeypatch.setattr(site.context, "settings", chosen)
    now = utc_now()
    with writing(site.engine) as connection:
        open_run(connection, "nightly", now.replace(microsecond=0), now)
        run = claim_run(connection, "nightly", now, timedelta(minutes=1))
        assert run is not None
        finish(connection, run, RunState.HELD, now, counts=Counts(12), why="12 found")
    return "nightly"


def runs(engine: Engine) -> list[dict[str, object]]:
    with reading(engine) as connection:
        return [as_document(row) for row in runs_of(connection, "nightly", 9)]


def test_why_a_run_is_held_is_told_in_turkish(
    reader: Visitor, ledger: Engine, rule: str
) -> None:
    now = utc_now()
    with writing(ledger) as connection:
        open_run(connection, rule, now, now)
        run = claim_run(connection, rule, now, timedelta(minutes=1))
        assert run is not None
        finish(connection, run, RunState.HELD, now, why=too_many(rule, 10))
    reader.session.headers["accept-language"] = "tr"
    shown = reader.get("/desk/schedules").text
    assert shown.count("hiçbir şey gönderilmedi") == 2
    assert "so nothing was submitted" not in shown
    assert "her 3600 sn" in shown


@pytest.mark.parametrize(
    ("file", "shown"),
    [
        pytest.param(RULE, True, id="it exists"),
        pytest.param(RULE.replace("nightly", "other"), False, id="it was removed"),
        pytest.param("", False, id="all were removed"),
        pytest.param("[nightly]", True, id="its rule is wrong"),
        pytest.param("[nightly", True, id="the file is wrong"),
        pytest.param(None, True, id="only the workers have the file"),
    ],
)
def test_the_overview_shows_the_held_run_of_a_schedule_that_exists(
    site: Served, reader: Visitor, rule: str, file: str | None, shown: bool
) -> None:
    path = site.context.settings.schedules
    if file is None:
        path.unlink()
    else:
        path.write_text(file)
    assert (f"<bdi>{rule}</bdi></b> held" in reader.get("/").text) is shown


def test_a_held_rule_is_run_once_with_the_maximum_that_an_operator_allows(
    operator: Visitor, ledger: Engine, rule: str
) -> None:
    said = operator.get("/desk/schedules").text
    assert "12 found" in said
    assert "Run once" in said
    done = operator.send("/desk/schedules/run", name=rule, most="12")
    assert done.status_code == 303
    assert "will run within seconds" in operator.get(done.headers["location"]).text
    newest = runs(ledger)[0]
    assert (newest["state"], newest["max"]) == ("running", 12)
    assert newest["requested_by"] == "token:ann"
    with writing(ledger) as connection:
        run = claim_run(connection, rule, utc_now(), timedelta(minutes=1))
    assert run is not None
    assert run.most == 12
    again = operator.send("/desk/schedules/run", name=rule, most="12")
    assert again.status_code == 409


@pytest.mark.parametrize("most", ["0", "-1", "x", "99999999", "١٢"])
def test_a_wrong_maximum_runs_nothing(
    operator: Visitor, ledger: Engine, rule: str, most: str
) -> None:
    done = operator.send("/desk/schedules/run", name=rule, most=most)
    assert done.status_code == 422
    assert len(runs(ledger)) == 1


def test_a_reader_cannot_run_a_rule(reader: Visitor, ledger: Engine, rule: str) -> None:
    assert "Run once" not in reader.get("/desk/schedules").text
    assert reader.send("/desk/schedules/run", name=rule).status_code == 403
    assert len(runs(ledger)) == 1


# --- notifications ------------------------------------------------------------------


def test_receivers_are_shown_with_what_waits_and_what_failed(
    reader: Visitor, ledger: Engine
) -> None:
    ended(ledger, "ord_lost")
    settling(ledger, holding(ledger)[0], GONE, NOW)
    ended(ledger, "ord_waits")
    with writing(ledger) as connection:
        later = utc_now() + timedelta(hours=1)
        keep_quiet(connection, {"quiet.example.com": later}, utc_now())
    said = reader.get("/desk/notifications").text
    assert "<bdi>shop.example.com</bdi>" in said
    assert "<bdi>quiet.example.com</bdi>" in said
    assert "ord_waits" in said
    assert "ord_lost" not in said
    assert "ord_lost" in reader.get("/desk/notifications?state=given_up").text
    assert reader.get("/desk/notifications?state=x").status_code == 422


def test_a_test_event_shows_the_answer_of_the_receiver(
    site: Served, operator: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESCIND_WEBHOOK_SECRET", f"whsec_{'A' * 32}")
    monkeypatch.setenv("RESCIND_WEBHOOK_HOSTS", "127.0.0.1:*")
    monkeypatch.setenv("RESCIND_WEBHOOK_PRIVATE", "true")
    chosen = type(site.context.settings)()
    monkeypatch.setattr(site.context, "settings", chosen)
    with receiving() as receiver:
        done = operator.follow("/desk/notifications/test", address=receiver.url)
        assert "accepted the test event: HTTP 204" in done.text
        assert len(receiver.heard) == 1
    done = operator.follow("/desk/notifications/test", address="https://a.example.com/")
    assert "RESCIND_WEBHOOK_HOSTS does not list" in done.text


# --- workers ------------------------------------------------------------------------


@pytest.fixture
def redis(site: Served, valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> Redis:
    client = Redis.from_url(valkey_url)
    client.delete(KEY)
    monkeypatch.setitem(vars(site.context), "redis", client)
    return client


def process(pid: int, seconds: float, version: str = "1.0") -> WorkerRecord:
    at = int(utc_now().timestamp() * 1000)
    return WorkerRecord(
        "host-1", pid, version, at - 60_000, at - int(seconds * 1000), 3, 2
    )


def test_each_worker_is_shown_with_its_last_sign_of_life(
    reader: Visitor, redis: Redis
) -> None:
    worker_records.write(redis, process(11, 1))
    worker_records.write(redis, process(12, 60))
    said = reader.get("/desk/workers").text
    assert said.count("host-1") == 2
    assert "gone, or hangs" in said
    assert "different versions" not in said
    worker_records.write(redis, process(13, 1, "2.0"))
    assert "different versions: 1.0, 2.0" in reader.get("/desk/workers").text


def test_without_a_worker_or_redis_the_page_says_so(
    site: Served, reader: Visitor, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "No worker runs" in reader.get("/desk/workers").text
    nowhere = Redis(port=1, socket_connect_timeout=0.2)
    monkeypatch.setitem(vars(site.context), "redis", nowhere)
    assert "Redis cannot be reached" in reader.get("/desk/workers").text


def test_a_record_is_forgotten_after_an_hour_and_removed_by_its_process(
    redis: Redis,
) -> None:
    old, own = process(1, FORGOTTEN.total_seconds() + 1), process(2, 0)
    worker_records.write(redis, old)
    redis.hset(KEY, "host 3", b"a record of another version")
    worker_records.write(redis, own)
    assert worker_records.records(redis, utc_now()) == [own]
    assert redis.hlen(KEY) == 1
    worker_records.remove(redis, own)
    assert worker_records.records(redis, utc_now()) == []
