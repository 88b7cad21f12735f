"""The system on a Redis with a replica and three Sentinels, whose master changes."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from celery import Celery
from kombu.exceptions import OperationalError
from kombu.transport import TRANSPORT_ALIASES
from redis import Redis, RedisError

from chaos.sentinels import SentinelServers
from rescind.config.redis_client import client_of
from rescind.sandbox import Sandbox
from tests.tasks.conftest import Running, accounts_toml, start, until
from worker.broker import BROKER_OPTIONS

ROOT = Path(__file__).parents[2]
DOWN_SECONDS = 0.5
_numbers = itertools.count(870_000_001)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SentinelServers]:
    made = SentinelServers(tmp_path_factory.mktemp("sentinels"), DOWN_SECONDS)
    try:
        made.start(lambda _name, _line: None)
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def on_sentinels(
    servers: SentinelServers,
    shared_sandbox: Sandbox,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("failover")
    accounts = home / "accounts.toml"
    accounts.write_text(accounts_toml(shared_sandbox))
    accounts.chmod(0o600)
    with start(home, accounts, shared_sandbox, redis_url=servers.url) as running:
        yield running


@pytest.fixture
def producer(servers: SentinelServers, monkeypatch: pytest.MonkeyPatch) -> Celery:
    """A producer in a program of its own, with the transports that Kombu brings."""
    monkeypatch.setattr("kombu.transport._transport_cache", {})
    plain = "kombu.transport.redis:SentinelTransport"
    monkeypatch.setitem(TRANSPORT_ALIASES, "sentinel", plain)
    url, options = servers.broker
    made = Celery(broker=url, set_as_current=False)
    made.conf.broker_transport_options = {**BROKER_OPTIONS, **options}
    return made


def sent(producer: Celery, entry: dict[str, str]) -> bool:
    with suppress(OperationalError, RedisError, OSError):
        producer.send_task(
            "rescind.submit",
            kwargs={"cancellations": [entry]},
            queue="rescind",
            retry=False,
        )
        return True
    return False


def cancels(running: Running, producer: Celery) -> None:
    """Submit an order until it is in the ledger, as a careful producer does."""
    order = f"ord_{next(_numbers)}"
    running.sandbox.seed("notpanel", [order], "in_progress", ends="cancelled")
    path = f"notpanel/default/{order}"

    def arrives() -> bool:
        sent(producer, {"provider": "notpanel", "order": order})
        return running.record(path)["state"] is not None

    until(arrives, path)
    assert running.ends(path)["state"] == "cancelled"
    acted = [event["acted"] for event in running.events("notpanel", order, "cancel")]
    assert acted.count(True) == 1


def test_work_goes_on_after_the_master_was_lost_and_after_it_was_demoted(
    on_sentinels: Running, servers: SentinelServers, producer: Celery
) -> None:
    cancels(on_sentinels, producer)
    lost = servers.lose_master()
    cancels(on_sentinels, producer)
    servers.bring_back(lost)
    with client_of(servers.url, socket_timeout=5, socket_connect_timeout=5) as client:
        client.set("it", "works")
        servers.demote()
        cancels(on_sentinels, producer)
        servers.settle()
        # Its connection was open all the time, to a server that is a replica now.
        until(lambda: writes(client), "a write")
    with lost.client(servers.password) as promoted:
        assert promoted.get("it") == b"still works"
    for secret in (servers.password, servers.own_password):
        assert secret not in "\n".join(on_sentinels.said)


def test_a_worker_goes_on_while_the_master_is_full(
    on_sentinels: Running, servers: SentinelServers, producer: Celery
) -> None:
    with servers.client() as master:
        master.config_set("maxmemory", 1)
        try:
            until(lambda: "Redis is full" in "\n".join(on_sentinels.said), "a word")
        finally:
            master.config_set("maxmemory", 0)
    cancels(on_sentinels, producer)


def writes(client: Redis) -> bool:
    with suppress(RedisError):
        return bool(client.set("it", "still works"))
    return False


ASKED = """
import asyncio
from flower.utils.broker import Broker
from worker.celery import app
url = app.connection().as_uri(include_password=True)
broker = Broker(url, broker_options=app.conf.broker_transport_options)
print(asyncio.run(broker.queues(["notpanel", "untaken"])))
"""
"""As Flower asks for the lengths of queues."""


def test_flower_finds_the_master_and_its_queues(
    on_sentinels: Running, servers: SentinelServers
) -> None:
    with servers.client() as master:
        master.lpush("untaken", "a message")
    env = {**on_sentinels.system.environment(), "RESCIND_REDIS_URL": servers.url}
    done = subprocess.run(
        [sys.executable, "-c", ASKED],
        env={**env, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "{'name': 'untaken', 'messages': 1}" in done.stdout, done.stderr[-2000:]
