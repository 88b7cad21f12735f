"""A plan that is submitted again: the same steps change nothing, others are refused."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from rescind.intake.entry_results import settled
from rescind.intake.receipts import Receipt, Taken
from rescind.intake.repeated_dependencies import RepeatedDependencies
from rescind.ledger.changes.insertion import standing
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.seal import Seal
from rescind.ledger.storage.plan_tables import PLAN_STEP
from rescind.plans.plan_faults import PlanFault, RefusedPlanError
from rescind.plans.plan_rendering import FilledPlan
from rescind.provider.refusal_codes import RefusalCode

S = PLAN_STEP.c


def taken_before(
    connection: Connection,
    plan_id: str,
    plan: FilledPlan,
    new: Sequence[NewCancellation],
    seal: Seal,
) -> dict[str, Taken]:
    """The result of each step, by the id of its row in ``new``.

    ``plan_id`` is the plan that has its key already. Raises ``RefusedPlanError`` if
    its steps are others than those of ``plan``.
    """
    names = [one.name for one in plan.steps]
    before = _steps_of(connection, plan_id)
    rows = standing(connection, [one.path for one in new])
    repeats = ((one, rows[one.path]) for one in new if one.path in rows)
    known = RepeatedDependencies(connection, repeats)
    differing = set(before) ^ set(names)
    taken = {}
    for name, one in zip(names, new, strict=True):
        row = rows.get(one.path)
        if row is None or row.id != before.get(name):
            differing.add(name)
            continue
        taken[one.id] = settled(one, frozenset(), row, seal, known)
        if taken[one.id].receipt is not Receipt.DUPLICATE:
            differing.add(name)
    if differing:
        raise RefusedPlanError([_conflict(plan, sorted(differing))])
    return taken


def _steps_of(connection: Connection, plan_id: str) -> dict[str, str]:
    """The ids of the plan's cancellations, by the names of their steps."""
    chosen = select(S.step, S.cancellation_id).where(S.plan_id == plan_id)
    return {row.step: row.cancellation_id for row in connection.execute(chosen)}


def _conflict(plan: FilledPlan, steps: Sequence[str]) -> PlanFault:
    named = f"step{'s' if len(steps) > 1 else ''} {' and '.join(steps)}"
    says = (
        f"the plan {plan.template.name} was submitted before with the key"
        f" {plan.key!r}, and differs from this one in the {named}: use another key"
    )
    return PlanFault(says, RefusalCode.KEY_CONFLICT, plan.key_param)
