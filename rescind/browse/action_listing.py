"""Reads the list of what persons and programs asked Rescind to do."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select

from rescind.ledger.reading.queries import stamp
from rescind.ledger.storage.operator_tables import OPERATOR_ACTION

A = OPERATOR_ACTION.c


def actions_before(
    connection: Connection, limit: int, before: str | None = None
) -> list[Row[Any]]:
    """The newest actions first; with ``before``, those older than the action with that
    id."""
    chosen = select(OPERATOR_ACTION).order_by(A.id.desc()).limit(limit)
    if before is not None:
        chosen = chosen.where(A.id < before)
    return list(connection.execute(chosen))


def as_action(row: Row[Any]) -> dict[str, Any]:
    """An action as the document that users get."""
    lane = None if row.provider is None else f"{row.provider}/{row.account}"
    return {
        "id": row.id,
        "at": stamp(row.at),
        "by": row.by,
        "action": row.action,
        "lane": lane,
        "target": row.target,
        "number": row.number,
        "detail": row.detail,
        "until": stamp(row.until),
    }
