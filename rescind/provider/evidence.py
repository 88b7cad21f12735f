"""``Evidence`` and ``Exchange``: what one call proves.

``NOT_SENT``: the provider cannot have acted. ``ANSWERED``: the reply can be read.
``THROTTLED``: the provider did nothing, and says to wait. ``MAYBE_DONE``: the provider
may or may not have acted. All doubtful cases are ``MAYBE_DONE``: the order is then read
back, never sent blindly.
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
    """One call and its evidence. Holds no secret."""

    evidence: Evidence
    parsed: Parsed | None = None
    """What the reply means; set for ``ANSWERED`` and ``THROTTLED``. With
    ``MAYBE_DONE`` it is ``None``, or a ``Held`` where an operator must act, whether or
    not the provider acted."""
    status: int | None = None
    took: timedelta = timedelta(0)
    detail: str | None = None
    """What went wrong, in words; ``None`` if nothing did."""
    body: str | None = None
    """The reply's body, masked and cut, if the reply was a refusal or unreadable; the
    outline of a success that did not say what became of an order."""
    asked_at: datetime | None = None
    """When the call began, before it was sent. If the time was uncertain, it did not
    begin earlier."""
    unreadable: bool = False
    """Whether the provider answered, but the answer cannot be read."""

    @property
    def ended_at(self) -> datetime | None:
        """When the call ended, by the clock as it was when the call began."""
        return self.asked_at and self.asked_at + self.took
