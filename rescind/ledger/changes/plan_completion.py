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

from sqlalchemy import Connection, Row, exists, or_, select, update

from rescind.ledger.access_limits import producers_key
from rescind.ledger.deliveries import store
from rescind.ledger.deliveries.retry_policy import Kind
from rescind.ledger.reading.plans import Document, plan_documents
from rescind.ledger.reading.predecessors import among, ids_given, in_these
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
    only: str | None = None,
) -> int:
    """Complete the plans in which one of these cancellations was the last open step;
    returns how many deliveries wait now.

    ``touched`` are cancellations that began again, or that are to be judged again:
    their plans are open. ``only`` names the one plan to look at. This is the last that
    a transaction does with cancellations and plans: it locks no cancellation after it.
    """
    plans = _locked(connection, {*ended, *touched}, only)
    if not plans:
        return 0
    over = _without_open_steps(connection, [one.id for one in plans])
    _end(connection, [one for one in plans if one.id in over], now)
    _open(connection, [one for one in plans if one.id not in over])
    urls = {one.id: one.callback_url for one in plans if one.callback_url is not None}
    told = [one for one in over if one in urls]
    return sum(
        _tell(connection, one, urls[one["id"]], ended, now)
        for one in plan_documents(connection, told, producers_key)
    )


def _end(connection: Connection, plans: Sequence[Row[Any]], now: datetime) -> None:
    if plans:
        over = update(PLAN).where(P.id.in_([one.id for one in plans]))
        connection.execute(over.values(ended_at=in_ms(now)))


def _open(connection: Connection, plans: Sequence[Row[Any]]) -> None:
    again = [one.id for one in plans if one.ended_at is not None]
    if again:
        theirs = update(PLAN).where(P.id.in_(again))
        connection.execute(theirs.values(ended_at=None))


def _tell(
    connection: Connection,
    document: Document,
    url: str,
    ended: Collection[str],
    now: datetime,
) -> bool:
    """Create the delivery. It belongs to the step whose end completed the plan."""
    # One transaction may end several steps, each because of those before it.
    ids = (step["id"] for step in reversed(document["steps"]))
    last = next(one for one in ids if one in ended)
    # A receiver has no use for the names of our users and hosts.
    told = {name: value for name, value in document.items() if name != "by"}
    return store.create_end_delivery(
        connection, Kind.PLAN, document["id"], last, url, told, now
    )


def begin_again(connection: Connection, ids: Collection[str]) -> None:
    """Note that the plans are open in which these cancellations are steps.

    A transaction that begins several does this once, after all of them.
    """
    _open(connection, _locked(connection, ids))


def _locked(
    connection: Connection, ids: Collection[str], only: str | None = None
) -> Sequence[Row[Any]]:
    """Lock the plans in which these cancellations are steps."""
    dialect = connection.dialect.name
    theirs = select(S.plan_id).where(among(dialect, S.cancellation_id))
    # Sorted: two transactions that lock the same rows must not deadlock.
    chosen = select(PLAN).where(in_these(dialect, P.id, theirs)).order_by(P.id)
    if only is not None:
        chosen = chosen.where(P.id == only)
    chosen = chosen.with_for_update()
    return connection.execute(chosen, ids_given(connection, ids)).all()


def _without_open_steps(connection: Connection, plans: Sequence[str]) -> Sequence[str]:
    """Those of these plans of which no step is open."""
    step = exists().where(S.plan_id == P.id, S.cancellation_id == C.id)
    postponed = exists().where(J.cancellation_id == C.id)
    # One whose successors are not judged yet may still open another step.
    unsettled = or_(C.finished_at.is_(None), postponed.correlate(CANCELLATION))
    is_open = step.where(unsettled).correlate(PLAN)
    chosen = select(P.id).where(P.id.in_(plans), ~is_open).order_by(P.id)
    return connection.execute(chosen).scalars().all()
