"""Questions about deliveries: what is due, what is given up, what was told of one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, select, text

from ledger.queries import stamp
from ledger.side_tables import DELIVERY, GIVEN_UP, WAITING
from ledger.tables import CANCELLATION, in_ms
from ledger.telling import webhook_id

C, D = CANCELLATION.c, DELIVERY.c
STATES = ("delivered", "given_up", "waiting")
MOST_TARGETS = 100
"""Targets that one look goes past; the next look goes on behind them."""


def anything_due(connection: Connection, now: datetime) -> bool:
    """Whether anybody is to be told of anything now."""
    due = select(D.due_at).where(text(WAITING), D.due_at <= in_ms(now))
    # Ordered as the index is that it is to go by.
    return connection.execute(due.order_by(D.due_at).limit(1)).first() is not None


def due_targets(
    connection: Connection, after: str, now: datetime
) -> tuple[list[str], str]:
    """Some targets behind ``after`` that something is due to, and where to go on:
    ``""`` is the beginning, and what comes behind the last one."""
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


def told_of(connection: Connection, cancellation_id: str) -> list[dict[str, Any]]:
    """What its producer was or will be told of one cancellation, oldest first."""
    its = select(DELIVERY).where(D.cancellation_id == cancellation_id)
    rows = connection.execute(its.order_by(D.cancellation_id, D.seq, D.kind))
    return [as_document(row) for row in rows]


def list_told(
    connection: Connection, state: str | None, limit: int
) -> list[dict[str, Any]]:
    """Deliveries with what they are of: those that wait by when they are due, others
    the newest first."""
    chosen = select(DELIVERY, C.provider, C.account, C.order_id).join(
        CANCELLATION, C.id == D.cancellation_id
    )
    rows = connection.execute(_ordered(chosen, state).limit(limit))
    return [{**as_document(row), **_whose(row)} for row in rows]


def _ordered(chosen: Select[Any], state: str | None) -> Select[Any]:
    if state == "waiting":
        return chosen.where(text(f"delivery.{WAITING}")).order_by(D.due_at)
    if state == "given_up":
        return chosen.where(text(f"delivery.{GIVEN_UP}")).order_by(D.updated_at.desc())
    if state is not None:
        chosen = chosen.where(D.state == state)
    newest: Sequence[Any] = (D.cancellation_id, D.seq, D.kind)
    return chosen.order_by(*(column.desc() for column in newest))


def as_document(row: Row[Any]) -> dict[str, Any]:
    """A delivery as everybody outside sees it: the address's host, and no more of it,
    for the rest may hold a secret."""
    return {
        "webhook_id": webhook_id(row.cancellation_id, row.seq),
        "cancellation": row.cancellation_id,
        "kind": row.kind,
        "target": row.target,
        "type": f"cancellation.{row.ended_state}",
        "state": row.state,
        "attempts": row.attempts,
        "status": row.status,
        "detail": row.detail,
        "due_at": stamp(row.due_at),
        "created_at": stamp(row.created_at),
        "updated_at": stamp(row.updated_at),
    }


def _whose(row: Row[Any]) -> dict[str, Any]:
    return {"provider": row.provider, "account": row.account, "order": row.order_id}
