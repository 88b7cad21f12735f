"""Plans whose last open step ends, and plans of which a step begins again.

Both happen in the transaction that ends or retries the step, with the row of the plan
locked. The states of all steps are read after that. So of two transactions that end
the last two steps at once, the second one reads what the first committed, and exactly
one of them completes the plan, and creates the delivery that tells its end.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, exists, func, or_, select, update

from rescind.ledger.access_limits import producers_key
from rescind.ledger.changes.postponed_completions import (
    Concerned,
    concerned,
    postpone,
    take,
)
from rescind.ledger.deliveries import store
from rescind.ledger.deliveries.retry_policy import Kind
from rescind.ledger.reading.plans import Document, plan_documents
from rescind.ledger.reading.predecessors import among, ids_given
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.plan_tables import PLAN, PLAN_STEP
from rescind.ledger.storage.postponement_table import POSTPONED
from rescind.ledger.storage.tables import CANCELLATION

C, J, P, S = CANCELLATION.c, POSTPONED.c, PLAN.c, PLAN_STEP.c


def complete(
    connection: Connection,
    ended: Collection[str],
    now: datetime,
    touched: Collection[str] = (),
) -> int:
    """Complete the plans in which one of these cancellations was the last open step;
    returns how many deliveries wait now. What is too much for one transaction is
    postponed.

    ``touched`` are cancellations that began again, or that are to be judged again:
    their plans are open. This is the last that a transaction does with cancellations
    and plans: it locks no cancellation after it.
    """
    found = concerned(connection, ended) if ended else Concerned()
    postpone(connection, found.left, now)
    if touched:
        theirs = _plans_of(connection, touched)
        _lock(connection, found.plans.union(theirs))
        _open(connection, theirs)
    return _complete(connection, _locked(connection, found.plans), now)


def complete_one(connection: Connection, plan: str, now: datetime) -> None:
    """Complete this new plan, if all of its steps have ended."""
    _complete(connection, _locked(connection, [plan]), now)


def complete_postponed(connection: Connection, now: datetime) -> int | None:
    """Complete plans that earlier transactions have left; returns how many deliveries
    wait now, or ``None`` if no plan was left."""
    found = take(connection, now)
    if found is None:
        return None
    postpone(connection, found.left, now)
    plans = _locked(connection, found.plans)
    # The end of another step may have completed some meanwhile.
    still = [one for one in plans if one.ended_at is None]
    return _complete(connection, still, now)


def _complete(
    connection: Connection,
    plans: Sequence[Row[Any]],
    now: datetime,
) -> int:
    """Complete those of these locked plans of which no step is open."""
    if not plans:
        return 0
    over = set(_without_open_steps(connection, [one.id for one in plans]))
    _end(connection, [one for one in plans if one.id in over], now)
    begun = [one for one in plans if one.ended_at is not None and one.id not in over]
    _open(connection, [one.id for one in begun])
    urls = {one.id: one.callback_url for one in plans if one.callback_url is not None}
    told = [one for one in urls if one in over]
    documents = plan_documents(connection, told, producers_key)
    numbers = _numbers(connection, told) if told else {}
    ends = [_told(one, urls[one["id"]], numbers[one["id"]]) for one in documents]
    store.create_end_deliveries(connection, Kind.PLAN, ends, now)
    return len(ends)


def _end(connection: Connection, plans: Sequence[Row[Any]], now: datetime) -> None:
    if plans:
        over = update(PLAN).where(P.id.in_([one.id for one in plans]))
        connection.execute(over.values(ended_at=in_ms(now)))


def _open(connection: Connection, plans: Collection[str]) -> None:
    """Note that these locked plans are open."""
    if plans:
        its = among(connection.dialect.name, P.id), P.ended_at.is_not(None)
        again = update(PLAN).where(*its).values(ended_at=None)
        connection.execute(again, ids_given(connection, plans))


def _numbers(connection: Connection, plans: Sequence[str]) -> dict[str, int]:
    """A number for the end of each plan. It is another one after any step has begun
    again: that raises its version."""
    versions = select(S.plan_id, func.sum(C.version)).join(
        CANCELLATION, S.cancellation_id == C.id
    )
    its = versions.where(S.plan_id.in_(plans)).group_by(S.plan_id)
    return {row[0]: int(row[1]) for row in connection.execute(its)}


def _told(document: Document, url: str, number: int) -> store.End:
    """The end to tell. It belongs to the step that ended last."""
    # Of those that ended at once, the later one ended because of the others.
    steps = enumerate(document["steps"])
    last = max(steps, key=lambda one: (one[1]["finished_at"] or "", one[0]))[1]
    # A receiver has no use for the names of our users and hosts.
    told = {name: value for name, value in document.items() if name != "by"}
    return store.End(document["id"], last["id"], url, told, number)


def begin_again(connection: Connection, ids: Collection[str]) -> None:
    """Note that the plans are open in which these cancellations are steps.

    A transaction that begins several does this once, after all of them.
    """
    plans = _plans_of(connection, ids)
    _lock(connection, plans)
    _open(connection, plans)


def _plans_of(connection: Connection, ids: Collection[str]) -> Sequence[str]:
    """The plans in which these cancellations are steps."""
    theirs = select(S.plan_id).where(among(connection.dialect.name, S.cancellation_id))
    return connection.execute(theirs, ids_given(connection, ids)).scalars().all()


def _locked(connection: Connection, ids: Collection[str]) -> Sequence[Row[Any]]:
    """Lock these plans; returns their rows."""
    if not ids:
        return ()
    its = _locking(connection, PLAN)
    return connection.execute(its, ids_given(connection, ids)).all()


def _lock(connection: Connection, ids: Collection[str]) -> None:
    """Lock these plans, which may be many: their rows are not read."""
    if ids:
        its = _locking(connection, P.id).subquery()
        counted = select(func.count()).select_from(its)
        connection.execute(counted, ids_given(connection, ids))


def _locking(connection: Connection, what: Any) -> Select[Any]:
    # Sorted: two transactions that lock the same rows must not deadlock.
    its = select(what).where(among(connection.dialect.name, P.id)).order_by(P.id)
    return its.with_for_update()


def _without_open_steps(connection: Connection, plans: Sequence[str]) -> Sequence[str]:
    """Those of these plans of which no step is open."""
    step = exists().where(S.plan_id == P.id, S.cancellation_id == C.id)
    postponed = exists().where(J.cancellation_id == C.id)
    # One whose successors are not judged yet may still open another step.
    unsettled = or_(C.finished_at.is_(None), postponed.correlate(CANCELLATION))
    is_open = step.where(unsettled).correlate(PLAN)
    chosen = select(P.id).where(P.id.in_(plans), ~is_open).order_by(P.id)
    return connection.execute(chosen).scalars().all()
