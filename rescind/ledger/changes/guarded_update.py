"""Updates rows as decided, guarded by state and fencing token: one statement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Connection, Text, cast, func, update
from sqlalchemy.sql.dml import ReturningUpdate

from rescind.ledger.changes.rereading import due_again
from rescind.ledger.progress import Change
from rescind.ledger.storage.cancellation_rows import PROGRESS, progress_row
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.row_sets import Columns, Rows, incoming, parameters
from rescind.ledger.storage.tables import CANCELLATION

ASKED = "+"
"""Prefix of an id whose producer wants a notification; no id begins with it."""
FOLLOWED = ">"
"""Prefix, behind that one, of an id for which other cancellations wait."""
_GUARD: Columns = {"id": Text, "version": BigInteger, "from_state": Text}
_CHANGE: Columns = {**_GUARD, **PROGRESS}


class Made(NamedTuple):
    """The changes that were made."""

    opened: dict[str, str]
    """When the round of each began, in ms, by its id."""
    asked: list[str]
    """The ids whose producer wants a notification."""
    followed: list[str]
    """The ids for which others may wait."""


def update_guarded(
    connection: Connection, changes: Sequence[Change], now: datetime
) -> Made:
    """Make the changes whose rows are still as they were claimed."""
    dialect, at = connection.dialect.name, in_ms(now)
    # With a constant as the guard, PostgreSQL reads by that first, not by the ids.
    apart = () if dialect == "sqlite" else _GUARD
    rows = Rows([_change_row(c, at) for c in changes], _CHANGE, apart, many="id")
    each = rows.apart
    if dialect != "sqlite":
        # Sorted: two transactions that change the same rows must not deadlock.
        each = sorted(each, key=itemgetter(rows.differing.index("id")))
    statement = _guarded_update(dialect, rows.differing)
    given = parameters(dialect, rows.alike, rows.differing, each)
    made = connection.execute(statement, given)
    return _split(made.scalars().all())


def _split(marked: Sequence[str]) -> Made:
    """Each is an id with its marks before it, and the time of its opening behind it."""
    made = Made({}, [], [])
    for one in marked:
        id_, _, opened_at = one.partition(" ")
        wanted = id_[0] == ASKED
        if wanted:
            id_ = id_[1:]
        if id_[0] == FOLLOWED:
            id_ = id_[1:]
            made.followed.append(id_)
        if wanted:
            made.asked.append(id_)
        made.opened[id_] = opened_at
    return made


@cache
def _guarded_update(dialect: str, differing: tuple[str, ...]) -> ReturningUpdate[Any]:
    # Cached: building it costs more than running it over a few rows.
    new = incoming(dialect, _CHANGE, differing)
    table = CANCELLATION.c
    # One text column, with the prefix in it: rows of several columns are objects, which
    # the garbage collector must visit. And no IS NOT NULL: in RETURNING, SQLite 3.40
    # was seen to call it true for a value that is NULL.
    either = func.coalesce(table.callback_url, table.callback_task)
    asked = func.coalesce(func.substr(ASKED, 1, func.length(either)), "")
    values = {name: new.c[name] for name in PROGRESS}
    # SQLite compares a bare parameter with the states that its partial indexes name,
    # and compiles the statement again for each new value, which takes ten times as long
    # as running it.
    from_state = cast(new.c.from_state, Text)
    mark = asked + func.coalesce(func.substr(FOLLOWED, 1, table.followed), "")
    return (
        update(CANCELLATION)
        .values({**values, "due_at": due_again(dialect), "reread": None})
        .values(version=table.version + 1)
        .where(
            table.id == new.c.id,
            table.version == new.c.version,
            table.state == from_state,
        )
        .returning(mark + table.id + " " + cast(table.opened_at, Text))
    )


def _change_row(change: Change, at: int) -> dict[str, Any]:
    return {
        "id": change.ids,
        "version": change.version,
        "from_state": change.from_state,
        "updated_at": at,
        **progress_row(change.to),
    }
