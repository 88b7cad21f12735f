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
Actor = Annotated[
    str | None,
    Field(description="Who asked for it, such as `token:shop`; null is Rescind."),
]
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


class Repeat(Document):
    """The fields that only the receipt of a duplicate has."""

    state: Annotated[
        State | None, Field(description="A duplicate's state in the ledger.")
    ] = None
    differs: Annotated[
        list[str] | None,
        Field(
            description="The fields of a duplicate with other values than the ledger's,"
            " which are kept: `not_before`, `cancel_before`, `group`, `metadata`,"
            " `callback_url`, `after`, `only_if`."
        ),
    ] = None


class Receipt(Repeat):
    """The result of submitting one cancellation. A duplicate changes nothing."""

    id: str
    receipt: Literal["accepted", "duplicate"]


class AnyReceipt(Repeat):
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
    cancel_before: Annotated[
        Moment | None,
        Field(description="The producer's deadline or the provider's: the earlier."),
    ]
    cancellable_until: Annotated[
        Moment | None,
        Field(description="Until when the provider cancels it, if that is known."),
    ]
    due_at: Moment | None
    created_at: Moment
    updated_at: Moment
    finished_at: Moment | None
    by: Actor


class Predecessor(Document):
    """A cancellation that another one waits for, as it is now."""

    id: Annotated[str | None, Field(description="Null outside the token's limits.")]
    only_if: Annotated[
        list[str], Field(description="The ends for which the other one is sent.")
    ]
    state: Annotated[State | None, Field(description="Null if it was deleted.")]
    reason: Reason | None
    met: Annotated[bool, Field(description="Whether it has ended in such a way.")]


class Step(Document):
    """One change of state, with the call that caused it."""

    at: Moment
    from_: Annotated[State | None, Field(alias="from")]
    to: State
    reason: str | None
    evidence: Json | str | None
    by: Actor
    repeats: Annotated[
        Count, Field(description="How often it was claimed and put back again.")
    ]
    until: Annotated[
        Moment | None, Field(description="The last of these times, if it repeats.")
    ]


class RecordWithHistory(Record):
    after: Annotated[list[Predecessor], Field(description="What it waits for.")]
    history: Annotated[list[Step], Field(description="Oldest first.")]


class Records(Document):
    """The newest first; ``next`` is the ``cursor`` of the next page, or null."""

    cancellations: list[Record]
    next: str | None


class Delivery(Document):
    """A notification of an outcome: delivered, waiting or given up."""

    webhook_id: Annotated[str, Field(description="The header `webhook-id`.")]
    cancellation: str
    kind: Annotated[
        Literal["webhook", "task", "plan", "group"],
        Field(description="`plan` and `group`: a webhook that tells of such an end."),
    ]
    plan: Annotated[str | None, Field(description="The plan's id, if one has ended.")]
    group: Annotated[str | None, Field(description="The group, if one has ended.")]
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
