"""Checks the entries of a filled plan, and makes ledger rows of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from rescind.config.accounts import Accounts
from rescind.config.callbacks import NO_CALLBACKS, Callbacks
from rescind.intake.entry_records import as_new, expired
from rescind.intake.limited_entries import limited
from rescind.intake.references import resolved
from rescind.ledger.access_limits import EVERYTHING, Limits
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.seal import Seal
from rescind.plans.plan_faults import (
    PlanFault,
    RefusedPlanError,
    fault_of,
    fault_of_step,
)
from rescind.plans.plan_rendering import FilledPlan, PlanStep
from rescind.provider.outcomes import InvalidRequestError


@dataclass(frozen=True, slots=True)
class Sender:
    """Who submits a plan, how, and what is allowed then."""

    by: str
    """The actor: see ``rescind.config.actors``."""
    limits: Limits = EVERYTHING
    callbacks: Callbacks = NO_CALLBACKS
    trace: str | None = None
    """The producer's trace context."""
    late: str | None = None
    """Why the plan comes too late, if it does: its steps are then stored as expired."""


def new_steps(
    plan: FilledPlan, accounts: Accounts, seal: Seal, now: datetime, sender: Sender
) -> list[NewCancellation]:
    """The ledger row of each step; raises ``RefusedPlanError`` with all faults.

    Raises ``SealError`` if personal data has to be sealed, and cannot be.
    """
    entries = limited(resolved([one.entry for one in plan.steps]), sender.limits)
    known = (accounts, seal, now, sender.callbacks)
    new = [as_new(one, *known, by=sender.by) for one in entries]
    faults = [*_wrong_address(plan, sender), *_wrong_steps(plan.steps, new)]
    if faults:
        raise RefusedPlanError(faults)
    if sender.trace is not None:
        new = [replace(one, trace=sender.trace) for one in new]
    if sender.late is not None:
        new = [expired(one, sender.late, now) for one in new]
    return new


def key_of(new: Iterable[NewCancellation]) -> str:
    """The key of a plan that has no other: the same cancellations are the same plan.

    It is made of nothing else of the input, which may be personal data that could be
    guessed from a digest.
    """
    text = json.dumps(sorted(one.path for one in new), separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _wrong_address(plan: FilledPlan, sender: Sender) -> Iterator[PlanFault]:
    try:
        sender.callbacks.wanted({"callback_url": plan.callback_url})
    except InvalidRequestError as error:
        yield fault_of(error)


def _wrong_steps(
    steps: Sequence[PlanStep], new: Sequence[NewCancellation]
) -> Iterator[PlanFault]:
    first: dict[tuple[str, str, str], str] = {}
    for one, row in zip(steps, new, strict=True):
        if row.refusal is not None:
            error = row.refusal
            yield fault_of_step(one.step, str(error), error.code, error.param)
        elif row.path in first:
            says = (
                f"names the same cancellation as the step {first[row.path]}: give one"
                " of them a key"
            )
            yield fault_of_step(one.step, says, None, "/key")
        else:
            first[row.path] = one.name
