"""The overview says first, in red, what stops all work, as /healthz finds it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from redis import Redis
from redis.exceptions import ResponseError
from sqlalchemy import Engine

from rescind.api import cached_check, health
from rescind.api.problem_details import ProblemError
from rescind.dashboard.known_sentences import known
from rescind.dashboard.translation import speak
from rescind.errors.redis_refusals import LOG, REFUSALS
from rescind.telemetry import heartbeat
from tests.dashboard.stage import PANEL, Served, Visitor, take_in, utc_now
from tests.ledger.full_disk import full
from tests.valkey import (
    fill_disk,
    make_full,
    make_replica,
    recover,
    valkey_server,
)

CALM = "Nothing has failed"
NOTHING_FAILED = "Nothing failed"


@pytest.fixture
def redis(
    site: Served, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Redis]:
    """The Redis of the pages, and the real check of health, without its cache."""
    monkeypatch.setattr(cached_check, "FRESH_SECONDS", 0)
    check = cached_check.CachedCheck(health.alive, health.redis_unreachable)
    site.app.state.alive = check
    with Redis.from_url(valkey_url) as client:
        client.delete(heartbeat.KEY, heartbeat.AHEAD)
        monkeypatch.setitem(vars(site.context), "redis", client)
        yield client
        client.delete(heartbeat.KEY, heartbeat.AHEAD)


def told(visitor: Visitor) -> str:
    """The overview, which must not say that all is well."""
    said = visitor.get("/").text
    assert CALM not in said
    assert NOTHING_FAILED not in said
    return said


def test_it_is_calm_while_a_worker_sweeps(reader: Visitor, redis: Redis) -> None:
    heartbeat.write(redis, datetime.now(UTC))
    assert CALM in reader.get("/").text


def test_a_worker_that_sweeps_no_longer_is_told_with_what_to_do(
    reader: Visitor, redis: Redis
) -> None:
    heartbeat.write(redis, datetime.now(UTC) - timedelta(minutes=1))
    said = told(reader)
    assert '<p class="note bad" role="alert">No worker has swept for 30 s.' in said
    assert 'href="/errors/no-worker"' in said
    assert reader.get("/errors/no-worker").status_code == 200
    assert said.index("No worker has swept") < said.index('id="lanes"')


def test_a_redis_that_is_away_is_told(
    site: Served, reader: Visitor, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    heartbeat.write(redis, datetime.now(UTC))
    nowhere = Redis(port=1, socket_connect_timeout=0.2)
    monkeypatch.setitem(vars(site.context), "redis", nowhere)
    assert "Redis cannot be reached" in told(reader)


@pytest.mark.parametrize(
    ("code", "refuse"),
    [("MISCONF", fill_disk), ("OOM", make_full), ("READONLY", make_replica)],
)
def test_a_redis_that_refuses_only_writes_is_told_with_its_words(
    site: Served,
    reader: Visitor,
    redis: Redis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    refuse: Callable[[Redis], None],
) -> None:
    home = tmp_path / "valkey"
    home.mkdir()
    with valkey_server(home) as url, Redis.from_url(url) as client:
        monkeypatch.setitem(vars(site.context), "redis", client)
        heartbeat.write(client, datetime.now(UTC))
        assert CALM in reader.get("/").text
        refuse(client)
        try:
            said = told(reader)
        finally:
            recover(client)  # a server that refuses to save does not end, either
    assert f"Redis refuses ({code}): {REFUSALS[code].format(log=LOG)}" in said
    assert 'href="/errors/redis-refuses"' in said


def test_a_redis_that_hangs_neither_hangs_the_page_nor_looks_well(
    site: Served, reader: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    monkeypatch.setattr(cached_check, "PAGE_PATIENCE", 0.1)

    def hang(_context: object) -> dict[str, object]:
        released.wait(30)
        return {}

    check = cached_check.CachedCheck(hang, health.redis_unreachable)
    site.app.state.alive = check
    began = time.monotonic()
    try:
        assert "Redis cannot be reached" in told(reader)
    finally:
        released.set()
    assert time.monotonic() - began < cached_check.PATIENCE


@contextmanager
def hanging_after_a_look(site: Served, reader: Visitor) -> Iterator[None]:
    """Redis was well when the page was looked at, and answers no check since then."""
    released, hangs = threading.Event(), threading.Event()

    def find(_context: object) -> dict[str, object]:
        if hangs.is_set():
            released.wait(30)
        return {}

    site.app.state.alive = cached_check.CachedCheck(find, health.redis_unreachable)
    assert CALM in reader.get("/").text
    hangs.set()
    try:
        yield
    finally:
        released.set()


def test_a_redis_that_begins_to_hang_counts_as_away_after_a_while(
    site: Served, reader: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cached_check, "FRESH_SECONDS", 0)
    monkeypatch.setattr(cached_check, "PAGE_PATIENCE", 0.1)
    with hanging_after_a_look(site, reader):
        assert CALM in reader.get("/").text
        monkeypatch.setattr(cached_check, "PATIENCE", 0)
        assert "Redis cannot be reached" in told(reader)


def test_a_redis_that_hangs_does_not_look_well_because_it_was_well_long_ago(
    site: Served, reader: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept = [0.0]
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + slept[0])
    monkeypatch.setattr(cached_check, "time", clock)
    monkeypatch.setattr(cached_check, "PAGE_PATIENCE", 0.1)
    with hanging_after_a_look(site, reader):
        slept[0] = 3600.0
        assert "Redis cannot be reached" in told(reader)


def test_a_check_that_fails_does_not_look_well(
    site: Served, reader: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cached_check, "FRESH_SECONDS", 0)
    answers = [{"alive": True}]
    check = cached_check.CachedCheck(lambda _: answers.pop(), health.redis_unreachable)
    site.app.state.alive = check
    assert CALM in reader.get("/").text
    for _ in range(2):
        told(reader)


def test_the_api_is_not_ready_after_a_page_found_the_disk_full(
    site: Served, clerk: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cached_check, "FRESH_SECONDS", 0)
    rows = "".join(f"notpanel,ord_{n}\n" for n in range(500))
    assert clerk.get("/readyz").status_code == 200
    preview = clerk.upload(f"provider,order\n{rows}".encode()).headers["location"]
    with full(site.engine):
        sent = clerk.send("/desk/submit/file/now", id=preview.rpartition("/")[2])
        assert sent.status_code == 503
        assert clerk.get("/readyz").status_code == 503
    assert clerk.get("/readyz").status_code == 200


def test_many_looks_at_the_page_share_one_check(
    site: Served, reader: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[object]()
    monkeypatch.setattr(cached_check, "FRESH_SECONDS", 60)

    def find(context: object) -> dict[str, object]:
        asked.append(context)
        return {}

    check = cached_check.CachedCheck(find, health.redis_unreachable)
    site.app.state.alive = check
    for _ in range(3):
        assert CALM in reader.get("/").text
    assert len(asked) == 1


def test_a_lane_whose_due_orders_wait_is_stopped_while_no_worker_works(
    reader: Visitor, ledger: Engine, redis: Redis
) -> None:
    take_in(ledger, PANEL, "ord_1", at=utc_now() - timedelta(minutes=2))
    assert 'class="chip stopped"' in told(reader)
    heartbeat.write(redis, datetime.now(UTC))
    assert 'class="chip stopped"' not in reader.get("/").text


def found() -> list[ProblemError]:
    """Everything that the check finds, but that all is well."""
    refused = [ResponseError(f"{code} because") for code in REFUSALS]
    return [
        health.no_worker([]),
        health.redis_unreachable(),
        health.clock_set_back(90),
        *map(health.redis_refuses, [*refused, ResponseError("ERR other")]),
    ]


@pytest.mark.parametrize("problem", found(), ids=str)
def test_each_is_told_in_turkish(problem: ProblemError) -> None:
    speak(None, "tr")
    try:
        said = known(problem.detail)
    finally:
        speak(None, "")
    assert said != problem.detail
    assert "Submissions" not in said
    assert not any(why in said for why in REFUSALS.values())
