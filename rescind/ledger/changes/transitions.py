"""The history of cancellations: transitions are appended, and never changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Insert,
    Select,
    Text,
    bindparam,
    cast,
    insert,
    select,
    true,
    union_all,
)

from rescind.ledger.storage.row_sets import Columns, Rows, incoming, parameters
from rescind.ledger.storage.tables import TRANSITION

_TRANSITION: Columns = {
    "cancellation_id": Text,
    "seq": BigInteger,
    "at": BigInteger,
    "from_state": Text,
    "to_state": Text,
    "reason": Text,
    "evidence": Text,
    "call_id": Text,
    "by": Text,
}
_ID = "cancellation_id"
_STEP: Columns = {n: kind for n, kind in _TRANSITION.items() if n != _ID}


def write_history(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append transitions, given as columns. ``cancellation_id`` lists all cancellations
    that make the same transition."""
    if not rows:
        return
    dialect = connection.dialect.name
    new = Rows(rows, _TRANSITION, many="cancellation_id")
    connection.execute(_append(dialect, new.differing), new.parameters(dialect))


def write_steps(
    connection: Connection, ids: Sequence[str], steps: Sequence[Mapping[str, Any]]
) -> None:
    """Append the same transitions to the history of each cancellation in ``ids``."""
    if not ids:
        return
    dialect = connection.dialect.name
    given = parameters(dialect, {}, (_ID,), [(one,) for one in ids])
    for place, step in enumerate(steps):
        given |= {f"{name}_{place}": step.get(name) for name in _STEP}
    connection.execute(_append_steps(dialect, len(steps)), given)


@cache
def _append_steps(dialect: str, number: int) -> Insert:
    each = incoming(dialect, {_ID: Text}, (_ID,))
    steps = union_all(*map(_step, range(number))).subquery("steps")
    rows = select(each.c[_ID], *steps.c).join_from(each, steps, true())
    return insert(TRANSITION).from_select([_ID, *_STEP], rows)


def _step(place: int) -> Select[Any]:
    return select(
        *(
            cast(bindparam(f"{name}_{place}", type_=kind()), kind()).label(name)
            for name, kind in _STEP.items()
        )
    )


@cache
def _append(dialect: str, differing: tuple[str, ...]) -> Insert:
    new = incoming(dialect, _TRANSITION, differing)
    return insert(TRANSITION).from_select(list(_TRANSITION), select(new))
