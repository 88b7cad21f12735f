"""Releases cancellations that waited for others: all at once, by one statement."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, Text, bindparam, update

from rescind.ledger.changes.transitions import write_history
from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.row_sets import Columns, Rows, incoming
from rescind.ledger.storage.tables import CANCELLATION

C = CANCELLATION.c
Lane = tuple[str, str]
RELEASED = "released by its predecessors"
_RELEASE: Columns = {"id": Text, "state": Text, "opens_at": BigInteger}


def release_waiting(
    connection: Connection, rows: Sequence[Row[Any]], now: datetime
) -> frozenset[Lane]:
    """Release these, which wait and whose rows are locked. Returns the lanes in which
    some can be sent now: others have a ``not_before`` to wait for."""
    if not rows:
        return frozenset()
    at, dialect = in_ms(now), connection.dialect.name
    opening: dict[int, list[Row[Any]]] = {}
    for row in rows:
        opening.setdefault(max(row.not_before or at, at), []).append(row)
    new = Rows([_released(*some, at) for some in opening.items()], _RELEASE, many="id")
    given = {"at": at, **new.parameters(dialect)}
    connection.execute(_release(dialect, new.differing), given)
    due = opening.get(at, [])
    write_history(connection, list(_steps(due, at)))
    return frozenset((row.provider, row.account) for row in due)


def release_read(
    connection: Connection, rows: Sequence[Row[Any]], now: datetime
) -> None:
    """Let these be sent once their reading permits it: they are being read, and their
    rows are locked. A worker that reads one now does not record its reading, which
    would let it wait again."""
    if rows:
        its = update(CANCELLATION).where(C.id.in_([row.id for row in rows]))
        free = {"waits_for": 0, "opened_at": in_ms(now), "version": C.version + 1}
        connection.execute(its.values(free))


def _released(opens_at: int, rows: Sequence[Row[Any]], at: int) -> dict[str, Any]:
    """The columns of those that open at this time."""
    return {
        "id": [row.id for row in rows],
        "state": State.SCHEDULED if opens_at > at else State.QUEUED,
        "opens_at": opens_at,
    }


@cache
def _release(dialect: str, differing: tuple[str, ...]) -> Any:
    # It was never sent, so nothing else of its progress has to change.
    new = incoming(dialect, _RELEASE, differing)
    return (
        update(CANCELLATION)
        .values(state=new.c.state, due_at=new.c.opens_at, opened_at=new.c.opens_at)
        .values(updated_at=bindparam("at"), version=C.version + 1, waits_for=0)
        .where(new.c.id == C.id)
    )


def _steps(rows: Sequence[Row[Any]], at: int) -> Iterator[dict[str, Any]]:
    """Their transitions, by the versions that they had."""
    versions: dict[int, list[str]] = {}
    for row in rows:
        versions.setdefault(row.version, []).append(row.id)
    for version, ids in versions.items():
        yield {
            "cancellation_id": ids,
            "seq": version + 1,
            "at": at,
            "from_state": State.SCHEDULED,
            "to_state": State.QUEUED,
            "reason": None,
            "evidence": RELEASED,
            "call_id": None,
            "by": None,
        }
