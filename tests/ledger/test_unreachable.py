"""Which errors mean that the ledger is unreachable, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from rescind.ledger.storage.transactions import (
    LedgerUnreachableError,
    open_ledger,
    reading,
    writing,
)
from rescind.ledger.storage.unreachable import LedgerFullError

AWAY = (
    *("08006", "25006", "25P02", "40001", "40P01", "53100", "53200", "53300"),
    *(
        "3F000",
        "42501",
        "55000",
        "55P03",
        "55P04",
        "57014",
        "57P01",
        "57P03",
        "58030",
        "XX000",
    ),
)
OURS = ("21000", "22001", "22003", "23502", "23505", "42601", "42703", "P0001")
"""Errors of the statement: repeating it would not help."""


@pytest.fixture
def ledger(postgres_ledger_url: str) -> Iterator[Engine]:
    engine = open_ledger(postgres_ledger_url)
    yield engine
    engine.dispose()


def fail(engine: Engine, code: str) -> None:
    with writing(engine) as connection:
        connection.execute(
            text(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$")
        )


@pytest.mark.parametrize("code", AWAY)
def test_an_error_of_the_server_means_unreachable(ledger: Engine, code: str) -> None:
    with pytest.raises(LedgerUnreachableError):
        fail(ledger, code)


@pytest.mark.parametrize("code", OURS)
def test_an_error_of_a_statement_does_not_mean_unreachable(
    ledger: Engine, code: str
) -> None:
    with pytest.raises(DBAPIError):
        fail(ledger, code)


def test_connections_to_a_demoted_server_are_dropped_at_the_first_refusal(
    ledger: Engine,
) -> None:
    with writing(ledger) as connection:
        connection.execute(text("SET default_transaction_read_only = on"))
    with pytest.raises(LedgerUnreachableError, match="lead to the primary"):
        add(ledger)
    add(ledger)


def add(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("DELETE FROM cancellation"))


def test_the_error_shows_no_secret_of_the_url(postgres_ledger_url: str) -> None:
    engine = open_ledger(f"{postgres_ledger_url}&sslpassword=hush&sslmode=disable")
    with pytest.raises(LedgerUnreachableError) as said:
        fail(engine, "57P01")
    engine.dispose()
    assert "hush" not in str(said.value)
    assert "sslmode=disable" in str(said.value)


def test_a_full_disk_is_known_whatever_language_the_server_speaks(
    ledger: Engine,
) -> None:
    said = "aygıtta boş yer kalmadı"
    raised = f"RAISE EXCEPTION USING ERRCODE = '53100', MESSAGE = '{said}'"
    with (
        pytest.raises(LedgerFullError, match="the disk is full; make room on it"),
        writing(ledger) as connection,
    ):
        connection.execute(text(f"DO $$ BEGIN {raised}; END $$"))


def test_errors_of_readers_are_translated_too(ledger: Engine) -> None:
    with pytest.raises(LedgerUnreachableError), reading(ledger) as connection:
        connection.execute(
            text("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'XX001'; END $$")
        )
