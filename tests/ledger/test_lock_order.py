"""Two workers that record calls of the same lanes on PostgreSQL do not deadlock,
whatever the order of their lanes is."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from rescind.ledger.changes import repeated_calls
from rescind.ledger.changes.call_log import CallMade
from rescind.ledger.changes.recording import LaneChanges, new_id, record_many
from rescind.ledger.changes.unknown_words import Words
from rescind.ledger.storage.row_sets import Columns, Rows
from rescind.ledger.storage.transactions import open_ledger, writing
from rescind.ledger.storage.unreachable import LedgerUnreachableError
from rescind.provider.evidence import Evidence
from tests.ledger.build import NOW

LANES = [("notpanel", f"account-{number:03}") for number in range(120)]
TIMES = 10


def strange(lane: tuple[str, str]) -> CallMade:
    """An answer in words that no vocabulary knows: they are counted."""
    return _call("", Evidence.ANSWERED, Words("cancel", lane[1], None, "example"))


def refused(lane: tuple[str, str]) -> CallMade:
    """All calls of a lane say the same, so they are counted in one row."""
    return _call(lane[1], Evidence.NOT_SENT, None)


def _call(detail: str, evidence: Evidence, words: Words | None) -> CallMade:
    return CallMade(
        id=new_id(),
        operation="cancel",
        evidence=evidence,
        took=timedelta(0),
        at=NOW,
        cancellations=(new_id(),),
        detail=detail,
        words=() if words is None else (words,),
    )


def test_words_are_counted_in_one_order(postgres_ledger_url: str) -> None:
    engine = open_ledger(postgres_ledger_url)
    failed: list[str] = []
    start = threading.Barrier(2)

    def record(lanes: Sequence[tuple[str, str]]) -> None:
        start.wait()
        for _ in range(TIMES):
            work = [LaneChanges(lane, [], [strange(lane)]) for lane in lanes]
            try:
                with writing(engine) as connection:
                    record_many(connection, work, NOW)
            except LedgerUnreachableError as error:
                failed.append(str(error))

    orders = (LANES, LANES[::-1])
    threads = [threading.Thread(target=record, args=(one,)) for one in orders]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    engine.dispose()
    assert failed == []


def test_repeated_calls_are_counted_in_one_order(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Any] = []

    def rows(each: Sequence[Any], columns: Columns) -> Rows:
        given.extend(one["account"] for one in each)
        return Rows(each, columns)

    monkeypatch.setattr(repeated_calls, "Rows", rows)
    work = [LaneChanges(lane, [], [refused(lane)]) for lane in LANES[::-1]]
    with writing(engine) as connection:
        record_many(connection, work, NOW)
    assert given == sorted(account for _, account in LANES)
