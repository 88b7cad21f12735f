"""Two systems for all traps: one with the real settings, one with short waits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import pytest
import redis
from celery import Celery

from chaos.proxy import Proxy
from rescind.sandbox import Sandbox
from tests.tasks.conftest import QUICK, Running, accounts_toml, start
from tests.tasks.traps.fleets import SHORTER, Fleet, ShortWaits

Given = TypeVar("Given")
EXTRA_ACCOUNTS = {
    "poisoned": "max_attempts = 2",
    "slow-answers": "read_timeout = 8",
    "in-turn": "concurrency = 1",
    "rationed": 'rate = "4/minute"',
    "held": "",
}
"""Accounts of iletiMerkezi, with the policy values that each overrides."""


@pytest.fixture(scope="package")
def fleet_for_all(
    shared_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("fleet")
    accounts = write_accounts(home, shared_sandbox)
    with start(home, accounts, shared_sandbox, kind=Fleet, concurrency=6) as found:
        yield found
        found.system.kill()


@pytest.fixture
def fleet(sandbox: Sandbox, fleet_for_all: Running) -> Iterator[Running]:
    """Two workers and two beats with the real waits."""
    del sandbox
    yield from _showing_what_is_said(fleet_for_all, fleet_for_all)


@dataclass
class Cuttable:
    """A system with short waits, and the proxy through which it reaches Redis."""

    running: Running
    proxy: Proxy
    direct: Celery
    """A direct client of Redis, without the proxy."""


@pytest.fixture(scope="package")
def quick_for_all(
    shared_sandbox: Sandbox, valkey_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cuttable]:
    home = tmp_path_factory.mktemp("quick")
    accounts = write_accounts(home, shared_sandbox)
    own_database = valkey_url.removesuffix("/0") + "/9"
    redis.Redis.from_url(own_database).flushdb()
    with Proxy(urlsplit(valkey_url).port or 0) as proxy:
        url = f"redis://127.0.0.1:{proxy.port}/9"
        quick = start(
            home,
            accounts,
            shared_sandbox,
            kind=ShortWaits,
            redis_url=url,
            concurrency=6,
        )
        with quick as found:
            found.producer.conf.broker_transport_options = SHORTER
            yield Cuttable(found, proxy, Celery(broker=own_database))
            found.system.kill()


@pytest.fixture
def quick(sandbox: Sandbox, quick_for_all: Cuttable) -> Iterator[Cuttable]:
    """One worker with short waits, which can be cut off from Redis."""
    del sandbox
    yield from _showing_what_is_said(quick_for_all.running, quick_for_all)


def _showing_what_is_said(running: Running, given: Given) -> Iterator[Given]:
    """Print the logs, which pytest shows only if the test fails."""
    before = len(running.said)
    yield given
    print("\n".join(running.said[before:]))


def write_accounts(home: Path, sandbox: Sandbox) -> Path:
    parts = [accounts_toml(sandbox)]
    base = sandbox.base_url("iletimerkezi")
    for name, overrides in EXTRA_ACCOUNTS.items():
        asked = {line.split(" =")[0] for line in overrides.splitlines()}
        quick = [x for x in QUICK.splitlines() if x.split(" =")[0] not in asked]
        parts.append(
            f'[iletimerkezi.{name}]\nkey = "k"\nhash = "h"\nbase_url = "{base}"'
        )
        parts += [*quick, overrides]
    path = home / "accounts.toml"
    path.write_text("\n".join(parts))
    path.chmod(0o600)
    return path
