"""Finds other cancellations of one order: two producers may use different keys.

A provider must be asked only once to cancel an order. So before a call, the other
cancellations of its orders are read. That costs one look-up in an index that holds only
rows whose key differs from the order, and is mostly empty.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Row,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
    text,
)

from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import from_ms, moment
from rescind.ledger.storage.tables import CANCELLATION, OTHER_KEY, TRANSITION
from rescind.provider.outcomes import Reason

C, T = CANCELLATION.c, TRANSITION.c
IN_FLIGHT = frozenset({State.SENDING, State.VERIFYING, State.REQUESTED})
OrderOf = tuple[str, str, str]
"""Provider, account and order."""
MATTERS = (State.CANCELLED, State.QUEUED, *sorted(IN_FLIGHT))
"""States that matter to another cancellation of the same order. So does failed, if the
effect of our call was never known."""


@dataclass(frozen=True, slots=True)
class Sibling:
    """One cancellation of an order, as another one of the same order sees it."""

    id: str
    state: State
    reason: Reason | None
    due_at: datetime | None
    params: Mapping[str, Any] = field(default_factory=dict, repr=False)
    finished_at: datetime | None = None


def siblings(
    connection: Connection, orders: Collection[OrderOf]
) -> dict[OrderOf, list[Sibling]]:
    """All cancellations of those ``orders`` that may have several, by order."""
    numbers = sorted({order for _, _, order in orders})
    with_keys = {
        (row.provider, row.account, row.order_id)
        for row in connection.execute(_with_keys(), {"orders": numbers})
    }
    found: dict[OrderOf, list[Sibling]] = {}
    for one in sorted(with_keys.intersection(orders)):
        given = dict(zip(("provider", "account", "order"), one, strict=True))
        rows = connection.execute(_of_one(), given)
        found[one] = [_sibling(row) for row in rows]
    return found


@cache
def _with_keys() -> Any:
    """Those orders that have rows with other keys."""
    asked = C.order_id.in_(bindparam("orders", expanding=True))
    return select(C.provider, C.account, C.order_id).where(text(OTHER_KEY), asked)


@cache
def _of_one() -> Any:
    """The row whose key is the order, and the rows with other keys: two indexes."""
    its = and_(C.provider == bindparam("provider"), C.account == bindparam("account"))
    order: BindParameter[str] = bindparam("order")
    keyed = and_(its, C.key == order, C.order_id == order)
    others = and_(its, text(OTHER_KEY), C.order_id == order)
    chosen = select(C.id, C.state, C.reason, C.due_at, C.params, C.finished_at)
    failed = and_(C.state == _word(State.FAILED), C.lost == 1)
    matters = or_(C.state.in_([_word(state) for state in MATTERS]), failed)
    return chosen.where(or_(keyed, others), matters).order_by(C.id)


def _word(state: State) -> ColumnElement[Any]:
    # SQLite compares a parameter with the states that its partial indexes name, and
    # compiles the statement again each time.
    return literal_column(f"'{state}'")


def _sibling(row: Row[Any]) -> Sibling:
    reason = Reason(row.reason) if row.reason else None
    due_at, finished_at = from_ms(row.due_at), from_ms(row.finished_at)
    params = row.params or {}
    return Sibling(row.id, State(row.state), reason, due_at, params, finished_at)


def last_readings(
    connection: Connection, ids: Collection[str]
) -> Mapping[str, datetime]:
    """When a reading last decided what became of each, for those that were read."""
    if not ids:
        return {}
    found = connection.execute(_last_readings(), {"ids": sorted(ids)})
    return {row[0]: moment(row[1]) for row in found}


@cache
def _last_readings() -> Any:
    return (
        select(T.cancellation_id, func.max(T.at))
        .where(T.cancellation_id.in_(bindparam("ids", expanding=True)))
        .where(T.from_state.in_([State.VERIFYING, State.REQUESTED]))
        .group_by(T.cancellation_id)
    )
