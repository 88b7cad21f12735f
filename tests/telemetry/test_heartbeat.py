"""Tests of the heartbeat: each host's latest sweep, for a bounded number of hosts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from redis import Redis

from rescind.ledger.storage.milliseconds import in_ms
from rescind.telemetry import heartbeat


@pytest.fixture
def client(valkey_url: str) -> Iterator[Redis]:
    with Redis.from_url(valkey_url) as client:
        client.delete(heartbeat.KEY)
        yield client
        client.delete(heartbeat.KEY)


def beat(client: Redis, monkeypatch: pytest.MonkeyPatch, host: str, at: Any) -> None:
    monkeypatch.setattr(heartbeat, "gethostname", lambda: host)
    heartbeat.write(client, at)


def test_each_host_has_its_latest_sweep(
    client: Redis, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    assert heartbeat.ages(client, now) == {}
    for seconds, host in ((90, "a"), (7, "b"), (3, "a")):
        beat(client, monkeypatch, host, now - timedelta(seconds=seconds))
    assert list(heartbeat.ages(client, now).items()) == [("a", 3.0), ("b", 7.0)]


def test_a_clock_that_is_ahead_gives_no_negative_age(
    client: Redis, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    beat(client, monkeypatch, "a", now + timedelta(seconds=5))
    assert heartbeat.ages(client, now) == {"a": 0.0}


def test_hosts_that_left_are_removed_later(
    client: Redis, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    old = in_ms(now) - heartbeat.FORGOTTEN_MS - 1
    gone: dict[Any, Any] = {f"gone-{n}": old for n in range(heartbeat.MOST)}
    client.hset(heartbeat.KEY, mapping=gone)
    beat(client, monkeypatch, "here", now)
    assert list(heartbeat.ages(client, now)) == ["here"]
    assert 0 < int(client.pttl(heartbeat.KEY)) <= heartbeat.FORGOTTEN_MS


def test_only_the_latest_of_too_many_hosts_are_kept(
    client: Redis, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    at: dict[Any, Any] = {
        f"host-{n}": in_ms(now) - n for n in range(1, heartbeat.MOST + 30)
    }
    client.hset(heartbeat.KEY, mapping=at)
    beat(client, monkeypatch, "here", now)
    kept = heartbeat.ages(client, now)
    assert len(kept) == heartbeat.MOST
    assert list(kept)[:2] == ["here", "host-1"]


def test_a_heartbeat_is_usually_one_command(
    client: Redis, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    beat(client, monkeypatch, "here", now)
    before = commands(client)
    for _ in range(20):
        beat(client, monkeypatch, "here", now)
    # One of them is the command of this test itself.
    assert commands(client) - before == 20 + 1
    client.persist(heartbeat.KEY)
    monkeypatch.setattr(heartbeat, "_tidy_at", 0.0)
    beat(client, monkeypatch, "here", now)
    assert client.pttl(heartbeat.KEY) > 0


def commands(client: Redis) -> int:
    return int(client.info("stats")["total_commands_processed"])
