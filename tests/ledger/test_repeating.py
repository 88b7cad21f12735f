"""An operator's transaction that the database has undone is made again."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from sqlalchemy import Engine, text

from rescind.ledger.changes import successors
from rescind.ledger.changes.recording import LaneChanges, record_many
from rescind.ledger.states import State
from rescind.ledger.storage.repeating import TIMES, repeated
from rescind.ledger.storage.transactions import open_ledger, reading, writing
from rescind.ledger.storage.unreachable import (
    LedgerUnreachableError,
    TransactionUndoneError,
)
from rescind.operations.withdrawal import Withdrawn, withdraw_many
from tests.ledger.build import BY, LANE, NOW, add, change, hold, row
from tests.ledger.planned import after

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
WAITING += "AND datname = current_database()"


def test_it_is_repeated_until_it_is_made() -> None:
    undone = [TransactionUndoneError("a deadlock")] * (TIMES - 1)

    @repeated
    def do() -> str:
        if undone:
            raise undone.pop()
        return "made"

    assert do() == "made"


def test_it_is_not_repeated_for_ever() -> None:
    tried: list[int] = []

    @repeated
    def do() -> None:
        tried.append(1)
        raise TransactionUndoneError("a deadlock")

    with pytest.raises(TransactionUndoneError):
        do()
    assert len(tried) == TIMES


def test_another_error_is_not_repeated() -> None:
    """The database may have made the transaction, and lost the connection after it."""
    tried: list[int] = []

    @repeated
    def do() -> None:
        tried.append(1)
        raise LedgerUnreachableError("the connection was lost")

    with pytest.raises(LedgerUnreachableError):
        do()
    assert len(tried) == 1


def test_a_withdrawal_and_a_worker_that_deadlock_both_end(
    postgres_ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker locks what it ends, and then the successor, whose id lies between."""
    engine = open_ledger(postgres_ledger_url)
    first = add(engine, order="first")
    successor = after(engine, first, order="successor")
    last = add(engine, order="last")
    held = {one.id: one for one in hold(engine)}
    done: list[Withdrawn] = []

    def withdraw() -> None:
        done.append(withdraw_many(engine, [successor, last], NOW, by=BY))

    operator = threading.Thread(target=withdraw)
    follow = successors.follow

    def follow_late(*given: Any, **named: Any) -> Any:
        if not operator.ident:
            operator.start()
            _until_one_waits(engine)
        return follow(*given, **named)

    monkeypatch.setattr(successors, "follow", follow_late)
    ends = [change(held[one], State.CANCELLED) for one in (first, last)]
    try:
        with writing(engine) as connection:
            record_many(connection, [LaneChanges(LANE, ends)], NOW)
    except TransactionUndoneError:
        # The database chose this one: the engine makes it again.
        with writing(engine) as connection:
            record_many(connection, [LaneChanges(LANE, ends)], NOW)
    operator.join()
    assert [len(one.rows) + len(one.refused) for one in done] == [2]
    assert row(engine, first).state == row(engine, last).state == "cancelled"
    engine.dispose()


def _until_one_waits(engine: Engine) -> None:
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        with reading(engine) as connection:
            if connection.execute(text(WAITING)).scalar_one():
                return
        time.sleep(0.02)
    raise AssertionError("no transaction waits for a lock")
