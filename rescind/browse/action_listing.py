"""Reads the list of what persons and programs asked Rescind to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from rescind.browse.browse_ranges import first_id
from rescind.ledger.reading.queries import stamp
from rescind.ledger.storage.operator_tables import OPERATOR_ACTION

A = OPERATOR_ACTION.c
SCANNED = 20_000
"""Actions that one page reads at most."""


@dataclass(frozen=True, slots=True)
class WantedActions:
    """Which actions to list; an empty one matches all."""

    by: Sequence[str] = ()
    """Actors: one of them did it. If it is empty, all actors count."""
    action: str | None = None
    since: int | None = None
    """The first ms of the period, of the time at which an action began."""
    until: int | None = None
    """The first ms after the period."""


@dataclass(frozen=True, slots=True)
class FoundActions:
    """One page of actions, the newest first."""

    rows: Sequence[Row[Any]]
    next: str | None
    """The id before which the next page begins; ``None`` at the end of the list."""
    partial: bool = False
    """Whether the page ended because it had read enough actions."""


def find_actions(
    connection: Connection,
    wanted: WantedActions,
    limit: int,
    before: str | None = None,
    scanned: int = SCANNED,
) -> FoundActions:
    """The newest ``limit`` matches; with ``before``, those older than that action.

    The period is found by the ids, which sort by time. No index has the actor and the
    kind of an action: these are compared row by row, up to a bound.
    """
    read = _period(wanted, before).order_by(A.id.desc()).limit(scanned)
    window = read.subquery()
    chosen = select(window).order_by(window.c.id.desc()).limit(limit + 1)
    if wanted.by:
        chosen = chosen.where(window.c.by.in_(wanted.by))
    if wanted.action is not None:
        chosen = chosen.where(window.c.action == wanted.action)
    rows = list(connection.execute(chosen))
    if len(rows) > limit:
        return FoundActions(rows[:limit], rows[limit - 1].id)
    last = read.with_only_columns(A.id).offset(scanned - 1).limit(1)
    stopped = connection.execute(last).scalar_one_or_none()
    return FoundActions(rows, stopped, partial=stopped is not None)


def _period(wanted: WantedActions, before: str | None) -> Select[Any]:
    chosen = select(OPERATOR_ACTION)
    if before is not None:
        chosen = chosen.where(A.id < before)
    if wanted.since is not None:
        chosen = chosen.where(A.id >= first_id(wanted.since))
    if wanted.until is not None:
        chosen = chosen.where(A.id < first_id(wanted.until))
    return chosen


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
