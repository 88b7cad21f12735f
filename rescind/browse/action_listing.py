"""Reads the list of what persons and programs asked Rescind to do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, select

from rescind.ledger.id_times import CLOCKS_DIFFER, first_id
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

    The period is found by the ids, which sort by time. No index has the rest: it is
    compared row by row, up to a bound.
    """
    read, compared = _period(wanted, before), list(_compared(wanted))
    # If nothing is compared, ``limit`` is the bound.
    stopped = _last(connection, read, scanned) if compared else None
    chosen = read.where(*compared).limit(limit + 1)
    if stopped is not None:
        chosen = chosen.where(A.id >= stopped)
    rows = list(connection.execute(chosen))
    if len(rows) > limit:
        return FoundActions(rows[:limit], rows[limit - 1].id)
    return FoundActions(rows, stopped, partial=stopped is not None)


def _period(wanted: WantedActions, before: str | None) -> Select[Any]:
    """All actions that may be of the period, the newest first."""
    chosen = select(OPERATOR_ACTION).order_by(A.id.desc())
    if before is not None:
        chosen = chosen.where(A.id < before)
    # An id and the time beside it may be of two clocks.
    if wanted.since is not None:
        chosen = chosen.where(A.id >= first_id(wanted.since - CLOCKS_DIFFER))
    if wanted.until is not None:
        chosen = chosen.where(A.id < first_id(wanted.until + CLOCKS_DIFFER))
    return chosen


def _last(connection: Connection, read: Select[Any], scanned: int) -> str | None:
    """The id of the last action that a page may read; ``None`` if it may read all."""
    last = read.with_only_columns(A.id).offset(scanned - 1).limit(1)
    found: str | None = connection.execute(last).scalar_one_or_none()
    return found


def _compared(wanted: WantedActions) -> Iterator[ColumnElement[bool]]:
    if wanted.by:
        yield A.by.in_(wanted.by)
    if wanted.action is not None:
        yield A.action == wanted.action
    if wanted.since is not None:
        yield A.at >= wanted.since
    if wanted.until is not None:
        yield A.at < wanted.until


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
