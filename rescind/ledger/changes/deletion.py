"""Retention: deletes cancellations that ended long ago, with history and calls.

Open cancellations, and those that ended later, are never deleted. Each transaction is
short and takes the oldest rows first, so that others hardly wait. Two processes may
delete at the same time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Select,
    Table,
    bindparam,
    delete,
    func,
    not_,
    select,
    text,
    true,
)

from rescind.ledger.changes.plan_deletion import (
    delete_plans,
    kept_by_plans,
    steps_of_young_plans,
)
from rescind.ledger.changes.successor_retention import (
    is_postponed,
    kept_by_successors,
    predecessors_in_need,
)
from rescind.ledger.changes.word_deletion import forget_words
from rescind.ledger.storage.call_table import CALL
from rescind.ledger.storage.dependency_table import DEPENDENCY
from rescind.ledger.storage.group_end_table import GROUP_END
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.operator_tables import OPERATOR_ACTION
from rescind.ledger.storage.plan_tables import PLAN_STEP
from rescind.ledger.storage.side_tables import DELIVERY, WAITING
from rescind.ledger.storage.tables import CANCELLATION, TRANSITION
from rescind.ledger.storage.transactions import reading, writing

C = CANCELLATION.c
AT_ONCE = 200
"""Cancellations that one step reads, and deletes."""
OLDEST = 1000
"""Cancellations that are read to see whether retention keeps up."""
CALLS_AT_ONCE = 50
"""Calls that one step reads; about a hundred cancellations may be looked up for one."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of rows in the order of their ids."""

    ids: Sequence[str]
    last: str | None
    """The id to continue after; ``None`` if all later rows are too young."""


class Pruning:
    """One walk through the ledger, from the oldest row to the first one too young.

    A walk may stop half way: the next one starts again from the oldest row.
    """

    def __init__(self, engine: Engine, before: datetime) -> None:
        self._engine = engine
        self._before = in_ms(before)
        self._steps = iter((self._cancellations, self._calls, *self._lists()))
        self._step = next(self._steps, None)
        self._last = ""
        self.cancellations = 0
        """Cancellations deleted so far."""
        self.calls = 0

    def step(self) -> bool:
        """Read one page, and delete what may go; False when the walk is over."""
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
            with writing(self._engine, queue="retention") as connection:
                self.cancellations += delete_ended(connection, page.ids, self._before)
        return page.last

    def _calls(self) -> str | None:
        with reading(self._engine) as connection:
            page = _unnamed(connection, self._before, self._last)
        if page.ids:
            with writing(self._engine, queue="retention") as connection:
                gone = delete(CALL).where(CALL.c.id.in_(page.ids))
                self.calls += connection.execute(gone).rowcount
        return page.last

    def _lists(self) -> Iterator[Callable[[], str | None]]:
        """The steps for what was done, and for the ends of groups that were told."""
        yield partial(self._listed, OPERATOR_ACTION, OPERATOR_ACTION.c.at)
        yield partial(self._listed, GROUP_END, GROUP_END.c.told_at)

    def _listed(self, table: Table, at: Column[Any]) -> str | None:
        its = table.c.id
        old = select(its).where(at < self._before).order_by(its).limit(AT_ONCE)
        with reading(self._engine) as connection:
            ids = connection.execute(old).scalars().all()
        if ids:
            with writing(self._engine, queue="retention") as connection:
                connection.execute(delete(table).where(its.in_(ids)))
        return ids[-1] if len(ids) == AT_ONCE else None


def is_behind(connection: Connection, before: datetime) -> bool:
    """Whether most of the oldest cancellations ended before ``before``, and are still
    there. It reads ``AT_ONCE`` rows."""
    return 2 * count_overdue(connection, before, AT_ONCE) > AT_ONCE


def count_overdue(connection: Connection, before: datetime, of: int = OLDEST) -> int:
    """How many of the ``of`` oldest cancellations ended before ``before``. Reads so
    many rows, whatever the size of the ledger."""
    oldest = select(C.finished_at).order_by(C.id).limit(of).subquery()
    ended = oldest.c.finished_at < in_ms(before)
    counted = select(func.count()).select_from(oldest).where(ended)
    return int(connection.execute(counted).scalar_one())


def count_ended(connection: Connection, before: datetime) -> int:
    """How many cancellations may be deleted that ended before ``before``. Reads the
    whole ledger."""
    its = DELIVERY.c.cancellation_id == C.id
    waiting = select(true()).where(its, text(f"delivery.{WAITING}"))
    waits = waiting.correlate(CANCELLATION).exists()
    followed = predecessors_in_need().where(DEPENDENCY.c.predecessor_id == C.id)
    kept = followed.correlate(CANCELLATION).exists()
    judged_later = is_postponed(C.id).correlate(CANCELLATION)
    chosen = select(func.count()).where(C.finished_at < in_ms(before))
    step = steps_of_young_plans(in_ms(before)).where(
        PLAN_STEP.c.cancellation_id == C.id
    )
    chosen = chosen.where(not_(waits), not_(kept), not_(judged_later))
    chosen = chosen.where(not_(step.correlate(CANCELLATION).exists()))
    return int(connection.execute(chosen).scalar_one())


def _ended(connection: Connection, before: int, after: str) -> Page:
    chosen = select(C.id, C.created_at.label("made"), C.finished_at)
    paged = chosen.where(C.id > after).order_by(C.id).limit(AT_ONCE)
    rows = connection.execute(paged).all()
    ended = (one for one in rows if one.finished_at is not None)
    old = [one.id for one in ended if one.finished_at < before]
    return Page(old, _next(rows, AT_ONCE, before))


def delete_ended(connection: Connection, ids: Sequence[str], before: int) -> int:
    """Delete those of ``ids`` that are still ended, with their history and deliveries.
    A cancellation with a waiting delivery stays, and so does one for which another one
    waits, or may have to wait again, and a step of a plan that stays."""
    still = (
        select(C.id)
        .where(C.id.in_(ids), C.finished_at < before)
        # A row locked by a retry, or by another deletion, is left to that one.
        .with_for_update(skip_locked=True)
    )
    held = set(connection.execute(still).scalars())
    # Read after the rows are locked: no new delivery can begin to wait now.
    held -= set(connection.execute(_with_waiting_delivery(held)).scalars())
    held -= kept_by_successors(connection, held)
    held -= kept_by_plans(connection, held, before)
    delete_plans(connection, held)
    forget_words(connection, held)
    for table in (DELIVERY, TRANSITION):
        mine = table.c.cancellation_id.in_(held)
        connection.execute(delete(table).where(mine))
    its = DEPENDENCY.c.successor_id.in_(held)
    connection.execute(delete(DEPENDENCY).where(its))
    connection.execute(delete(CANCELLATION).where(C.id.in_(held)))
    return len(held)


def _with_waiting_delivery(ids: Collection[str]) -> Select[Any]:
    """Those of ``ids`` that have a waiting delivery."""
    its = DELIVERY.c.cancellation_id
    return select(its).where(its.in_(ids), text(WAITING))


def _unnamed(connection: Connection, before: int, after: str) -> Page:
    """Calls whose cancellations are all deleted: an id is never used again."""
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
    """The id to continue after. Ids sort by time: rows after a young one are young."""
    if len(rows) < asked or rows[-1].made >= before:
        return None
    return str(rows[-1].id)
