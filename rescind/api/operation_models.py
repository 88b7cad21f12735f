"""The documents that the HTTP API answers about lanes, actions and health, and what a
test event tells."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from rescind.api.response_models import Actor, Count, Document, Moment
from rescind.ledger.states import State


class ActionRecord(Document):
    """What a person or a program asked Rescind to do."""

    id: str
    at: Moment
    by: Annotated[str, Field(description="Who asked for it, such as `token:ann`.")]
    action: Annotated[str, Field(description="Such as `submit`, `hold` or `retry`.")]
    lane: Annotated[str | None, Field(description="If it concerns a single lane.")]
    target: Annotated[
        str | None, Field(description="A cancellation's id, or a schedule's name.")
    ]
    number: Annotated[
        Count | None,
        Field(description="How many cancellations or notifications it concerns."),
    ]
    detail: str | None
    until: Annotated[
        Moment | None,
        Field(description="For `submit`: when the last of these was submitted."),
    ]


class Actions(Document):
    """The newest first; ``next`` is the ``cursor`` of the next page, or null."""

    actions: list[ActionRecord]
    next: str | None


class Lane(Document):
    """A provider and account: whether it may be called, and its backlog."""

    lane: str
    provider: str
    account: str
    status: Literal["open", "paused", "held"]
    why: str | None
    backlog: Annotated[dict[State, Count], Field(description="Open ones, by state.")]
    backlog_more: Annotated[
        list[State], Field(description="States that hold more than the count shown.")
    ]
    oldest: Moment | None
    oldest_seconds: float | None
    rate: str
    read_rate: str | None
    failures: Count
    paused_until: Moment | None
    held_at: Moment | None
    probe_at: Moment | None
    fault: str | None
    stalled_since: Moment | None
    reads_first_until: Annotated[
        Moment | None,
        Field(
            description="After `rescind reconcile`: until when each order is read"
            " before it is first sent."
        ),
    ]
    held_by: Actor
    held_note: Annotated[
        str | None,
        Field(description="Why an operator holds it, in the operator's words."),
    ]


class Lanes(Document):
    lanes: list[Lane]


class Alive(Document):
    alive: Literal[True]
    swept_seconds_ago: Annotated[
        list[float], Field(description="One per worker's host, the latest first.")
    ]


class Ready(Document):
    ready: Literal[True]


class TestEvent(Document):
    """What `rescind webhooks test` tells a receiver."""

    test: bool
