"""Retention of plans: a plan and its steps are deleted together.

The verdict of a plan is made of its steps, so a plan is not kept without one of them.
No step is deleted while another one is open, or ended too short a time ago. A plan is
deleted with the first of its steps: the others may be in another transaction.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Select, delete, exists, or_, select

from rescind.ledger.reading.predecessors import among, ids_given
from rescind.ledger.storage.completion_table import COMPLETION
from rescind.ledger.storage.plan_tables import PLAN, PLAN_STEP
from rescind.ledger.storage.tables import CANCELLATION

P, S = PLAN.c, PLAN_STEP.c
OTHER_STEP, OTHER = PLAN_STEP.alias("other_step"), CANCELLATION.alias("other")


def steps_of_young_plans(before: int) -> Select[Any]:
    """The steps of plans with a step that has not ended before ``before``, in ms, or
    whose plans are still to be completed."""
    is_young = or_(OTHER.c.finished_at.is_(None), OTHER.c.finished_at >= before)
    not_told = (
        exists().where(COMPLETION.c.cancellation_id == OTHER.c.id).correlate(OTHER)
    )
    others = OTHER_STEP.c.cancellation_id == OTHER.c.id
    return (
        select(S.cancellation_id)
        .join_from(PLAN_STEP, OTHER_STEP, S.plan_id == OTHER_STEP.c.plan_id)
        .join(OTHER, others)
        .where(or_(is_young, not_told))
    )


def kept_by_plans(
    connection: Connection, ids: Collection[str], before: int
) -> frozenset[str]:
    """Those of ``ids`` that must stay for a plan. Locks the plans of the others."""
    mine = S.cancellation_id.in_(ids)
    theirs = select(S.cancellation_id, S.plan_id).where(mine)
    steps = connection.execute(theirs).all()
    if not steps:
        return frozenset()
    plans = {one.plan_id for one in steps}
    named = among(connection.dialect.name, P.id)
    # A locked plan is just being completed, or one of its steps begins again.
    free = select(P.id).where(named).with_for_update(skip_locked=True)
    locked = set(connection.execute(free, ids_given(connection, plans)).scalars())
    busy = {one.cancellation_id for one in steps if one.plan_id not in locked}
    # Read after the plans are locked: none of their steps can begin again now.
    young = connection.execute(steps_of_young_plans(before).where(mine)).scalars()
    return frozenset(busy.union(young))


def delete_plans(connection: Connection, ids: Collection[str]) -> None:
    """Delete the plans in which one of these cancellations is a step."""
    theirs = select(S.plan_id).where(S.cancellation_id.in_(ids))
    plans = set(connection.execute(theirs).scalars())
    if not plans:
        return
    for column in (S.plan_id, P.id):
        # As one parameter: a step may be shared by more plans than there may be.
        those = delete(column.table).where(among(connection.dialect.name, column))
        connection.execute(those, ids_given(connection, plans))
