"""Connections to PostgreSQL: their options, and the limit of each wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, make_url, text

from rescind.ledger.storage import postgres, transactions
from rescind.ledger.storage.transactions import (
    LedgerUnreachableError,
    open_ledger,
    reading,
    writing,
)
from rescind.ledger.storage.unreachable import LedgerVersionError
from tests.stalling import Stalling

PROMPTLY = 9.0
"""Seconds. Far more than the limits in these tests, and far less than the real ones."""


@pytest.fixture
def way(postgres_ledger_url: str, tmp_path: Path) -> Iterator[Stalling]:
    folder = Path(str(make_url(postgres_ledger_url).query["host"]))
    with Stalling(tmp_path, next(folder.glob(".s.PGSQL.*[0-9]"))) as way:
        yield way


@pytest.fixture
def ledger(postgres_ledger_url: str, way: Stalling) -> Iterator[Engine]:
    url = make_url(postgres_ledger_url)
    query = {**url.query, "host": str(way.folder)}
    engine = open_ledger(url.set(query=query).render_as_string(hide_password=False))
    yield engine
    engine.dispose()


@pytest.fixture
def started() -> float:
    return time.monotonic()


def one(engine: Engine, seconds: float = 60.0) -> int:
    with writing(engine, seconds=seconds) as connection:
        return int(connection.execute(text("SELECT 1")).scalar_one())


def cut_short(engine: Engine, way: Stalling) -> None:
    """The network stalls in the middle of a transaction."""
    with writing(engine, seconds=0.2) as connection:
        connection.execute(text("SELECT 1"))
        way.stall()
        connection.execute(text("SELECT 2"))


def cut_short_at_its_end(engine: Engine, way: Stalling) -> None:
    with writing(engine, seconds=0.2) as connection:
        connection.execute(text("SELECT 1"))
        way.stall()


def cut_short_while_it_reads(engine: Engine, way: Stalling) -> None:
    with reading(engine) as connection:
        way.stall()
        connection.execute(text("SELECT 2"))


# --- a network on which nothing passes ----------------------------------------------


@pytest.mark.parametrize(
    "what", [cut_short, cut_short_at_its_end, cut_short_while_it_reads]
)
def test_a_transaction_without_an_answer_is_given_up_and_the_next_one_works(
    what: Callable[[Engine, Stalling], None],
    ledger: Engine,
    way: Stalling,
    started: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transactions, "DEADLINE_SECONDS", 0.2)
    with pytest.raises(LedgerUnreachableError, match="does not answer in time"):
        what(ledger, way)
    # A late answer is never taken for this statement's.
    assert one(ledger) == 1
    assert time.monotonic() - started < PROMPTLY


def test_an_idle_connection_that_died_is_replaced(
    ledger: Engine, way: Stalling, started: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "PING_SECONDS", 0.2)
    assert one(ledger) == 1
    way.stall()
    assert one(ledger) == 1
    assert time.monotonic() - started < PROMPTLY


def test_each_transaction_has_its_own_deadline(ledger: Engine) -> None:
    one(ledger, seconds=0.05)
    with writing(ledger) as connection:
        connection.execute(text("SELECT pg_sleep(0.1)"))


def test_without_a_deadline_a_statement_may_take_any_time(
    ledger: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    one(ledger)
    monkeypatch.setattr(postgres, "PING_SECONDS", 0.05)
    with writing(ledger, seconds=None) as connection:
        connection.execute(text("SELECT pg_sleep(0.15)"))


def test_a_session_that_ends_with_two_errors_is_replaced(ledger: Engine) -> None:
    """As a pooler was seen to answer when PostgreSQL ended the session."""

    def two_results() -> Iterator[None]:
        yield from ()
        raise psycopg.InternalError("received 2 results from command 'BEGIN'")

    with pytest.raises(LedgerUnreachableError, match="the session ended"):
        read_by(ledger, two_results)
    assert one(ledger) == 1


def read_by(engine: Engine, generator: Callable[[], Iterator[None]]) -> None:
    with reading(engine) as connection, pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.Cursor, "_execute_gen", lambda *_, **__: generator())
        connection.execute(text("SELECT 1"))


# --- versions -------------------------------------------------------------------------


def test_a_server_that_is_too_old_is_refused_in_a_sentence(
    postgres_ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "OLDEST", 99)
    engine = open_ledger(postgres_ledger_url)
    for _ in range(2):
        with pytest.raises(LedgerVersionError, match="Rescind needs 99 or later"):
            one(engine)


# --- options of a URL -----------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2"])
def test_every_name_of_postgresql_selects_our_driver(
    postgres_ledger_url: str, scheme: str
) -> None:
    _, _, rest = postgres_ledger_url.partition("://")
    engine = open_ledger(f"{scheme}://{rest}")
    assert one(engine) == 1
    engine.dispose()


def test_options_of_the_url_reach_the_driver(postgres_ledger_url: str) -> None:
    engine = open_ledger(
        f"{postgres_ledger_url}&application_name=mine&connect_timeout=9"
        "&options=-c%20work_mem%3D7MB&prepare_threshold=0"
    )
    with writing(engine) as connection:
        raw = connection.connection.dbapi_connection
        assert isinstance(raw, postgres.BoundedConnection)
        assert raw.prepare_threshold == 0
        given = raw.info.get_parameters()
        shown = connection.execute(text("SHOW work_mem")).scalar_one()
    engine.dispose()
    assert (given["application_name"], given["connect_timeout"]) == ("mine", "9")
    assert given["keepalives_idle"] == "10"
    assert shown == "7MB"


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("sslmod=require", "does not know, sslmod: is sslmode meant?"),
        ("pool_pre_ping=true", "does not know, pool_pre_ping"),
        ("prepare_threshold=often", "prepare_threshold must be a number, or none"),
    ],
)
def test_an_unknown_option_is_refused_in_a_sentence(option: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as refused:
        open_ledger(f"postgresql://u:hush@db/rescind?{option}")
    assert "hush" not in str(refused.value)
