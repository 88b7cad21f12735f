"""The ledger's databases refuse writes for a while, and then accept them again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, text

from chaos.databases import DATABASES, Database, database
from chaos.refusals_said import refusals_in
from rescind.ledger.storage.transactions import (
    LedgerUnreachableError,
    open_ledger,
    reading,
    writing,
)

REFUSED_SECONDS = 0.6


@pytest.fixture(scope="module", params=DATABASES)
def ledger(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Database, Engine]]:
    kind = str(request.param)
    made = database(kind, tmp_path_factory.mktemp(kind))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rescind.ledger.storage.transactions.BUSY_SECONDS", 0.1)
        engine = open_ledger(made.url)
        write(engine, "CREATE TABLE kept (number INTEGER)")
        yield made, engine
    engine.dispose()
    made.close()


def write(engine: Engine, statement: str) -> None:
    with writing(engine) as connection:
        connection.execute(text(statement))


def refusals_while(engine: Engine, act: Callable[[], None]) -> list[str]:
    """The errors of writes from the beginning of ``act`` until a write works again."""
    said: list[str] = []
    acting = threading.Thread(target=act)
    acting.start()
    give_up = time.monotonic() + 60
    while acting.is_alive() or not said:
        assert time.monotonic() < give_up, said
        try:
            write(engine, "INSERT INTO kept VALUES (1)")
        except LedgerUnreachableError as error:
            said.append(str(error))
    write(engine, "INSERT INTO kept VALUES (1)")
    return said


@pytest.mark.parametrize("what", ["refuse_writes", "fail_over"])
def test_writes_are_refused_for_a_while_and_nothing_is_lost(
    ledger: tuple[Database, Engine], what: str
) -> None:
    made, engine = ledger
    write(engine, "INSERT INTO kept VALUES (7)")
    said = refusals_while(engine, lambda: getattr(made, what)(REFUSED_SECONDS))
    refused = refusals_in(said)
    expected = "ledger locked" if engine.name == "sqlite" else "ledger read-only"
    assert refused[expected]
    with reading(engine) as connection:
        kept = connection.execute(text("SELECT count(*) FROM kept WHERE number = 7"))
        assert kept.scalar_one() > 0
