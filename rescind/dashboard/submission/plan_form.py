"""The form for a plan: its template, what was written, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.plan_graph import PlanGraph, graph_of
from rescind.dashboard.plan_story import wanted_ends
from rescind.dashboard.sessions import Session
from rescind.dashboard.submission.order_notes import spelling_note
from rescind.dashboard.submission.plan_inputs import (
    InputField,
    input_fields,
    read_inputs,
)
from rescind.dashboard.submission.row_fields import Fields, fields_of
from rescind.ledger.changes.submission_actions import SubmissionActions
from rescind.plans.plan_choice import plans_within
from rescind.plans.plan_faults import PlanFault
from rescind.plans.plan_receipts import PlanTaken, StepTaken
from rescind.plans.plan_submission import PlanWish, submit_plan
from rescind.plans.plan_templates import Template
from rescind.plans.step_entries import Sender

INPUT = "/input/"


@dataclass
class PlanForm:
    """A filled or empty form for one template."""

    template: Template
    written: Mapping[str, str] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    """A sentence for each wrong field, by the input's name."""
    faults: list[tuple[str, str]] = field(default_factory=list)
    """What is wrong with no field of the form: the name of a step or an empty text,
    and a sentence."""

    @property
    def fields(self) -> list[InputField]:
        return input_fields(self.template)

    def read(self) -> dict[str, Any]:
        """The input; fills ``wrong`` with what cannot be read."""
        values, wrong = read_inputs(self.fields, self.written)
        self.wrong |= wrong
        return values

    def refuse(self, faults: Sequence[PlanFault]) -> None:
        names = {one.name for one in self.fields}
        for fault in faults:
            step = fault.step or ""
            says = fault.wrong.removeprefix(f"{step}: ")
            name = fault.param.removeprefix(INPUT).partition("/")[0]
            if fault.param.startswith(INPUT) and name in names:
                self.wrong.setdefault(name, says)
            else:
                self.faults.append((step, says))


@dataclass(frozen=True, slots=True)
class StepPreview:
    """What would become of one step."""

    step: StepTaken
    only_if: str
    """The ends that it wants of those that it waits for, in words."""

    @property
    def after(self) -> Sequence[str]:
        found: Sequence[str] = self.step.entry.get("after", ())
        return found

    @property
    def note(self) -> str | None:
        """How its order is sent, if that is not what was typed."""
        return spelling_note(self.step.entry, new=not self.step.taken.state)

    @property
    def fields(self) -> Fields:
        """What its entry says; no param that may be personal data."""
        hidden = ("ref", "after", "only_if")
        shown = {n: v for n, v in self.step.entry.items() if n not in hidden}
        return fields_of(shown)


def previewed(template: Template, taken: PlanTaken) -> list[StepPreview]:
    conditions = {one.name: one.only_if for one in template.steps}
    return [StepPreview(one, wanted_ends(conditions[one.name])) for one in taken.steps]


def graph_of_steps(steps: Sequence[StepPreview]) -> PlanGraph:
    return graph_of({one.step.name: one.after for one in steps})


def templates_for(dashboard: Dashboard, who: Session) -> list[Template]:
    """The plans that the session may submit, in the file's order."""
    return plans_within(dashboard.context.templates, who.limits)


def submit(
    dashboard: Dashboard, who: Session, name: str, values: object, *, dry_run: bool
) -> PlanTaken:
    """Submit a plan for the session, or see what that would do."""
    context = dashboard.context
    return submit_plan(
        dashboard.engine,
        dashboard.accounts,
        context.seal,
        context.templates,
        PlanWish(name, values),
        dashboard.now(),
        sender=Sender(who.actor, who.limits, context.callbacks),
        listed=None if dry_run else SubmissionActions(),
        dry_run=dry_run,
    )
