"""Brings readings forward: an event of its provider says that an order has changed.

An event is never evidence. It only makes the next reading due, and the reading decides.
While a worker holds a row, the wish is kept in ``reread`` until the worker records its
result: the lease and the fencing token stay as they are. ``SPACING`` bounds the
readings that any number of events can cause.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    func,
    literal_column,
    select,
    text,
    update,
)

from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.tables import CANCELLATION, OTHER_KEY

C = CANCELLATION.c
Lane = tuple[str, str]
SPACING = timedelta(seconds=5)
"""Least time between the last change of a row and a reading that events ask for."""
_SPACING_MS = SPACING // timedelta(milliseconds=1)
READ = (State.VERIFYING, State.REQUESTED)
"""The states in which a row waits for a reading."""
SENT = (State.SENDING, *READ)


def ask_for_readings(
    connection: Connection, lane: Lane, orders: Collection[str], now: datetime
) -> int:
    """Make one reading due of each open cancellation of ``orders`` that was sent.

    Unknown orders, and cancellations that were not sent or have ended, stay as they
    are. Returns how many cancellations this has changed.
    """
    rows, at = _locked(connection, _ids(connection, lane, orders)), in_ms(now)
    held = [row.id for row in rows if _is_held(row, at) and not row.reread]
    waiting = [row.id for row in rows if _waits_longer(row, at)]
    if held:
        wanted = update(CANCELLATION).where(C.id.in_(held))
        connection.execute(wanted.values(reread=at))
    if waiting:
        most = func.max if connection.dialect.name == "sqlite" else func.greatest
        sooner = update(CANCELLATION).where(C.id.in_(waiting))
        connection.execute(sooner.values(due_at=most(at, C.updated_at + _SPACING_MS)))
    return len(held) + len(waiting)


def _is_held(row: Row[Any], now: int) -> bool:
    """Whether a worker may be calling for it."""
    in_lease = row.reread is not None and bool(row.due_at > now)
    return row.state == State.SENDING or in_lease


def _waits_longer(row: Row[Any], now: int) -> bool:
    """Whether nobody holds it, and its next reading is later than events may ask."""
    free = row.state in READ and row.reread is None
    return free and bool(row.due_at > max(now, row.updated_at + _SPACING_MS))


def _ids(connection: Connection, lane: Lane, orders: Collection[str]) -> list[str]:
    """The ids of all cancellations of these orders. Two statements for two indexes."""
    numbers = sorted(set(orders))
    its = (C.provider == lane[0], C.account == lane[1], C.order_id.in_(numbers))
    by_key = select(C.id).where(*its, C.key.in_(numbers))
    by_order = select(C.id).where(*its, text(OTHER_KEY))
    found: set[str] = set()
    for chosen in (by_key, by_order):
        found.update(connection.execute(chosen).scalars())
    return sorted(found)


def _locked(connection: Connection, ids: Sequence[str]) -> Sequence[Row[Any]]:
    # Sorted: two transactions that lock the same rows must not deadlock.
    columns: list[Any] = [C.id, C.state, C.due_at, C.updated_at, C.reread]
    chosen = select(*columns).where(C.id.in_(ids), C.state.in_(SENT)).order_by(C.id)
    return connection.execute(chosen.with_for_update()).all()


def due_again(dialect: str) -> ColumnElement[int]:
    """``due_at`` of a recorded change: sooner if a further reading was asked for since
    the claim. The change is a row of ``incoming``."""
    # As text: SQLAlchemy walks through an expression at each execution, which took a
    # sixth of the time of an update of one row.
    least = "min" if dialect == "sqlite" else "least"
    states = ", ".join(f"'{state}'" for state in READ)
    return literal_column(
        f"CASE WHEN {CANCELLATION.name}.reread > 0 AND incoming.state IN ({states})"
        f" THEN {least}(incoming.due_at, incoming.updated_at + {_SPACING_MS})"
        " ELSE incoming.due_at END",
        BigInteger(),
    )
