"""The calls made to providers: one row for each, unless it repeats another one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from socket import gethostname
from typing import Any

from sqlalchemy import JSON, BigInteger, Connection, Text, select, true

from rescind.ledger.changes.unknown_words import Words, count_words
from rescind.ledger.storage import counters
from rescind.ledger.storage.call_table import CALL
from rescind.ledger.storage.milliseconds import in_ms, to_ms
from rescind.ledger.storage.row_sets import Columns, Rows, incoming
from rescind.ledger.storage.upsert import inserting

Lane = tuple[str, str]
_CALL: Columns = {
    "id": Text,
    "provider": Text,
    "account": Text,
    "operation": Text,
    "evidence": Text,
    "status": BigInteger,
    "took_ms": BigInteger,
    "detail": Text,
    "body": Text,
    "orders": BigInteger,
    "cancellations": JSON,
    "at": BigInteger,
    "worker": Text,
}


@dataclass(frozen=True, slots=True)
class CallMade:
    """One provider call, for the call log. ``body`` is masked already."""

    id: str
    operation: str
    evidence: str
    took: timedelta
    at: datetime
    cancellations: tuple[str, ...]
    status: int | None = None
    detail: str | None = None
    body: str | None = None
    words: tuple[Words, ...] = ()
    """Words of the provider that no vocabulary knows, of each order of the call."""

    @property
    def took_ms(self) -> int:
        return round(self.took.total_seconds() * 1000)


def append_calls(connection: Connection, made: Sequence[tuple[Lane, CallMade]]) -> None:
    """Append one row for each call, and count the call.

    A call that has a row already is left alone, and not counted again.
    """
    if not made:
        return
    dialect = connection.dialect.name
    rows = Rows([_row(lane, call) for lane, call in made], _CALL)
    statement = _append(dialect, rows.differing)
    new = set(connection.execute(statement, rows.parameters(dialect)).scalars())
    counted = [(lane, call) for lane, call in made if call.id in new]
    for lane, call in counted:
        count_call(connection, lane, call)
    met = [(lane[0], words) for lane, call in counted for words in call.words]
    if met:
        # Once for all: two transactions that count the same words must not deadlock.
        count_words(connection, met, max(in_ms(call.at) for _, call in counted))


def count_call(connection: Connection, lane: Lane, call: CallMade) -> None:
    sums = (call.took_ms, len(call.cancellations))
    counters.count_call(connection, lane, call.operation, call.evidence, *sums)


@cache
def _append(dialect: str, differing: tuple[str, ...]) -> Any:
    new = incoming(dialect, _CALL, differing)
    return (
        inserting(dialect, CALL)
        # Without a WHERE in the SELECT, SQLite reads ON CONFLICT as a join's ON.
        .from_select(list(_CALL), select(new).where(true()))
        # A commit whose acknowledgement was lost is repeated; the call has one row.
        .on_conflict_do_nothing()
        .returning(CALL.c.id)
    )


def _row(lane: Lane, call: CallMade) -> dict[str, Any]:
    return {
        "id": call.id,
        "provider": lane[0],
        "account": lane[1],
        "operation": call.operation,
        "evidence": call.evidence,
        "status": call.status,
        "took_ms": call.took_ms,
        "detail": call.detail,
        "body": call.body,
        "orders": len(call.cancellations),
        "cancellations": list(call.cancellations),
        "at": to_ms(call.at),
        "worker": f"{gethostname()} {os.getpid()}",
    }
