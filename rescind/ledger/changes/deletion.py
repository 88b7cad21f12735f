"""Retention: what ended long ago is deleted, with its history and its calls.

Nothing that is open, and nothing that ended later, is ever touched. All of it goes in
short transactions, the oldest first, so that nobody waits for it; two may be at it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Connection,
    Engine,
    Select,
    bindparam,
    delete,
    func,
    not_,
    select,
    text,
    true,
)

from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.side_tables import DELIVERY, WAITING
from rescind.ledger.storage.tables import CALL, CANCELLATION, TRANSITION
from rescind.ledger.storage.transactions import reading, writing

C = CANCELLATION.c
AT_ONCE = 200
"""Cancellations that are looked at, and deleted, at a time."""
CALLS_AT_ONCE = 50
"""The same of calls: a hundred cancellations are looked for for some of them."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows in the order of their ids: those that may go, and where to go on."""

    ids: Sequence[str]
    last: str | None
    """``None`` where what follows is too young."""


class Pruning:
    """One walk through the ledger, from the oldest row to what is too young to go.

    A walk that is broken off loses nothing: the next one finds what is left.
    """

    def __init__(self, engine: Engine, before: datetime) -> None:
        self._engine = engine
        self._before = in_ms(before)
        self._steps = iter((self._cancellations, self._calls))
        self._step = next(self._steps, None)
        self._last = ""
        self.cancellations = 0
        """How many have been deleted."""
        self.calls = 0

    def step(self) -> bool:
        """Look at a few rows, and delete what may go; False when the walk is over."""
        if self._step is None:
            return False
        last = self._step()
        if last is None:
            self._step, self._last = next(self._steps, None), ""
        else:
            self._last = last
        return self._step is not None

    def _cancellations(self) -> str | None:
        with reading(self._engine) as connection:
            page = _ended(connection, self._before, self._last)
        if page.ids:
            with writing(self._engine, crowd="retention") as connection:
                self.cancellations += _delete(connection, page.ids, self._before)
        return page.last

    def _calls(self) -> str | None:
        with reading(self._engine) as connection:
            page = _unnamed(connection, self._before, self._last)
        if page.ids:
            with writing(self._engine, crowd="retention") as connection:
                gone = delete(CALL).where(CALL.c.id.in_(page.ids))
                self.calls += connection.execute(gone).rowcount
        return page.last


def count_ended(connection: Connection, before: datetime) -> int:
    """How many cancellations ended before, and may go. Reads the whole ledger."""
    its = DELIVERY.c.cancellation_id == C.id
    untold = select(true()).where(its, text(f"delivery.{WAITING}"))
    waits = untold.correlate(CANCELLATION).exists()
    chosen = select(func.count()).where(C.finished_at < in_ms(before), not_(waits))
    return int(connection.execute(chosen).scalar_one())


def _ended(connection: Connection, before: int, after: str) -> Page:
    chosen = select(C.id, C.created_at.label("made"), C.finished_at)
    paged = chosen.where(C.id > after).order_by(C.id).limit(AT_ONCE)
    rows = connection.execute(paged).all()
    ended = (one for one in rows if one.finished_at is not None)
    old = [one.id for one in ended if one.finished_at < before]
    return Page(old, _next(rows, AT_ONCE, before))


def _delete(connection: Connection, ids: Sequence[str], before: int) -> int:
    """Delete those of ``ids`` that are still ended, with their history and with what
    their producers were told; those who are still to be told keep theirs."""
    still = (
        select(C.id)
        .where(C.id.in_(ids), C.finished_at < before)
        # One that is being retried, or deleted by somebody else, is left to them.
        .with_for_update(skip_locked=True)
    )
    held = set(connection.execute(still).scalars())
    # Seen once they are held: nothing begins to wait any more.
    held -= set(connection.execute(_untold(held)).scalars())
    for table in (DELIVERY, TRANSITION):
        mine = table.c.cancellation_id.in_(held)
        connection.execute(delete(table).where(mine))
    connection.execute(delete(CANCELLATION).where(C.id.in_(held)))
    return len(held)


def _untold(ids: Collection[str]) -> Select[Any]:
    """Those that somebody is still to be told of."""
    its = DELIVERY.c.cancellation_id
    return select(its).where(its.in_(ids), text(WAITING))


def _unnamed(connection: Connection, before: int, after: str) -> Page:
    """Calls of which every cancellation is gone: an id is never used again."""
    asked = {"after": after, "most": CALLS_AT_ONCE}
    rows = connection.execute(_calls_after(connection.dialect.name), asked).all()
    gone = [one.id for one in rows if one.made < before and not one.named]
    return Page(gone, _next(rows, CALLS_AT_ONCE, before))


@cache
def _calls_after(dialect: str) -> Select[Any]:
    names = CALL.c.cancellations
    each: Any
    if dialect == "sqlite":
        each = func.json_each(names).table_valued("value")
    else:
        each = func.json_array_elements_text(names).table_valued("value")
    named = select(true()).where(C.id == each.c.value).correlate(CALL).exists()
    return (
        select(CALL.c.id, CALL.c.at.label("made"), named.label("named"))
        .where(CALL.c.id > bindparam("after"))
        .order_by(CALL.c.id)
        .limit(bindparam("most"))
    )


def _next(rows: Sequence[Any], asked: int, before: int) -> str | None:
    """Ids are in the order of time: what follows a young row is younger yet."""
    if len(rows) < asked or rows[-1].made >= before:
        return None
    return str(rows[-1].id)
