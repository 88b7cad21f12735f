"""What a worker can learn of a cancellation that it holds: the events of a decision."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rescind.provider.outcomes import Finding, Reason


@dataclass(frozen=True, slots=True)
class NotSent:
    """The provider cannot have acted, whatever we do."""


@dataclass(frozen=True, slots=True)
class PutBack:
    """It was claimed and nothing was tried: as if it had not been claimed."""

    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DoneAlready:
    """It was claimed, and another cancellation has had its order cancelled: nothing
    was sent. ``reason`` says no more than is known of the other one."""

    by: str
    """The other one's id."""
    reason: Reason = Reason.ALREADY_CANCELLED


@dataclass(frozen=True, slots=True)
class AskFirst:
    """It was claimed, and another cancellation may have had its order cancelled and
    could not find out: nothing was sent, and the provider is to be asked."""


@dataclass(frozen=True, slots=True)
class Wait:
    """The lane must wait: throttled (``until`` is set), or held for an operator."""

    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Halve:
    """A batch of ``size`` was refused whole, none of it acted on."""

    size: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The answer never came, or could not be read: it may have been acted on."""


Tried = NotSent | Wait | Halve | Lost | Finding


Unsent = DoneAlready | AskFirst


Event = Tried | PutBack | Unsent
