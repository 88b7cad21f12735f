"""What became of the submission of a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rescind.intake.receipts import Receipt, Taken
from rescind.plans.plan_faults import PlanFault


@dataclass(frozen=True, slots=True)
class StepTaken:
    """The result of one step. Its id has no meaning after a dry run."""

    name: str
    entry: Mapping[str, Any]
    """As it was filled: it may hold personal data."""
    taken: Taken


@dataclass(frozen=True, slots=True)
class PlanTaken:
    """The result of one plan: all of its steps were taken in, or none."""

    receipt: Receipt
    plan: str
    id: str | None = None
    """``None`` if nothing is stored."""
    key: str | None = None
    version: str | None = None
    steps: Sequence[StepTaken] = ()
    left_out: Sequence[str] = ()
    """The optional steps for which the input lacks a name."""
    faults: Sequence[PlanFault] = ()
    """Why it was refused."""

    @property
    def taken(self) -> list[Taken]:
        """The results of its cancellations."""
        return [one.taken for one in self.steps]


def as_document(result: PlanTaken, *, with_entries: bool = False) -> dict[str, Any]:
    """The result of a plan that was not refused, as users get it."""
    return {
        "id": result.id,
        "receipt": result.receipt,
        "plan": result.plan,
        "key": result.key,
        "version": result.version,
        "steps": [_step(one, result.id, with_entries) for one in result.steps],
        "left_out": list(result.left_out),
    }


def _step(one: StepTaken, plan_id: str | None, with_entries: bool) -> dict[str, Any]:
    is_new = one.taken.receipt is Receipt.ACCEPTED
    found: dict[str, Any] = {
        "step": one.name,
        # A dry run has made no cancellation.
        "id": None if is_new and plan_id is None else one.taken.id,
        "receipt": one.taken.receipt,
        "state": one.taken.state,
    }
    if not is_new:
        found["differs"] = list(one.taken.differs)
    return {**found, "entry": dict(one.entry)} if with_entries else found


def faults_document(faults: Sequence[PlanFault]) -> list[dict[str, Any]]:
    """Why a plan was refused, as users get it."""
    return [
        {"step": one.step, "wrong": one.wrong, "code": one.code, "param": one.param}
        for one in faults
    ]
