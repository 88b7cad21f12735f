"""The kinds of actions in the list of what persons and programs asked Rescind to do."""

from __future__ import annotations

from enum import StrEnum


class Action(StrEnum):
    SUBMIT = "submit"
    """Cancellations were submitted: see ``changes.submission_actions``."""
    HOLD = "hold"
    RESUME = "resume"
    RETRY = "retry"
    WITHDRAW = "withdraw"
    RELEASE = "release"
    """Something that waited for others was let go."""
    SKIP = "skip"
    """Something that waited for others was not wanted."""
    RESEND = "resend"
    RUN = "run"
    """A schedule was run by hand."""
    TEST = "test"
    """A test event was sent to a receiver."""
    PRUNE = "prune"
    ROTATE = "rotate"
    """The sealed data was encrypted with another key."""
    RECONCILE = "reconcile"
    """The ledger was restored from an older copy: its open orders are read back."""
