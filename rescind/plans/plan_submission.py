"""Submits plans: all of a plan's cancellations and its own row, or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, Engine

from rescind.config.accounts import Accounts
from rescind.intake.receipts import Receipt, Taken
from rescind.intake.spellings import under_former_keys
from rescind.intake.submissions import insert_entries
from rescind.ledger.changes.lane_states import register_lanes
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.changes.plan_insertion import (
    NewPlan,
    NewStep,
    StepGoneError,
    insert_plan,
    plan_with_key,
)
from rescind.ledger.changes.recording import new_id
from rescind.ledger.changes.submission_actions import SubmissionActions
from rescind.ledger.seal import Seal
from rescind.ledger.storage.transactions import LedgerUnreachableError, writing
from rescind.ledger.storage.unreachable import TransactionUndoneError
from rescind.plans.plan_choice import template_named
from rescind.plans.plan_faults import PlanFault, RefusedPlanError, fault_of_step
from rescind.plans.plan_receipts import PlanTaken, StepTaken
from rescind.plans.plan_rendering import FilledPlan, fill_plan
from rescind.plans.plan_repeats import taken_before
from rescind.plans.plan_templates import Templates
from rescind.plans.step_entries import Sender, key_of, new_steps
from rescind.provider.refusal_codes import RefusalCode

ROUNDS = 5
"""How often it is tried, if others change the same plan or its steps meanwhile."""


@dataclass(frozen=True, slots=True)
class PlanWish:
    """What a producer sends; nothing of it is checked yet."""

    plan: object
    input: object = None
    key: object = None
    callback_url: object = None


class _ChangedMeanwhileError(Exception):
    """Another submission inserted the same plan in between."""


class _DryRunError(Exception):
    """Ends the transaction of a dry run, which must store nothing."""

    def __init__(self, result: PlanTaken) -> None:
        super().__init__()
        self.result = result


def submit_plan(
    engine: Engine,
    accounts: Accounts,
    seal: Seal,
    templates: Templates,
    wish: PlanWish,
    now: datetime,
    *,
    sender: Sender,
    listed: SubmissionActions | None = None,
    dry_run: bool = False,
) -> PlanTaken:
    """Submit a plan, in one transaction. A refused one has ``faults`` and no id.

    A dry run has the same result, without an id, and stores nothing. What is stored is
    counted in the list of actions, in ``listed``, if that is given.

    Raises ``LedgerUnreachableError`` and, if personal data has to be sealed or
    compared, ``SealError``. After an error, nothing of the plan is in the ledger.
    """
    try:
        template = template_named(templates, wish.plan, sender.limits)
        plan = fill_plan(template, wish.input, wish.key, wish.callback_url)
        new = new_steps(plan, accounts, seal, now, sender)
        plan = replace(plan, key=plan.key or key_of(new))
        new = under_former_keys(engine, new)
        submission = _Submission(plan, new, seal, now, sender, listed, dry_run)
        return submission.run(engine)
    except RefusedPlanError as error:
        name = wish.plan if isinstance(wish.plan, str) else ""
        return PlanTaken(Receipt.REFUSED, name, faults=error.faults)


@dataclass(frozen=True, slots=True)
class _Submission:
    """One valid plan, and the rows of its steps, in their order."""

    plan: FilledPlan
    new: Sequence[NewCancellation]
    seal: Seal
    now: datetime
    sender: Sender
    listed: SubmissionActions | None
    dry_run: bool

    def run(self, engine: Engine) -> PlanTaken:
        """Raises ``RefusedPlanError``."""
        for _ in range(ROUNDS):
            try:
                with writing(engine, queue="intake") as connection:
                    return self._finished(self._stored(connection))
            except (_ChangedMeanwhileError, StepGoneError, TransactionUndoneError):
                # The last one ends a deadlock with a worker that ends a known step.
                continue
            except _DryRunError as end:
                return end.result
        raise LedgerUnreachableError("others change the same plan all the time")

    def _finished(self, result: PlanTaken) -> PlanTaken:
        if self.dry_run:
            raise _DryRunError(result)
        return result

    def _stored(self, connection: Connection) -> PlanTaken:
        name, key = self.plan.template.name, self._stored_key
        there = plan_with_key(connection, name, key)
        if there is not None:
            known = (self.plan, self.new, self.seal)
            taken = taken_before(connection, there.id, *known)
            return self._result(Receipt.DUPLICATE, there.id, taken)
        taken, _ = insert_entries(connection, self.new, self.seal, self.now)
        if faults := list(self._faults(taken)):
            raise RefusedPlanError(faults)
        plan = self._insert(connection, taken)
        self._note(connection, taken)
        return self._result(Receipt.ACCEPTED, plan, taken)

    @property
    def _stored_key(self) -> str:
        return self.sender.limits.stored_key(self.plan.key)

    def _faults(self, taken: Mapping[str, Taken]) -> list[PlanFault]:
        """The faults of the steps that the ledger refuses."""
        wrong = [
            fault_of_step(one.step, its.wrong or "", its.code, its.param)
            for one, row in zip(self.plan.steps, self.new, strict=True)
            if (its := taken[row.id]).receipt is Receipt.REFUSED
        ]
        # What waits for a refused step is refused with it, and says nothing more.
        unknown = RefusalCode.UNKNOWN_PREDECESSOR
        return [one for one in wrong if one.code is not unknown] or wrong

    def _insert(self, connection: Connection, taken: Mapping[str, Taken]) -> str:
        template = self.plan.template
        plan = NewPlan(
            id=new_id(),
            name=template.name,
            key=self._stored_key,
            version=template.version,
            by=self.sender.by,
            title=template.title or None,
            callback_url=self.plan.callback_url,
        )
        steps = [
            NewStep(
                one.name,
                taken[row.id].id,
                one.after,
                one.step.only_if if one.after else None,
            )
            for one, row in zip(self.plan.steps, self.new, strict=True)
        ]
        if not insert_plan(connection, plan, steps, self.now):
            raise _ChangedMeanwhileError
        return plan.id

    def _note(self, connection: Connection, taken: Mapping[str, Taken]) -> None:
        if self.listed is not None:
            accepted = {i for i, t in taken.items() if t.receipt is Receipt.ACCEPTED}
            self.listed.count(connection, (o for o in self.new if o.id in accepted))
        register_lanes(connection, (one.lane for one in self.new))

    def _result(
        self, receipt: Receipt, plan_id: str, taken: Mapping[str, Taken]
    ) -> PlanTaken:
        is_new = receipt is Receipt.ACCEPTED
        return PlanTaken(
            receipt,
            self.plan.template.name,
            id=None if self.dry_run and is_new else plan_id,
            key=self.plan.key,
            version=self.plan.template.version,
            steps=[
                StepTaken(one.name, one.entry, taken[row.id])
                for one, row in zip(self.plan.steps, self.new, strict=True)
            ],
            left_out=self.plan.left_out,
        )
