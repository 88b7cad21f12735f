"""What the HTTP API answers about a group, and sends when it has ended."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from rescind.api.response_models import Count, Document, Moment
from rescind.ledger.states import State


class GroupEnd(Document):
    """A group as its webhook has it."""

    group: str
    total: Count
    ended: Annotated[Count, Field(description="How many are in a final state.")]
    percent: Annotated[int, Field(ge=0, le=100, description="100 only at the end.")]
    states: Annotated[dict[State, Count], Field(description="Every state, also at 0.")]
    reasons: Annotated[
        dict[State, dict[str, Count]],
        Field(description="Of those that have ended: by state and reason."),
    ]
    created_at: Annotated[
        Moment | None, Field(description="When the first was submitted.")
    ]
    finished_at: Annotated[
        Moment | None, Field(description="When the last one that ended did so.")
    ]


class ToldOfGroup(Document):
    """One request to be told of a group's end."""

    target: Annotated[str, Field(description="The host of `on_group_end`.")]
    by: Annotated[str | None, Field(description="Who asked; null: after a retry.")]
    created_at: Moment
    told_at: Annotated[
        Moment | None, Field(description="When its webhook was made; null before.")
    ]


class Group(GroupEnd):
    """A group, and who is told of its end."""

    told: Annotated[list[ToldOfGroup], Field(description="The latest 100 requests.")]
