"""Alive: work is consumed. Ready: cancellations can be taken in. And metrics."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from redis import Redis

from rescind.api.application import THREADS
from rescind.ledger.storage.transactions import LedgerUnreachableError, open_ledger
from rescind.telemetry import heartbeat
from tests.api.conftest import Door, opened, problem, settings_for
from tests.tasks.conftest import until


@pytest.fixture
def client(valkey_url: str) -> Iterator[Redis]:
    with Redis.from_url(valkey_url) as client:
        client.delete(heartbeat.KEY)
        yield client
        client.delete(heartbeat.KEY)


@pytest.fixture
def with_redis(
    tmp_path: Path, sqlite_ledger_url: str, valkey_url: str
) -> Iterator[Door]:
    redis_url = SecretStr(valkey_url)
    with opened(settings_for(tmp_path, sqlite_ledger_url, redis_url=redis_url)) as door:
        yield door


def test_it_is_alive_as_long_as_somebody_sweeps(
    with_redis: Door, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each look is a new one.
    monkeypatch.setattr("rescind.api.health.FRESH_SECONDS", 0)
    now = datetime.now(UTC)
    told = problem(with_redis.get("/healthz", token=None), 503, "no-worker")
    assert "look whether workers and beat run" in told["detail"]
    heartbeat.write(client, now - timedelta(seconds=60))
    told = problem(with_redis.get("/healthz", token=None), 503, "no-worker")
    assert told["swept_seconds_ago"][0] >= 60
    heartbeat.write(client, now)
    answer = with_redis.get("/healthz", token=None)
    assert answer.status_code == 200
    assert answer.json()["alive"] is True
    assert answer.json()["swept_seconds_ago"][0] < 30


def test_a_clock_that_was_set_back_is_said(
    with_redis: Door, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescind.api.health.FRESH_SECONDS", 0)
    heartbeat.write(client, datetime.now(UTC))
    heartbeat.write_clock_skew(client, timedelta(seconds=heartbeat.AHEAD_SECONDS - 1))
    assert with_redis.get("/healthz", token=None).status_code == 200
    heartbeat.write_clock_skew(client, timedelta(hours=1))
    told = problem(with_redis.get("/healthz", token=None), 503, "clock")
    assert "3600 s from now" in told["detail"]
    client.delete(heartbeat.AHEAD)


def test_without_redis_nobody_can_tell_and_that_is_said(door: Door) -> None:
    told = problem(door.get("/healthz", token=None), 503, "redis-unreachable")
    assert "`rescind doctor` says more" in told["detail"]
    assert "127.0.0.1" not in str(told)


def test_it_is_ready_when_the_ledger_is(either: Door) -> None:
    assert either.get("/readyz", token=None).json() == {"ready": True}


@pytest.mark.parametrize("what", ["away", "empty"])
def test_it_is_not_ready_without_a_ledger_of_this_version(
    tmp_path: Path, what: str
) -> None:
    url = "postgresql+psycopg://u:hush@127.0.0.1:1/x"
    if what == "empty":
        url = f"sqlite:///{tmp_path}/hush.db"
    with opened(settings_for(tmp_path, url)) as door:
        answer = door.get("/readyz", token=None)
        told = problem(answer, 503, "ledger-unreachable")
        assert "hush" not in str(told)
        answer = door.submit({"provider": "notpanel", "order": "ord_1"})
        problem(answer, 503, "ledger-unreachable")
        for path in ("/v1/cancellations", "/v1/lanes", "/v1/groups/g"):
            problem(door.get(path), 503, "ledger-unreachable")


def test_a_door_that_was_shut_out_goes_on_once_the_ledger_is_there(
    tmp_path: Path, sqlite_ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescind.api.health.FRESH_SECONDS", 0)
    with opened(settings_for(tmp_path, f"sqlite:///{tmp_path}/none.db")) as door:
        problem(door.get("/readyz", token=None), 503, "ledger-unreachable")
        door.front.engine.dispose()
        door.front.engine = open_ledger(sqlite_ledger_url)
        assert door.get("/readyz", token=None).status_code == 200


def test_who_asks_often_is_told_what_was_just_seen(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert door.get("/readyz", token=None).status_code == 200
    monkeypatch.setattr("rescind.api.health.ping", lambda _: 1 / 0)
    assert door.get("/readyz", token=None).status_code == 200


# --- while everything else hangs ------------------------------------------------------


@dataclass
class Hanging:
    """What is asked of it and does not return, until it is let go."""

    asked: list[object] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)

    def __call__(self, *what: object) -> None:
        self.asked.append(what)
        self.gone.wait(30)
        raise LedgerUnreachableError("it hung")


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    found = Hanging()
    yield found
    found.gone.set()


def test_readers_that_hang_keep_nobody_from_asking_how_it_is(
    door: Door, hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescind.operations.actions.lanes", hanging)
    with ThreadPoolExecutor(THREADS + 1) as readers:
        asked = [readers.submit(door.get, "/v1/lanes") for _ in range(THREADS + 1)]
        try:
            until(lambda: len(hanging.asked) == THREADS)
            assert door.get("/readyz", token=None).json() == {"ready": True}
            problem(door.get("/healthz", token=None), 503, "redis-unreachable")
        finally:
            hanging.gone.set()
    assert {one.result().status_code for one in asked} == {503}


def test_a_ledger_that_hangs_is_as_good_as_away(
    door: Door, hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescind.api.health.PATIENCE", 0.1)
    monkeypatch.setattr("rescind.api.health.ping", hanging)
    for _ in range(2):
        problem(door.get("/readyz", token=None), 503, "ledger-unreachable")
    assert len(hanging.asked) == 1


def test_too_many_requests_at_once_hide_not_how_it_is(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescind.api.middleware.MOST_AT_ONCE", 0)
    problem(door.get("/v1/lanes"), 503, "not-ready")
    assert door.get("/readyz", token=None).status_code == 200
    problem(door.get("/healthz", token=None), 503, "redis-unreachable")


def test_metrics_are_for_those_who_may_read(with_redis: Door) -> None:
    answer = with_redis.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert "rescind_build_info" in answer.text
