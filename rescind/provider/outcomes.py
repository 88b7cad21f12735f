"""The words in which providers are described: pure values, no I/O.

Everything a provider's file says is said in these types, so that the rooms above
never see a provider's own codes except as text kept beside our outcome.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


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
