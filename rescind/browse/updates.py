"""Lists cancellations by their last change, for callers that keep a copy."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, bindparam, select, tuple_

from rescind.browse.wanted import Wanted
from rescind.ledger.storage.tables import CANCELLATION

C = CANCELLATION.c
LOOKED_AT_ONCE = 10_000
"""Rows that one page looks at: with a filter that few match, a page may be short."""
_ORDER = (C.updated_at, C.id)


class Place(NamedTuple):
    """A place in the list: everything up to it has been listed."""

    updated_at: int
    id: str = ""


def changed(
    connection: Connection, wanted: Wanted, after: Place, limit: int
) -> tuple[list[Row[Any]], Place | None]:
    """The rows that were changed after ``after`` and match, the oldest change first.

    Also returns the place where the next page begins, or ``None`` at the end.
    """
    last = connection.execute(_last(), {**_at(after), "most": LOOKED_AT_ONCE}).first()
    page = tuple_(*_ORDER) > tuple_(*after)
    chosen = select(CANCELLATION).where(page, *wanted.conditions())
    if last is not None:
        chosen = chosen.where(tuple_(*_ORDER) <= tuple_(*last))
    rows = list(connection.execute(chosen.order_by(*_ORDER).limit(limit + 1)))
    if len(rows) > limit:
        return rows[:limit], _place(rows[limit - 1])
    return rows, None if last is None else _place(last)


def _place(row: Row[Any]) -> Place:
    return Place(row.updated_at, row.id)


def _at(place: Place) -> dict[str, int | str]:
    return {"its_time": place.updated_at, "its_id": place.id}


@cache
def _last() -> Select[Any]:
    """The last row that a page looks at, if there are so many."""
    after = tuple_(*_ORDER) > tuple_(bindparam("its_time"), bindparam("its_id"))
    chosen = select(*_ORDER).where(after).order_by(*_ORDER)
    return chosen.offset(bindparam("most") - 1).limit(1)
