"""What one call is evidence of.

``NOT_SENT``: the provider cannot have acted. ``ANSWERED``: it said something that can
be read. ``THROTTLED``: it did nothing, and says to wait. ``MAYBE_DONE``: nobody knows.
When in doubt, it is ``MAYBE_DONE``: the order is then read back, never sent blindly.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from rescind.provider.outcomes import Parsed


class Evidence(StrEnum):
    NOT_SENT = "not_sent"
    ANSWERED = "answered"
    THROTTLED = "throttled"
    MAYBE_DONE = "maybe_done"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call, and what it is evidence of. Holds no secret."""

    evidence: Evidence
    parsed: Parsed | None = None
    """What the reply means; set for ``ANSWERED`` and ``THROTTLED``. With
    ``MAYBE_DONE`` it is ``None`` or a ``Held``: whatever became of the orders, an
    operator must act."""
    status: int | None = None
    took: timedelta = timedelta(0)
    detail: str | None = None
    """What went wrong, in words, when something did."""
    body: str | None = None
    """The reply's body, masked and cut, where it was refused or unreadable."""
    asked_at: datetime | None = None
    """When the call began, before it was sent."""
    unreadable: bool = False
    """Whether the provider answered, in words that cannot be read."""
