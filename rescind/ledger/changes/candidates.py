"""Selects a lane's cancellations that can be claimed now, or that are unreadable."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    and_,
    bindparam,
    literal_column,
    not_,
    or_,
    select,
    text,
)

from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.tables import CANCELLATION, LOOKED_AT
from rescind.provider.outcomes import Reason

C = CANCELLATION.c
_WORDS: list[ColumnElement[Any]] = [literal_column(f"'{reason}'") for reason in Reason]


def due(lanes: FromClause, state: State, *columns: Any) -> Select[Any]:
    """The cancellations in ``state`` that are due at the parameter ``now``, for each
    lane in ``lanes``, in the order in which workers claim them; readable or not.

    A queued cancellation past its deadline is not due: see ``late``.
    """
    chosen = _of(lanes, *columns).where(
        # A literal, so that both databases see that the partial index fits.
        C.state == literal_column(f"'{state}'"),
        C.due_at <= bindparam("now"),
    )
    if state is State.QUEUED:
        in_time = C.urgency > bindparam("now")
        return chosen.where(in_time).order_by(C.urgency, C.due_at)
    return chosen.where(text(LOOKED_AT)).order_by(C.due_at)


def late(lanes: FromClause, held: str, *columns: Any) -> Select[Any]:
    """The cancellations past their deadline at the parameter ``now``, in the index with
    the condition ``held``, for each lane in ``lanes``; readable or not."""
    chosen = _of(lanes, *columns).where(text(held), C.urgency <= bindparam("now"))
    return chosen.order_by(C.urgency)


def _of(lanes: FromClause, *columns: Any) -> Select[Any]:
    lane = (C.provider == lanes.c.provider, C.account == lanes.c.account)
    return select(*columns).where(*lane)


def readable() -> ColumnElement[bool]:
    """Whether this version knows all words of a row."""
    return and_(*(or_(c.is_(None), c.in_(_WORDS)) for c in (C.reason, C.hint)))


def unreadable(
    connection: Connection, lane: tuple[str, str], limit: int, now: datetime
) -> list[str]:
    """The ids of due cancellations that only a newer version can read."""
    found: list[str] = []
    for open_ones in (C.state == literal_column("'queued'"), text(LOOKED_AT)):
        chosen = select(C.id).where(
            C.provider == lane[0],
            C.account == lane[1],
            open_ones,
            C.due_at <= in_ms(now),
            not_(readable()),
        )
        found += connection.execute(chosen.limit(limit)).scalars()
    return found[:limit]
