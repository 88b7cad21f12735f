"""The documents that the HTTP API answers about plans, and sends when one ends."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from rescind.api.response_models import Actor, Count, Document, Moment
from rescind.ledger.plan_outcome import PlanVerdict
from rescind.ledger.states import State
from rescind.provider.outcomes import Reason


class PlanStep(Document):
    """A step of a plan: the cancellation that it is, as it is now."""

    step: Annotated[str, Field(description="Its name in the template.")]
    after: Annotated[list[str], Field(description="The steps that it waits for.")]
    only_if: Annotated[
        list[str], Field(description="The ends of those for which it is sent.")
    ]
    id: Annotated[str, Field(description="The cancellation's id.")]
    provider: str | None
    account: str | None
    order: str | None
    key: str | None
    state: Annotated[State | None, Field(description="Null if it was deleted.")]
    reason: Reason | None
    provider_code: str | None
    provider_message: str | None
    attempts: Annotated[
        Count, Field(description="Cancel calls that may have reached the provider.")
    ]
    finished_at: Moment | None


class PlanEnd(Document):
    """A plan as it was when it ended."""

    id: str
    plan: Annotated[str, Field(description="The name of its template.")]
    title: str | None
    key: Annotated[
        str, Field(description="What makes it the same plan when it is sent again.")
    ]
    version: Annotated[
        str, Field(description="The version of its template when it was submitted.")
    ]
    verdict: Annotated[
        PlanVerdict | None,
        Field(
            description="`done`: all that it wanted is cancelled; `partly`: some of it;"
            " `not_done`: nothing; `unknown`: a step is `failed`. Null while a step is"
            " open."
        ),
    ]
    created_at: Moment
    ended_at: Annotated[
        Moment | None, Field(description="When its last step ended; null before that.")
    ]
    steps: list[PlanStep]


class PlanDocument(PlanEnd):
    """A plan, with its steps as they are now."""

    by: Actor


class Plans(Document):
    """The newest first; ``next`` is the ``cursor`` of the next page, or null."""

    plans: list[PlanDocument]
    next: str | None
