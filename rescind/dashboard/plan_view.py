"""What the page of a plan shows: its verdict, its graph, and each step in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from rescind.dashboard.plan_graph import PlanGraph, graph_of
from rescind.dashboard.plan_story import wanted_ends
from rescind.dashboard.translation import N_, _, ngettext
from rescind.ledger.access_limits import Limits
from rescind.ledger.conditions import DEFAULT, allows
from rescind.ledger.deliveries.delivery_queries import deliveries_of_plan
from rescind.ledger.plan_outcome import PlanVerdict
from rescind.ledger.reading.plans import plan_document
from rescind.ledger.states import FINAL, RETRYABLE, UNSENT, State

Document = dict[str, Any]
VERDICTS: Mapping[str, str] = {
    PlanVerdict.DONE: N_("All that this plan was to cancel is cancelled."),
    PlanVerdict.PARTLY: N_("A part of it is cancelled, and a part is not."),
    PlanVerdict.NOT_DONE: N_("Nothing of it is cancelled."),
    PlanVerdict.UNKNOWN: N_(
        "A step has failed: nobody knows what became of its order. Find out, and retry"
        " that step."
    ),
}


@dataclass(frozen=True, slots=True)
class StepView:
    """A step of a plan, as it is shown."""

    document: Document
    wanted: str
    """The ends that it wants of those that it waits for, in words."""
    undecided: Sequence[str]
    """The names of the failed steps for which it waits until a person decides."""

    @property
    def only_if(self) -> str:
        """``wanted``, if it is not what it is for most."""
        usual = self.document["only_if"] in ([], [DEFAULT])
        return "" if usual else self.wanted


@dataclass(frozen=True, slots=True)
class PlanView:
    """Two equal views look the same."""

    document: Document
    steps: Sequence[StepView]
    deliveries: Sequence[Document]
    """The notifications of its end."""

    @property
    def graph(self) -> PlanGraph:
        return graph_of({one["step"]: one["after"] for one in self.document["steps"]})

    @property
    def says(self) -> str:
        verdict = self.document["verdict"]
        if verdict is not None:
            return _(VERDICTS[verdict])
        steps = self.document["steps"]
        ended = sum(one["state"] in FINAL for one in steps)
        return ngettext(
            "One step of %(all)s has ended.",
            "%(num)s steps of %(all)s have ended.",
            ended,
            all=len(steps),
        )

    def ids(self, which: str) -> list[str]:
        """The cancellations of the steps that ``withdraw`` or ``retry`` may change."""
        states = UNSENT if which == "withdraw" else RETRYABLE - {State.WITHDRAWN}
        steps = self.document["steps"]
        return [one["id"] for one in steps if one["state"] in states]


def read_plan(connection: Connection, plan_id: str, limits: Limits) -> PlanView | None:
    """The plan as it is now; ``None`` if it does not exist within ``limits``."""
    found = plan_document(connection, plan_id, limits)
    if found is None:
        return None
    ids = [one["id"] for one in found["steps"]]
    told = deliveries_of_plan(connection, plan_id, ids)
    return PlanView(found, steps_of(found["steps"]), told)


def steps_of(steps: Sequence[Document]) -> list[StepView]:
    by_name = {one["step"]: one for one in steps}
    return [
        StepView(
            one,
            wanted_ends(" ".join(one["only_if"])),
            [name for name in one["after"] if _keeps(by_name[name], one)],
        )
        for one in steps
    ]


def _keeps(before: Document, step: Document) -> bool:
    """Whether ``step`` waits for ``before``, which failed, until a person decides."""
    waits = step["state"] == State.SCHEDULED and before["state"] == State.FAILED
    condition = " ".join(step["only_if"])
    return waits and not allows(condition, before["state"], before["reason"])
