"""The words in which providers are described: pure values, no I/O.

Everything a provider's file says is said in these types, so that the rooms above
never see a provider's own codes except as text kept beside our outcome.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from rescind.provider.text import field_name


class Outcome(StrEnum):
    """What one reply says of one order. Closed: an unknown word is ``UNKNOWN``."""

    CANCELLED = "cancelled"
    """The provider says, or shows, that the order is cancelled."""
    REQUESTED = "requested"
    """The provider took the cancel on, or shows it in progress: poll."""
    REFUSED = "refused"
    """The provider did not do it; ``Finding.reason`` says why.

    Without a reason, or with ``already_cancelled``, it is no outcome: the order is
    read back to see what is behind it."""
    ACTIVE = "active"
    """The order is shown as not cancelled and still cancellable."""
    GONE = "gone"
    """Reading back says that there is no such order."""
    UNKNOWN = "unknown"
    """The reply decides nothing about this order: read it back."""


class Reason(StrEnum):
    """Why a cancellation stands where it stands: a closed vocabulary."""

    CONFIRMED = "confirmed"
    ALREADY_CANCELLED = "already_cancelled"
    PARTIAL = "partial"
    INFERRED = "inferred"
    NOT_FOUND = "not_found"
    WINDOW_CLOSED = "window_closed"
    ALREADY_COMPLETED = "already_completed"
    NOT_SUPPORTED = "not_supported"
    INVALID_REQUEST = "invalid_request"
    REFUSED = "refused"
    DEADLINE_PASSED = "deadline_passed"
    ATTEMPTS_EXHAUSTED = "attempts_exhausted"
    NEVER_SENT = "never_sent"
    UNRESOLVED = "unresolved"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a reply says of one order, with the provider's own words untouched."""

    outcome: Outcome
    reason: Reason | None = None
    code: str | None = None
    message: str | None = None
    asked_at: datetime | None = field(default=None, compare=False)
    """When a reading was sent: what it shows may be no younger, whenever it is read."""


UNKNOWN = Finding(Outcome.UNKNOWN)


# Not frozen, which takes three times as long to make.
@dataclass(slots=True)
class Order:
    """One order to cancel or to read back; ``params`` as the provider checked them."""

    id: str
    params: Mapping[str, Any] = field(default_factory=dict, repr=False)


# --- what a whole reply can mean -------------------------------------------------


@dataclass(frozen=True, slots=True)
class Findings:
    """One finding for each order that was asked for; a missing one is unknown."""

    by_order: Mapping[str, Finding]

    def of(self, order_id: str) -> Finding:
        return self.by_order.get(order_id, UNKNOWN)


@dataclass(frozen=True, slots=True)
class Held:
    """The fault is the account's, not the orders': an operator must act."""

    why: str
    by_gateway: bool = False
    """Whether something before the provider is at fault, and not the credentials."""


@dataclass(frozen=True, slots=True)
class TokenRefused:
    """The access token is no longer good: log in once more, then it is ``Held``."""

    why: str


@dataclass(frozen=True, slots=True)
class Throttled:
    """Nothing was done: too many calls. ``wait`` is for the whole lane."""

    wait: timedelta
    why: str = ""


@dataclass(frozen=True, slots=True)
class BatchRefused:
    """The whole batch was refused, and none of it acted on: halve it.

    ``finding`` is what becomes of an order that is refused when it stands alone.
    """

    finding: Finding


Parsed = Findings | Held | TokenRefused | Throttled | BatchRefused


class UnreadableReplyError(ValueError):
    """A reply that cannot be understood; says nothing of any order."""


class ContradictoryReplyError(UnreadableReplyError):
    """A reply that says two things under one name; no part of it counts."""


class InvalidRequestError(ValueError):
    """A job that can never be sent, with a sentence for whoever submitted it."""


# --- what goes out and comes in --------------------------------------------------


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, ready to be sent by ``rescind.provider.http``."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """One HTTP reply. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """The body as JSON; raises ``UnreadableReplyError`` whatever is wrong."""
        try:
            return _READER.decode(_text(self.body))
        except UnreadableReplyError:
            raise
        except (ValueError, RecursionError) as error:
            raise UnreadableReplyError(
                f"HTTP {self.status} with a body that is not JSON"
            ) from error

    def json_object(self) -> dict[str, Any]:
        """The body as a JSON object, or ``UnreadableReplyError``."""
        document = self.json()
        if not isinstance(document, dict):
            raise UnreadableReplyError(
                f"HTTP {self.status} with JSON that is not an object"
            )
        return document


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        # 2026-11-29 [C]: Turkish gateways answer in Windows-1254, and do not say so.
        # What JSON is made of, codes and English words are the same in both.
        return body.decode("cp1254", "replace")


