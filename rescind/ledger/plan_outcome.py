"""The verdict of a plan: a pure function of the present states of its steps."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum, auto

from rescind.ledger.states import FINAL, State
from rescind.provider.outcomes import Reason

End = tuple[str | None, str | None]
"""The state of a step, and its reason; no state if it was deleted by hand."""
NOT_WANTED: End = (State.WITHDRAWN, Reason.NOT_WANTED)


class PlanVerdict(StrEnum):
    """What became of a plan that has ended."""

    DONE = auto()
    """All that it wanted to cancel is cancelled."""
    PARTLY = auto()
    """Some of it is cancelled."""
    NOT_DONE = auto()
    """Nothing of it is cancelled."""
    UNKNOWN = auto()
    """Nobody knows what became of the order of a step: it is ``failed``, or it was
    deleted by hand."""


def verdict_of(steps: Collection[End]) -> PlanVerdict | None:
    """The verdict of a plan whose steps are so now; ``None`` while one is open.

    A step that the plan did not want counts for nothing. A step of which only a part
    was cancelled is not all that was wanted.
    """
    if any(state is not None and state not in FINAL for state, _ in steps):
        return None
    if any(state in (State.FAILED, None) for state, _ in steps):
        return PlanVerdict.UNKNOWN
    wanted = [end for end in steps if end != NOT_WANTED]
    cancelled = [reason for state, reason in wanted if state == State.CANCELLED]
    if not cancelled:
        return PlanVerdict.NOT_DONE
    whole = len(cancelled) == len(wanted) and Reason.PARTIAL not in cancelled
    return PlanVerdict.DONE if whole else PlanVerdict.PARTLY
