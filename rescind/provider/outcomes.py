"""The vocabulary in which providers describe replies: pure values, no I/O.

Every ``parse_*`` returns these types. The other modules never see a provider's own
codes, except as text that is stored beside our outcome.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from rescind.provider.refusal_codes import RefusalCode


class Outcome(StrEnum):
    """What one reply says of one order. A closed set: unknown words are ``UNKNOWN``."""

    CANCELLED = "cancelled"
    """The provider says, or shows, that the order is cancelled."""
    REQUESTED = "requested"
    """The provider accepted the cancel, or shows it in progress: poll.

    It may still drop it without a word: an order that a reading shows as active after
    ``Policy.queued_for`` was dropped."""
    REFUSED = "refused"
    """The provider did not cancel; ``Finding.reason`` says why.

    Without a reason, or with ``already_cancelled``, the refusal is not final: the order
    is read back."""
    ACTIVE = "active"
    """The provider shows the order as not cancelled and still cancellable."""
    GONE = "gone"
    """A read-back says that there is no such order."""
    UNKNOWN = "unknown"
    """The reply decides nothing about this order: read it back."""


class Reason(StrEnum):
    """Why a cancellation is in its state: a closed vocabulary."""

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
    REQUESTED = "requested"
    NOT_WANTED = "not_wanted"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a reply says of one order, with the provider's own words unchanged."""

    outcome: Outcome
    reason: Reason | None = None
    code: str | None = None
    message: str | None = None
    asked_at: datetime | None = field(default=None, compare=False)
    """When a read-back was sent. Its answer may be as old as that, even if it is read
    later."""
    own: bool = field(default=False, compare=False)
    """Whether ``message`` is a sentence of ours about the reply, and not the
    provider's."""
    cancellable_until: datetime | None = None
    """Until when the provider cancels the order, if the reply says so; with a time
    zone. Nothing is sent from then on."""


UNKNOWN = Finding(Outcome.UNKNOWN)


def unclear(why: str) -> Finding:
    """A reply that leaves open what became of an order; ``why`` is our own sentence."""
    return Finding(Outcome.UNKNOWN, message=why, own=True)


# Not frozen: a frozen one takes three times as long to make.
@dataclass(slots=True)
class Order:
    """One order to cancel or to read back; ``params`` are checked."""

    id: str
    params: Mapping[str, Any] = field(default_factory=dict, repr=False)


# --- what a whole reply can mean -------------------------------------------------


@dataclass(frozen=True, slots=True)
class Findings:
    """One finding for each order of the call; an order without one is unknown."""

    by_order: Mapping[str, Finding]

    def of(self, order_id: str) -> Finding:
        return self.by_order.get(order_id, UNKNOWN)


@dataclass(frozen=True, slots=True)
class Held:
    """The fault is the account's, not the orders': an operator must act."""

    why: str
    by_gateway: bool = False
    """Whether the fault is a gateway's before the provider, not the credentials'."""


@dataclass(frozen=True, slots=True)
class TokenRefused:
    """The provider refused the access token: log in once more, then hold the lane."""

    why: str


@dataclass(frozen=True, slots=True)
class Throttled:
    """Nothing was done: too many calls. ``wait`` is for the whole lane, from a second
    to an hour. A 429 becomes one by itself."""

    wait: timedelta
    why: str = ""


@dataclass(frozen=True, slots=True)
class BatchRefused:
    """The provider refused the whole batch and acted on none of it: halve it.

    ``finding`` applies to an order that is refused when it is sent alone.
    """

    finding: Finding


Parsed = Findings | Held | TokenRefused | Throttled | BatchRefused


class UnreadableReplyError(ValueError):
    """A reply that cannot be understood; it says nothing of any order."""


class ContradictoryReplyError(UnreadableReplyError):
    """A reply that gives one name two values; no part of it counts."""


class InvalidRequestError(ValueError):
    """A job that can never be sent; the message is for the producer that sent it.

    ``code`` says the same to a program. ``param`` is a JSON pointer to the wrong value
    in the entry; it is empty if that is the whole entry.
    """

    def __init__(
        self,
        sentence: str,
        code: RefusalCode = RefusalCode.INVALID_VALUE,
        param: str = "",
    ) -> None:
        super().__init__(sentence)
        self.code, self.param = code, param