def _said_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; raises ``ContradictoryReplyError`` where a name has two values."""
    found = dict(pairs)
    if len(found) < len(pairs) and any(found[name] != value for name, value in pairs):
        raise ContradictoryReplyError("JSON in which a name has two values")
    return found


# Made once: it takes longer to make one than to read a short reply.
_READER = json.JSONDecoder(object_pairs_hook=_said_once)
_WRITER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def json_request(
    method: str,
    url: str,
    document: object = None,
    headers: Mapping[str, str] | None = None,
) -> Request:
    """A request whose body is ``document`` as JSON (none when it is ``None``)."""
    base = {"Accept": "application/json"}
    if document is None:
        return Request(method, url, {**base, **(headers or {})})
    body = _WRITER.encode(document).encode()
    base["Content-Type"] = "application/json"
    return Request(method, url, {**base, **(headers or {})}, body)


# --- how a provider is to be treated ---------------------------------------------


TEN_YEARS = timedelta(days=3650)


class Policy(BaseModel):
    """How one provider is called, as data. Durations are seconds in accounts.toml.

    Checked when it is made, so a wrong number stops the import, not a call at night.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch: int = Field(default=1, ge=1, le=1000)
    """Orders in one cancel call."""
    read_batch: int = Field(default=1, ge=1, le=10_000)
    """Orders in one reading call."""
    concurrency: int = Field(default=4, ge=1, le=256)
    """Calls at once, from each worker."""
    rate: str = "none"
    """Calls allowed to a lane, all workers together: ``90/minute`` or ``none``."""
    read_rate: str = "none"
    """Reading calls allowed, within ``rate``."""
    connect_timeout: float = Field(default=5.0, gt=0, le=60)
    read_timeout: float = Field(default=20.0, gt=0, le=60)
    max_attempts: int = Field(default=5, ge=1)
    """Cancel calls that may have reached the provider, for each round."""
    resend_delays: tuple[timedelta, ...] = Field(min_length=1)
    """Wait before each next attempt; the last one repeats."""
    poll_delays: tuple[timedelta, ...] = Field(min_length=1)
    """Wait before each reading of an order that was taken on; the last repeats."""
    poll_for: timedelta = timedelta(days=2)
    """Polling gives up this long after the order was taken on."""
    verify_delays: tuple[timedelta, ...] = Field(min_length=1)
    """Wait before each reading of an order nobody knows about; the last repeats."""
    verify_for: timedelta = timedelta(hours=6)
    """Verifying gives up this long after it began, or after the last reading that
    showed the order."""
    repeatable: bool = False
    """Whether a cancel that may have worked may be sent again."""
    refusal_is_final: bool = True
    """Whether a clean refusal ends it; else the order is read back first."""
    cancelled_may_vanish: bool = False
    """Whether the provider may say "no such order" of one that we cancelled."""
    active_trusted_after: timedelta = timedelta(0)
    """How old our last call must be before "not cancelled" is believed."""
    queued_for: timedelta = timedelta(0)
    """For so long a cancel that the provider took on may leave its order shown as
    active. Shown as active for longer, the cancel was dropped."""
    throttle_wait: timedelta = timedelta(seconds=30)
    """The lane's wait after a 429 that does not say how long."""
    trip_after: int = Field(default=5, ge=1)
    """Calls failing in a row until the whole lane backs off."""
    backoff: tuple[timedelta, ...] = Field(
        default=tuple(timedelta(seconds=s) for s in (1, 2, 5, 10, 30, 60)), min_length=1
    )
    """The lane's pauses while the provider is down; the last repeats."""
    probe_after: timedelta = timedelta(minutes=15)
    """A held lane is tried again, with one call, after this long."""
    give_up_after: timedelta = timedelta(days=3)
    """A cancellation that could never be sent fails this long after it was due."""

    @model_validator(mode="after")
    def _durations_are_sane(self) -> Self:
        for name, value in self:
            for one in value if isinstance(value, tuple) else (value,):
                if isinstance(one, timedelta) and not timedelta(0) <= one <= TEN_YEARS:
                    raise ValueError(f"{name} must be from 0 seconds to ten years")
        return self

    def overridden(self, values: Mapping[str, Any]) -> Self:
        """This policy with some values replaced, or ``ValueError`` in a sentence."""
        try:
            return self.model_validate({**self.model_dump(), **values})
        except ValidationError as error:
            raise ValueError(explain(error)) from None


def seconds(*values: float) -> tuple[timedelta, ...]:
    """A schedule written in seconds."""
    return tuple(timedelta(seconds=value) for value in values)


def explain(error: ValidationError) -> str:
    """A pydantic error as one sentence for whoever wrote the value.

    Never shows the value itself: it may be a credential or personal data.
    """
    return "; ".join(_explain_one(dict(item)) for item in error.errors()[:5])


_KINDS = {
    "int_type": "a whole number",
    "bool_type": "true or false",
    "string_type": "a text",
    "dict_type": "an object with named values",
    "list_type": "a list",
}


def _explain_one(item: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in item["loc"])
    match item["type"]:
        case "missing":
            return f"{where} is required"
        case "extra_forbidden":
            *known, last = item["loc"]
            where = ".".join([*map(str, known), field_name(last)])
            return f"{where} is not known here"
        case "less_than_equal":
            return f"{where} must be at most {item['ctx']['le']}"
        case "greater_than_equal":
            return f"{where} must be at least {item['ctx']['ge']}"
        case (
            "int_type" | "bool_type" | "string_type" | "dict_type" | "list_type" as kind
        ):
            return f"{where} must be {_KINDS[kind]}"
        case _:
            message = str(item["msg"]).removeprefix("Value error, ")
            return f"{where}: {message}" if where else message
