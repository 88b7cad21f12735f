"""Models of the HTTP API's answers, for the OpenAPI document.

They describe answers and do not validate them: an answer is what the ledger holds.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from rescind.api.problem_codes import CODES
from rescind.ledger.states import State
from rescind.provider.outcomes import Reason
from rescind.provider.refusal_codes import RefusalCode

Json = dict[str, Any]
Moment = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Count = Annotated[int, Field(ge=0)]
Code = Annotated[
    str, Field(description="For programs.", json_schema_extra={"enum": list(CODES)})
]


class Document(BaseModel):
    """A JSON object. Later versions add fields, and never change one."""

    model_config = ConfigDict(extra="allow")


class Problem(Document):
    """An error (RFC 9457)."""

    type: Annotated[str, Field(description="The address of its explanation.")]
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: Annotated[str, Field(description="What is wrong, and what to do.")]
    code: Code
    param: Annotated[
        str | None,
        Field(
            description="A JSON pointer to what is wrong in the body; `/query/NAME` and"
            " `/header/NAME` are a query parameter and a header."
        ),
    ]
    request_id: Annotated[str, Field(description="The header `X-Request-Id`.")]


class Receipt(Document):
    """The result of submitting one cancellation. A duplicate changes nothing."""

    id: str
    receipt: Literal["accepted", "duplicate"]


class AnyReceipt(Document):
    """The result of one of many; a refused one is kept as ``rejected``."""

    id: Annotated[
        str | None, Field(description="Null if it was refused, and is not kept.")
    ]
    receipt: Literal["accepted", "duplicate", "refused"]
    wrong: Annotated[str | None, Field(description="Why it was refused.")]
    code: Annotated[RefusalCode | None, Field(description="The same for programs.")]
    param: Annotated[
        str | None, Field(description="A JSON pointer to the fault in the body.")
    ]


class Counts(Document):
    accepted: Count
    duplicate: Count
    refused: Count


class Receipts(Document):
    """The result of each of many, in the order of the request."""

    counts: Counts
    cancellations: list[AnyReceipt]


class Refusal(Problem):
    """A cancellation that was refused; it is kept as ``rejected`` under ``id``."""

    id: str | None = None
    receipt: Literal["refused"] | None = None


class Record(Document):
    """A cancellation, without personal data."""

    id: str
    provider: str
    account: str
    order: str
    key: str
    group: str | None
    params: Json
    metadata: Json
    state: State
    reason: Reason | None
    provider_code: str | None
    provider_message: str | None
    attempts: Annotated[
        Count, Field(description="Cancel calls that may have reached the provider.")
    ]
    polls: Count
    not_before: Moment | None
    cancel_before: Moment | None
    due_at: Moment | None
    created_at: Moment
    updated_at: Moment
    finished_at: Moment | None


class Step(Document):
    """One change of state, with the call that caused it."""

    at: Moment
    from_: Annotated[State | None, Field(alias="from")]
    to: State
    reason: str | None
    evidence: Json | str | None


class RecordWithHistory(Record):
    history: Annotated[list[Step], Field(description="Oldest first.")]


class Records(Document):
    """The newest first; ``next`` is the ``cursor`` of the next page, or null."""

    cancellations: list[Record]
    next: str | None


class Delivery(Document):
    """A notification of an outcome: delivered, waiting or given up."""

    webhook_id: Annotated[str, Field(description="The header `webhook-id`.")]
    cancellation: str
    kind: Literal["webhook", "task"]
    target: Annotated[str, Field(description="The address's host, or `the broker`.")]
    type: Annotated[str, Field(description="Such as `cancellation.cancelled`.")]
    state: Literal["waiting", "given_up", "delivered"]
    attempts: Count
    status: Annotated[int | None, Field(description="HTTP status of the last answer.")]
    detail: str | None
    due_at: Annotated[Moment | None, Field(description="When it is tried next.")]
    created_at: Moment
    updated_at: Moment
    provider: str
    account: str
    order: str


class Deliveries(Document):
    """``next`` is the ``cursor`` of the next page, or null."""

    webhooks: list[Delivery]
    next: str | None


class Group(Document):
    group: str
    total: Count
    states: Annotated[dict[State, Count], Field(description="Every state, also at 0.")]


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


class Lanes(Document):
    lanes: list[Lane]


class Alive(Document):
    alive: Literal[True]
    swept_seconds_ago: Annotated[
        list[float], Field(description="One per worker's host, the latest first.")
    ]


class Ready(Document):
    ready: Literal[True]
