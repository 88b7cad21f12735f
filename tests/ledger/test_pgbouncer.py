"""A ledger behind a PgBouncer that gives each transaction another session."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic import command
from sqlalchemy import Engine, text

from chaos.pgbouncer import PgBouncer
from rescind.browse.browsing import list_rows
from rescind.browse.wanted import Wanted
from rescind.ledger.storage.migrate import _config, check, upgrade
from rescind.ledger.storage.postgres import BoundedConnection
from rescind.ledger.storage.transactions import (
    LedgerUnreachableError,
    open_ledger,
    ping,
    reading,
    writing,
)
from tests.ledger.build import new, take_in
from tests.pooler import pooled, pooler

CLIENTS, EACH = 6, 12
"""More clients than sessions, and more runs of each statement than before psycopg
prepares it."""


@pytest.fixture
def bouncer(postgres_empty_url: str) -> Iterator[str]:
    with pooled(postgres_empty_url) as url:
        yield url


@pytest.fixture
def ledger(bouncer: str) -> Iterator[Engine]:
    engine = open_ledger(bouncer)
    upgrade(engine)
    yield engine
    engine.dispose()


def test_many_clients_work_with_few_sessions(ledger: Engine) -> None:
    check(ledger)

    def work(client: int) -> None:
        for number in range(EACH):
            assert take_in(ledger, [new(f"{client}-{number}")])
            with reading(ledger) as connection:
                assert list_rows(connection, Wanted(), 5)

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(work, range(CLIENTS)))
    with reading(ledger) as connection:
        assert len(list_rows(connection, Wanted(), 1000)) == CLIENTS * EACH


def test_a_ledger_in_use_is_migrated_through_a_pooler(ledger: Engine) -> None:
    with writing(ledger, seconds=None) as connection:
        command.downgrade(_config(connection), "0008")
    assert upgrade(ledger, lambda _: None) == []
    check(ledger)


def test_statements_are_prepared_and_settings_kept_only_without_a_pooler(
    ledger: Engine, postgres_empty_url: str
) -> None:
    direct = open_ledger(postgres_empty_url)
    for engine, pooled_, threshold in ((ledger, True, None), (direct, False, 5)):
        with engine.connect() as connection:
            raw = connection.connection.dbapi_connection
            assert isinstance(raw, BoundedConnection)
            assert (raw.is_pooled, raw.prepare_threshold) == (pooled_, threshold)
    direct.dispose()


def test_a_pooler_that_is_not_recognised_can_be_named(postgres_empty_url: str) -> None:
    engine = open_ledger(f"{postgres_empty_url}&prepare_threshold=none")
    with engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert isinstance(raw, BoundedConnection)
        assert raw.is_pooled
    engine.dispose()


def test_work_goes_on_after_a_pooler_was_killed_or_hung(
    postgres_ledger_url: str,
) -> None:
    with pooler(postgres_ledger_url) as pgbouncer:
        engine = open_ledger(pgbouncer.url)
        ping(engine)
        pgbouncer.restart()
        ping(engine)
        with pytest.raises(LedgerUnreachableError, match="in time"):
            work_while_it_hangs(pgbouncer, engine)
        ping(engine)
        engine.dispose()


def work_while_it_hangs(pgbouncer: PgBouncer, engine: Engine) -> None:
    with (
        ThreadPoolExecutor(1) as pool,
        writing(engine, seconds=0.2) as connection,
    ):
        hung = pool.submit(pgbouncer.hang, 0.6)
        while not hung.done():
            connection.execute(text("SELECT 1"))


def test_options_that_the_pooler_refuses_are_explained(bouncer: str) -> None:
    engine = open_ledger(f"{bouncer}?options=-csearch_path%3Drescind")
    with pytest.raises(LedgerUnreachableError, match="ALTER ROLE"):
        ping(engine)


def test_a_transaction_uses_indexes_and_leaves_no_setting_in_its_session(
    ledger: Engine, bouncer: str
) -> None:
    for transaction in (writing, reading):
        with transaction(ledger) as connection:
            assert connection.execute(text("SHOW enable_seqscan")).scalar() == "off"
    with psycopg.connect(bouncer, prepare_threshold=None) as other:
        for name in ("enable_seqscan", "jit", "default_transaction_isolation"):
            query = "SELECT setting = reset_val FROM pg_settings WHERE name = %s"
            assert other.execute(query, [name]).fetchone() == (True,), name
