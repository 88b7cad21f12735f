"""Runs the whole system in its own processes, against the simulated providers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery
from pydantic import SecretStr
from sqlalchemy import Engine

from rescind.browse.browsing import list_rows
from rescind.browse.wanted import Wanted
from rescind.config.settings import Settings
from rescind.ledger.reading.queries import as_record, find, history
from rescind.ledger.storage.transactions import open_ledger, reading
from rescind.sandbox import Sandbox, running
from rescind.system.local_system import System
from worker.broker import BROKER_OPTIONS

PATIENCE = 60.0
"""Seconds after which a wait has failed: far longer than anything here takes."""

WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYqrTwjU"

QUICK = """
connect_timeout = 2
read_timeout = 1
rate = "none"
read_rate = "none"
resend_delays = [0.2]
verify_delays = [0.1, 0.3]
poll_delays = [0.2, 0.3]
active_trusted_after = 0.5
backoff = [0.2]
queued_for = 2
"""

CREDENTIALS = {
    "iletimerkezi": 'key = "the-sms-key"\nhash = "the-sms-hash"',
    "dukkango": 'app_secret_key = "the-app"\nrest_secret_key = "the-restaurant"',
    "akinon": 'username = "the-user"\npassword = "the-password"',
    "ithink": 'access_token = "the-access"\nsecret_key = "the-secret"',
    "notpanel": 'key = "the-panel-key"',
}


def accounts_toml(sandbox: Sandbox, **credentials: str) -> str:
    """An accounts file for all five simulated providers."""
    parts = []
    for name, given in {**CREDENTIALS, **credentials}.items():
        base = sandbox.base_url(name)
        track = f'\ntrack_url = "{base}"' if name == "ithink" else ""
        parts.append(f'[{name}.default]\n{given}\nbase_url = "{base}"{track}{QUICK}')
    return "\n".join(parts)


@dataclass
class Running:
    """A running system, as a producer and an operator see it."""

    system: System
    sandbox: Sandbox
    engine: Engine
    producer: Celery
    accounts: Path
    said: list[str] = field(default_factory=list)

    def submit(self, *entries: dict[str, Any]) -> None:
        self.producer.send_task(
            "rescind.submit", kwargs={"cancellations": list(entries)}, queue="rescind"
        )

    def record(self, path: str) -> dict[str, Any]:
        with reading(self.engine) as connection:
            row = find(connection, path)
            if row is None:
                return {"state": None}
            return {**as_record(row), "history": history(connection, row.id)}

    def records(self, **wanted: Any) -> list[dict[str, Any]]:
        with reading(self.engine) as connection:
            rows = list_rows(connection, Wanted(**wanted), 10_000)
        return [as_record(row) for row in rows]

    def ends(self, path: str) -> dict[str, Any]:
        """The record of ``path``, once it has ended."""
        until(lambda: self.record(path).get("finished_at") is not None, path)
        return self.record(path)

    def events(self, provider: str, order: str, op: str) -> list[dict[str, Any]]:
        events = self.sandbox.order(provider, order)["events"]
        return [event for event in events if event["op"] == op]


def until(condition: Callable[[], object], what: str = "") -> None:
    """Wait for a condition; fails with ``what`` if it does not come true."""
    give_up = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > give_up:
            raise TimeoutError(f"in vain for {what or condition}")
        time.sleep(0.02)


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    with running(settle=0.3, lag=0.2, slow_seconds=2.5, cooldown=0.5) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Sandbox:
    shared_sandbox.reset()
    shared_sandbox.settings(auto=False, hang=[])
    return shared_sandbox


@pytest.fixture(scope="session")
def shared_system(
    shared_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("system")
    accounts = home / "accounts.toml"
    accounts.write_text(accounts_toml(shared_sandbox))
    accounts.chmod(0o600)
    # One task at a time is enough: the engine's own threads make the calls.
    with start(home, accounts, shared_sandbox, concurrency=1) as found:
        yield found


@pytest.fixture(scope="session")
def spare_system(
    shared_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """For tests that change its accounts, kill its parts, or leave work behind. It may
    tell producers who listen on this machine."""
    home = tmp_path_factory.mktemp("spare")
    accounts = home / "accounts.toml"
    accounts.write_text(accounts_toml(shared_sandbox))
    accounts.chmod(0o600)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RESCIND_WEBHOOK_SECRET", WEBHOOK_SECRET)
        patch.setenv("RESCIND_WEBHOOK_HOSTS", "127.0.0.1:*")
        patch.setenv("RESCIND_WEBHOOK_PRIVATE", "true")
        spare = start(home, accounts, shared_sandbox, concurrency=2)
    with spare as found:
        yield found


@contextmanager
def written(accounts: Path, text: str) -> Iterator[None]:
    """Replace the accounts file while the block runs."""
    before = accounts.read_text()
    accounts.write_text(text)
    try:
        yield
    finally:
        accounts.write_text(before)


class start:  # noqa: N801  (used as a function)
    """``with start(home, accounts, sandbox) as running:`` runs another system."""

    def __init__(
        self,
        home: Path,
        accounts: Path,
        sandbox: Sandbox,
        kind: type[System] = System,
        redis_url: str | None = None,
        **options: Any,
    ) -> None:
        self._said: list[str] = []
        self._sandbox = sandbox
        chosen = Settings(
            home=home,
            accounts=accounts,
            schedules=home / "schedules.toml",
            plans=home / "plans.toml",
            redis_url=SecretStr(redis_url) if redis_url else None,
            database_url=None,
        )
        self._accounts = accounts
        given = {"flower_port": None, **options}
        self._system = kind(chosen, say=self._hear, **given)

    def _hear(self, name: str, line: str) -> None:
        self._said.append(f"{name}: {line}")

    def __enter__(self) -> Running:
        self._system.__enter__()
        producer = Celery(broker=self._system.redis_url)
        producer.conf.broker_transport_options = BROKER_OPTIONS
        engine = open_ledger(self._system.settings.database)
        return Running(
            self._system, self._sandbox, engine, producer, self._accounts, self._said
        )

    def __exit__(self, *_: object) -> None:
        self._system.stop()


@pytest.fixture
def system(sandbox: Sandbox, shared_system: Running) -> Running:
    del sandbox
    # The sandbox has forgotten its issued tokens, so Rescind must forget them too.
    client = redis.Redis.from_url(shared_system.system.redis_url)
    client.delete(*client.keys("rescind-token:*"), "nothing")
    return shared_system
