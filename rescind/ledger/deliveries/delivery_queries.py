"""Reads deliveries: which are due, which were given up, and those of a cancellation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Column, Connection, Row, Select, bindparam, select, text, tuple_

from rescind.ledger.access_limits import EVERYTHING, Limits
from rescind.ledger.deliveries.retry_policy import Kind, event_type, webhook_id
from rescind.ledger.reading.limited import within
from rescind.ledger.reading.queries import stamp
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.side_tables import DELIVERY, GIVEN_UP, WAITING
from rescind.ledger.storage.tables import CANCELLATION

C, D = CANCELLATION.c, DELIVERY.c
STATES = ("delivered", "given_up", "waiting")
_PARTS = {"waiting": WAITING, "given_up": GIVEN_UP}
"""States with an index of their own, and that index's condition."""
Place = tuple[int | str, ...]
"""A cursor in a list of deliveries: the values of the columns that order the list."""
_PLACE = re.compile(
    r"(?:(\d{1,15}):)?([0-9a-f-]{36}):(\d{1,15}):(task|webhook|plan|group)"
    r":([0-9a-f-]{36})?"
)
MOST_TARGETS = 100
"""Targets that one call of ``due_targets`` visits; the next call goes on after them."""


def anything_due(connection: Connection, now: datetime) -> bool:
    """Whether any delivery is due."""
    due = select(D.due_at).where(text(WAITING), D.due_at <= in_ms(now))
    # Ordered as the index is, so that the database uses it.
    return connection.execute(due.order_by(D.due_at).limit(1)).first() is not None


def due_targets(
    connection: Connection, after: str, now: datetime
) -> tuple[list[str], str]:
    """Targets after ``after`` with a due delivery, and the value of ``after`` for the
    next call. ``""`` is the beginning, and is returned at the end of the list."""
    found: list[str] = []
    for _ in range(MOST_TARGETS):
        target = connection.execute(_next(), {"after": after}).scalar_one_or_none()
        if target is None:
            return found, ""
        after = target
        its = {"its_target": target, "now": in_ms(now)}
        if connection.execute(_due(), its).first() is not None:
            found.append(target)
    return found, after


@cache
def _next() -> Select[Any]:
    behind = select(D.target).where(text(WAITING), D.target > bindparam("after"))
    return behind.order_by(D.target).limit(1)


@cache
def _due() -> Select[Any]:
    its = D.target == bindparam("its_target")
    return (
        select(D.due_at)
        .where(text(WAITING), its, D.due_at <= bindparam("now"))
        .limit(1)
    )


def deliveries_of(connection: Connection, cancellation_id: str) -> list[dict[str, Any]]:
    """The deliveries of one cancellation as documents, oldest first."""
    its = select(DELIVERY).where(D.cancellation_id == cancellation_id)
    rows = connection.execute(its.order_by(*_order(None)))
    return [as_document(row) for row in rows]


def deliveries_of_plan(
    connection: Connection, plan_id: str, steps: Sequence[str]
) -> list[dict[str, Any]]:
    """The deliveries of a plan's end as documents, oldest first. ``steps`` are the ids
    of its cancellations: a delivery belongs to the one whose end completed it."""
    its = select(DELIVERY).where(D.cancellation_id.in_(steps), D.kind == Kind.PLAN)
    rows = connection.execute(its.where(D.subject == plan_id).order_by(D.created_at))
    return [as_document(row) for row in rows]


def delivery_page(
    connection: Connection,
    state: str | None,
    limit: int,
    behind: Place | None = None,
    limits: Limits = EVERYTHING,
) -> list[Row[Any]]:
    """Deliveries with their cancellations' lanes and orders. Waiting ones are sorted by
    their due time, others newest first. A page begins after the cursor ``behind``."""
    chosen = select(DELIVERY, C.provider, C.account, C.order_id).join(
        CANCELLATION, C.id == D.cancellation_id
    )
    chosen = chosen.where(*within(limits))
    if state in _PARTS:
        chosen = chosen.where(text(f"delivery.{_PARTS[state]}"))
    elif state is not None:
        chosen = chosen.where(D.state == state)
    columns = _order(state)
    waiting = state == "waiting"
    if behind is not None:
        last = tuple_(*behind)
        page = tuple_(*columns) > last if waiting else tuple_(*columns) < last
        chosen = chosen.where(page)
    ordered = columns if waiting else [column.desc() for column in columns]
    return list(connection.execute(chosen.order_by(*ordered).limit(limit)))


def place_of(row: Row[Any], state: str | None) -> Place:
    """The cursor of a row in the list of deliveries in ``state``."""
    return tuple(getattr(row, column.name) for column in _order(state))


def written(place: Place) -> str:
    """The cursor as text, for a URL."""
    return ":".join(map(str, place))


def place_in(state: str | None, text: str) -> Place | None:
    """The cursor in ``text`` for the list of that state; ``None`` if it is none."""
    found = _PLACE.fullmatch(text)
    if found is None or bool(found[1]) != (state in _PARTS):
        return None
    at = [int(found[1])] if found[1] else []
    return (*at, found[2], int(found[3]), found[4], found[5] or "")


def _order(state: str | None) -> Sequence[Column[Any]]:
    first = {"waiting": [D.due_at], "given_up": [D.updated_at]}
    key = (D.cancellation_id, D.seq, D.kind, D.subject)
    return [*first.get(state or "", []), *key]


def as_listed(row: Row[Any]) -> dict[str, Any]:
    """A delivery as a document, with its cancellation's lane and order."""
    whose = {"provider": row.provider, "account": row.account, "order": row.order_id}
    return {**as_document(row), **whose}


def as_document(row: Row[Any]) -> dict[str, Any]:
    """A delivery as the document that users get. Of the address it holds only the host:
    the rest may hold a secret."""
    return {
        "webhook_id": webhook_id(row.cancellation_id, row.seq, row.subject),
        "cancellation": row.cancellation_id,
        "kind": row.kind,
        "plan": row.subject if row.kind == Kind.PLAN else None,
        "group": row.document["group"] if row.kind == Kind.GROUP else None,
        "target": row.target,
        "type": event_type(row.kind, row.document or {"state": row.ended_state}),
        "state": row.state,
        "attempts": row.attempts,
        "status": row.status,
        "detail": row.detail,
        "due_at": stamp(row.due_at),
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
    }
