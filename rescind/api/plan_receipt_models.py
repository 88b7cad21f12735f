"""The documents that the HTTP API answers about submitted plans and their templates."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from rescind.api.response_models import Document, Json, Problem
from rescind.ledger.states import State
from rescind.provider.refusal_codes import RefusalCode


class PlanStepReceipt(Document):
    """What became of one step. One that existed before is a duplicate."""

    step: Annotated[str, Field(description="Its name in the template.")]
    id: Annotated[
        str | None,
        Field(description="The cancellation's id; null for a new one of a dry run."),
    ]
    receipt: Literal["accepted", "duplicate"]
    state: Annotated[State | None, Field(description="A duplicate's state.")]
    differs: Annotated[
        list[str] | None,
        Field(
            description="The fields of a duplicate with other values than the ledger's,"
            " which are kept, such as `after`."
        ),
    ] = None
    entry: Annotated[
        Json | None,
        Field(description="For a dry run: the cancellation that would be submitted."),
    ] = None


class PlanReceipt(Document):
    """The result of submitting one plan. A duplicate changes nothing."""

    id: Annotated[
        str | None, Field(description="The plan's id; null for a new one of a dry run.")
    ]
    receipt: Literal["accepted", "duplicate"]
    plan: str
    key: Annotated[
        str, Field(description="What makes it the same plan when it is sent again.")
    ]
    version: Annotated[str, Field(description="The version of the template.")]
    steps: list[PlanStepReceipt]
    left_out: Annotated[
        list[str],
        Field(description="The optional steps for which the input lacks a name."),
    ]


class PlanFault(Document):
    """One thing that is wrong with a plan."""

    step: Annotated[str | None, Field(description="Null: the plan itself.")]
    wrong: str
    code: Annotated[RefusalCode, Field(description="The same for programs.")]
    param: Annotated[
        str,
        Field(
            description="A JSON pointer into the request, such as `/input/awb`, or, for"
            " what the template says itself, `/steps/NAME/FIELD`."
        ),
    ]


class PlanRefusal(Problem):
    """A plan that was refused: nothing of it is stored."""

    receipt: Literal["refused"] | None = None
    faults: list[PlanFault] | None = None


class TemplateInput(Document):
    """A name that a template takes from the input."""

    name: str
    required: bool
    steps: Annotated[list[str], Field(description="The steps that need it.")]


class TemplateStep(Document):
    """A step of a template."""

    step: str
    provider: str
    account: Annotated[str, Field(description="It may hold names in braces.")]
    after: list[str]
    only_if: list[str]
    optional: Annotated[
        bool, Field(description="Whether it is left out if the input lacks a name.")
    ]


class PlanTemplate(Document):
    """A plan that the caller may submit."""

    plan: str
    title: str | None
    version: str
    inputs: list[TemplateInput]
    steps: list[TemplateStep]


class PlanTemplates(Document):
    templates: list[PlanTemplate]
