"""The same system on PostgreSQL and another Redis, by changing two URLs.

The ledger is behind PgBouncer, and belongs to a role with the fewest rights.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from celery import Celery
from pydantic import SecretStr
from sqlalchemy import create_engine, text

from chaos.pgbouncer import program
from rescind.config.settings import Settings
from rescind.ledger.seal import new_key
from rescind.ledger.storage.migrate import upgrade
from rescind.ledger.storage.transactions import open_ledger
from rescind.sandbox import Sandbox
from rescind.system.local_system import System
from tests.pooler import pooled
from tests.postgres_roles import roles_of
from tests.tasks.conftest import Running, accounts_toml, until

_numbers = itertools.count(800_000_001)


@pytest.fixture
def least_rights(postgres_url: str) -> Iterator[str]:
    """The URL of a migrated ledger, for a role that can only read and write rows."""
    with roles_of(postgres_url) as roles:
        engine = open_ledger(roles.owner)
        upgrade(engine)
        engine.dispose()
        yield roles.app


@pytest.fixture
def behind_a_pooler(least_rights: str) -> Iterator[str]:
    """The same through PgBouncer, where that is installed."""
    if program() is None:
        yield least_rights
        return
    with pooled(least_rights) as url:
        yield url


@pytest.fixture
def on_postgres(
    sandbox: Sandbox,
    valkey_url: str,
    least_rights: str,
    behind_a_pooler: str,
    tmp_path: Path,
) -> Iterator[Running]:
    redis.Redis.from_url(valkey_url).flushall()
    accounts = tmp_path / "accounts.toml"
    accounts.write_text(accounts_toml(sandbox))
    accounts.chmod(0o600)
    chosen = Settings(
        home=tmp_path,
        accounts=accounts,
        redis_url=SecretStr(valkey_url),
        database_url=SecretStr(behind_a_pooler),
        seal_key=SecretStr(new_key()),
    )
    said: list[str] = []
    system = System(
        chosen,
        flower_port=None,
        say=lambda name, line: said.append(f"{name}: {line}"),
    )
    with system:
        engine = open_ledger(least_rights)
        producer = Celery(broker=valkey_url)
        yield Running(system, sandbox, engine, producer, accounts, said)
        engine.dispose()


def test_all_goes_on_when_postgresql_drops_every_connection(
    on_postgres: Running, postgres_url: str
) -> None:
    running = on_postgres
    running.sandbox.settings(latency_ms={"notpanel": 200.0, "iletimerkezi": 200.0})
    orders = {
        "iletimerkezi": [str(next(_numbers)) for _ in range(40)],
        "notpanel": [f"ord_{next(_numbers)}" for _ in range(40)],
    }
    running.sandbox.seed("iletimerkezi", orders["iletimerkezi"], "scheduled")
    running.sandbox.seed(
        "notpanel", orders["notpanel"], "in_progress", ends="cancelled"
    )
    running.submit(
        *(
            {"provider": p, "order": one}
            for p, listed in orders.items()
            for one in listed
        )
    )
    first = f"iletimerkezi/default/{orders['iletimerkezi'][0]}"
    until(lambda: running.record(first)["state"], first)
    running.engine.dispose()
    drop_connections(postgres_url)
    for provider, listed in orders.items():
        for one in listed:
            record = running.ends(f"{provider}/default/{one}")
            assert (record["state"], record["reason"]) == ("cancelled", "confirmed")
            acted = [e["acted"] for e in running.events(provider, one, "cancel")]
            assert acted.count(True) == 1
            assert acted[-1]


def drop_connections(url: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    others = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE usename = 'rescind_app' AND pid <> pg_backend_pid()"
    )
    with engine.connect() as connection:
        connection.execute(text(others))
    engine.dispose()
