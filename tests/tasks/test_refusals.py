"""A worker survives refusals of Redis, and accepts the messages queued meanwhile."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from rescind.sandbox import Sandbox
from tests.tasks.conftest import Running, accounts_toml, start, until
from tests.tasks.traps.acts import cancelled_once, record, submitted
from tests.valkey import fill_disk, make_full, make_replica, recover, valkey_server


@pytest.fixture(scope="module")
def running(
    shared_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """A system on its own Redis, which the tests make refuse commands."""
    home = tmp_path_factory.mktemp("refused")
    accounts = home / "accounts.toml"
    accounts.write_text(accounts_toml(shared_sandbox))
    accounts.chmod(0o600)
    (home / "valkey").mkdir()
    with (
        valkey_server(home / "valkey") as url,
        start(home, accounts, shared_sandbox, redis_url=url, concurrency=1) as found,
    ):
        yield found
        found.system.kill()


@pytest.fixture
def client(running: Running, sandbox: Sandbox) -> Iterator[redis.Redis]:
    """After the test, the same worker process still works."""
    del sandbox
    cancelled_once(running, submitted(running, 1))
    before = dict(running.system.pids)
    with redis.Redis.from_url(running.system.redis_url) as client:
        yield client
        recover(client)
    cancelled_once(running, submitted(running, 1))
    assert running.system.pids == before


@contextmanager
def frozen(running: Running) -> Iterator[None]:
    os.kill(running.system.pids["worker"], signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(running.system.pids["worker"], signal.SIGCONT)


def said(running: Running, code: str, since: int) -> None:
    until(lambda: any(f"({code})" in x for x in running.said[since:]), code)


def test_queued_submissions_are_accepted_while_redis_is_full(
    running: Running, client: redis.Redis
) -> None:
    with frozen(running):
        (order,) = submitted(running, 1)
        make_full(client)
    until(lambda: record(running, order)["state"], "its record")
    assert client.config_get("maxmemory") == {"maxmemory": "1"}


def test_a_master_that_is_demoted_and_promoted_again_is_used_again(
    running: Running, client: redis.Redis
) -> None:
    since = len(running.said)
    make_replica(client)
    said(running, "READONLY", since)


def test_a_disk_that_is_full_ends_no_worker(
    running: Running, client: redis.Redis
) -> None:
    since = len(running.said)
    fill_disk(client)
    said(running, "MISCONF", since)
