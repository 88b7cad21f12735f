"""Alive: workers run. Ready: cancellations can be accepted. And metrics."""

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
from rescind.api.budgets import Budget
from rescind.ledger.storage.transactions import LedgerUnreachableError, open_ledger
from rescind.telemetry import heartbeat
from tests.api.conftest import ApiServer, opened, problem, settings_for
from tests.ledger.full_disk import full
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
) -> Iterator[ApiServer]:
    redis_url = SecretStr(valkey_url)
    with opened(settings_for(tmp_path, sqlite_ledger_url, redis_url=redis_url)) as api:
        yield api


def test_it_is_alive_while_a_worker_sweeps(
    with_redis: ApiServer, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without the cache, each request checks again.
    monkeypatch.setattr("rescind.api.cached_check.FRESH_SECONDS", 0)
    now = datetime.now(UTC)
    told = problem(with_redis.get("/healthz", token=None), 503, "no-worker")
    assert "Check that workers and beat run" in told["detail"]
    heartbeat.write(client, now - timedelta(seconds=60))
    told = problem(with_redis.get("/healthz", token=None), 503, "no-worker")
    assert told["swept_seconds_ago"][0] >= 60
    heartbeat.write(client, now)
    answer = with_redis.get("/healthz", token=None)
    assert answer.status_code == 200
    assert answer.json()["alive"] is True
    assert answer.json()["swept_seconds_ago"][0] < 30


def test_a_clock_that_was_set_back_is_reported(
    with_redis: ApiServer, client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescind.api.cached_check.FRESH_SECONDS", 0)
    heartbeat.write(client, datetime.now(UTC))
    heartbeat.write_clock_skew(client, timedelta(seconds=heartbeat.AHEAD_SECONDS - 1))
    assert with_redis.get("/healthz", token=None).status_code == 200
    heartbeat.write_clock_skew(client, timedelta(hours=1))
    told = problem(with_redis.get("/healthz", token=None), 503, "clock")
    assert "3600 s ahead of this clock" in told["detail"]
    client.delete(heartbeat.AHEAD)


def test_without_redis_it_reports_that_it_cannot_know(api: ApiServer) -> None:
    told = problem(api.get("/healthz", token=None), 503, "redis-unreachable")
    assert "`rescind doctor` says more" in told["detail"]
    assert "127.0.0.1" not in str(told)


def test_it_is_ready_when_the_ledger_is(either: ApiServer) -> None:
    assert either.get("/readyz", token=None).json() == {"ready": True}


@pytest.mark.parametrize("what", ["away", "empty"])
def test_it_is_not_ready_without_a_ledger_of_this_version(
    tmp_path: Path, what: str
) -> None:
    url = "postgresql+psycopg://u:hush@127.0.0.1:1/x"
    if what == "empty":
        url = f"sqlite:///{tmp_path}/hush.db"
    with opened(settings_for(tmp_path, url)) as api:
        answer = api.get("/readyz", token=None)
        told = problem(answer, 503, "ledger-unreachable")
        assert "hush" not in str(told)
        answer = api.submit({"provider": "notpanel", "order": "ord_1"})
        problem(answer, 503, "ledger-unreachable")
        for path in ("/v1/cancellations", "/v1/lanes", "/v1/groups/g"):
            problem(api.get(path), 503, "ledger-unreachable")


def test_the_api_works_once_the_ledger_is_migrated(
    tmp_path: Path, sqlite_ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescind.api.cached_check.FRESH_SECONDS", 0)
    with opened(settings_for(tmp_path, f"sqlite:///{tmp_path}/none.db")) as api:
        problem(api.get("/readyz", token=None), 503, "ledger-unreachable")
        api.context.engine.dispose()
        api.context.engine = open_ledger(sqlite_ledger_url)
        assert api.get("/readyz", token=None).status_code == 200


def test_it_is_not_ready_after_a_submission_found_the_disk_full_until_there_is_room(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescind.api.cached_check.FRESH_SECONDS", 0)
    many = [{"provider": "notpanel", "order": f"ord_{n}"} for n in range(500)]
    assert api.get("/readyz", token=None).status_code == 200
    with full(api.context.engine):
        problem(api.submit(*many), 503, "ledger-unreachable")
        for _ in range(2):
            problem(api.get("/readyz", token=None), 503, "ledger-unreachable")
    assert api.get("/readyz", token=None).json() == {"ready": True}
    assert api.submit(*many).status_code < 300


def test_it_is_not_ready_at_its_start_if_the_disk_is_full(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescind.api.cached_check.FRESH_SECONDS", 0)
    with full(api.context.engine):
        problem(api.get("/readyz", token=None), 503, "ledger-unreachable")
    assert api.get("/readyz", token=None).status_code == 200


def test_it_is_not_ready_while_the_check_itself_fails(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescind.api.cached_check.FRESH_SECONDS", 0)
    monkeypatch.setattr("rescind.api.health.check_writes", lambda _: 1 / 0)
    for _ in range(2):
        problem(api.get("/readyz", token=None), 500, "internal-error")


def test_an_api_that_is_ready_writes_nothing_to_be_asked_again(
    either: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescind.api.cached_check.FRESH_SECONDS", 0)
    assert either.get("/readyz", token=None).status_code == 200
    monkeypatch.setattr("rescind.api.health.check_writes", lambda _: 1 / 0)
    assert either.get("/readyz", token=None).status_code == 200


def test_frequent_checks_share_one_result(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert api.get("/readyz", token=None).status_code == 200
    monkeypatch.setattr("rescind.api.health.ping", lambda _: 1 / 0)
    assert api.get("/readyz", token=None).status_code == 200


# --- while other services hang --------------------------------------------------------


@dataclass
class Hanging:
    """A function that does not return until it is released."""

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


def test_health_is_answered_while_readers_hang(
    api: ApiServer, hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescind.operations.actions.lanes", hanging)
    with ThreadPoolExecutor(THREADS + 1) as readers:
        asked = [readers.submit(api.get, "/v1/lanes") for _ in range(THREADS + 1)]
        try:
            until(lambda: len(hanging.asked) == THREADS)
            assert api.get("/readyz", token=None).json() == {"ready": True}
            problem(api.get("/healthz", token=None), 503, "redis-unreachable")
        finally:
            hanging.gone.set()
    assert {one.result().status_code for one in asked} == {503}


def test_a_ledger_that_hangs_counts_as_unreachable(
    api: ApiServer, hanging: Hanging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescind.api.cached_check.PATIENCE", 0.1)
    monkeypatch.setattr("rescind.api.health.ping", hanging)
    for _ in range(2):
        problem(api.get("/readyz", token=None), 503, "ledger-unreachable")
    assert len(hanging.asked) == 1


def test_health_is_answered_beyond_the_bound_on_requests(
    api: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.app.state.budgets, "api", Budget(0))
    monkeypatch.setattr(api.app.state.budgets, "strangers", Budget(0))
    problem(api.get("/v1/lanes"), 503, "not-ready")
    assert api.get("/readyz", token=None).status_code == 200
    problem(api.get("/healthz", token=None), 503, "redis-unreachable")


def test_metrics_need_the_scope_read(with_redis: ApiServer) -> None:
    answer = with_redis.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert "rescind_build_info" in answer.text
