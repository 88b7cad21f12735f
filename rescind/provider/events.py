"""Providers that send an event when one of their orders changes.

An event is never evidence: it only makes the next reading of its orders due now. So a
provider without events, and an event that is lost, cost nothing but time.
"""

from __future__ import annotations

import hmac
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rescind.provider.interface import A, Provider

LARGEST_EVENT = 64 * 1024
"""Bytes in the body of an event; more are refused."""
MOST_ORDERS = 100
"""Orders of one event that are read back. The others are read when they are due."""
WINDOW = timedelta(minutes=5)
"""How far a signed time may be from now, unless the provider says otherwise."""


class UnreadableEventError(ValueError):
    """A signed event that cannot be understood; it changes nothing."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it arrived, signed or not. Header names are lower case."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    """The bytes that were sent, at most ``LARGEST_EVENT``."""
    query: str = field(default="", repr=False)
    """What follows the ``?`` in the address, as it was sent."""
    received_at: datetime = field(kw_only=True)
    """With a time zone."""


@dataclass(frozen=True, slots=True)
class EventNews:
    """What a signed event says: orders that may have changed, and no more."""

    orders: Sequence[str]
    id: str | None = None
    """The event's own id, if it has one that is the same when it is sent again. Without
    it, events with the same content count as one for a day."""


class WithEvents(Provider[A]):
    """A provider that sends events to ``/v1/providers/NAME/ACCOUNT/events``.

    Both methods are pure functions. Combine it with ``WithLogin`` where both apply.
    """

    @abstractmethod
    def is_signed(self, account: A, event: Event) -> bool:
        """Whether the account's secrets prove that the provider has sent the event.

        It is false for any other bytes. Compare by ``same_secret``. If the provider
        signs a time, it must be ``is_recent``. If it signs the address, that address is
        a field of the account: proxies may change what arrives.
        """

    @abstractmethod
    def parse_event(self, event: Event) -> EventNews:
        """The orders that a signed event names; raises ``UnreadableEventError`` and
        nothing else."""


def same_secret(shown: str | None, expected: str) -> bool:
    """Whether both are equal, in a time that does not depend on where they differ.
    False if either is missing or empty."""
    if not shown or not expected:
        return False
    one, other = (text.encode("utf-8", "surrogatepass") for text in (shown, expected))
    return hmac.compare_digest(one, other)


def is_recent(signed_at: datetime, event: Event, window: timedelta = WINDOW) -> bool:
    """Whether a signed time, with a time zone, is within ``window`` of the arrival, so
    that a captured event cannot be sent again later."""
    return abs(event.received_at - signed_at) <= window
