"""Conditions: the ends of a predecessor that its successor wants. Pure functions.

A condition's canonical text has its words in order, with spaces between them: ``any``,
or final states (``rejected``) and states with a reason (``rejected/not_found``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum, auto
from functools import lru_cache
from typing import NamedTuple

from rescind.ledger.states import FINAL, State
from rescind.provider.outcomes import Reason

ENDS: Mapping[State, tuple[Reason, ...]] = {
    State.CANCELLED: (
        Reason.CONFIRMED,
        Reason.ALREADY_CANCELLED,
        Reason.PARTIAL,
        Reason.INFERRED,
    ),
    State.REJECTED: (
        Reason.NOT_FOUND,
        Reason.WINDOW_CLOSED,
        Reason.ALREADY_COMPLETED,
        Reason.NOT_SUPPORTED,
        Reason.INVALID_REQUEST,
        Reason.REFUSED,
    ),
    State.EXPIRED: (Reason.DEADLINE_PASSED,),
    State.FAILED: (
        Reason.ATTEMPTS_EXHAUSTED,
        Reason.NEVER_SENT,
        Reason.UNRESOLVED,
    ),
    State.WITHDRAWN: (Reason.REQUESTED, Reason.NOT_WANTED),
}
"""The final states, each with its reasons."""
ANY = "any"
DEFAULT = str(State.CANCELLED)


class Verdict(StrEnum):
    """What its predecessors say of a cancellation that was not sent."""

    WAITS = auto()
    WANTED = auto()
    NOT_WANTED = auto()


# A tuple: an end makes a thousand at once, and an object costs more.
class Predecessor(NamedTuple):
    """A predecessor as it is now, and the end that its successor wants."""

    id: str
    condition: str
    state: State | None
    """``None`` if it is not in the ledger any more."""
    reason: Reason | None = None

    @property
    def met(self) -> bool:
        return self.state in FINAL and allows(self.condition, self.state, self.reason)

    @property
    def refuses(self) -> bool:
        """Whether it has ended in a way that its successor does not want. ``failed``
        says nothing: nobody knows yet what became of the order."""
        ended = self.state is None or self.state in FINAL
        return ended and self.state is not State.FAILED and not self.met


def judge(predecessors: Sequence[Predecessor]) -> tuple[Verdict, int]:
    """The verdict of all predecessors, and how many of them keep their successor."""
    keeping = [one for one in predecessors if not one.met]
    if any(one.refuses for one in keeping):
        return Verdict.NOT_WANTED, 0
    return (Verdict.WAITS if keeping else Verdict.WANTED), len(keeping)


# Cached: an end releases a thousand at once, and most have the same condition.
@lru_cache(maxsize=1024)
def allows(condition: str, state: State | None, reason: Reason | None) -> bool:
    """Whether a cancellation that ended so is what the condition wants."""
    words = condition.split()
    return ANY in words or state in words or f"{state}/{reason}" in words


def allows_every_end(condition: str) -> bool:
    words = condition.split()
    return ANY in words or all(state in words for state in FINAL)


def states_with(reason: str) -> list[State]:
    """The final states that have this reason."""
    return [state for state, reasons in ENDS.items() if reason in reasons]


def canonical(words: Iterable[str]) -> str:
    """The canonical text; raises ``ValueError``, with a sentence, for a wrong word."""
    listed = sorted(set(words))
    for word in listed:
        _check(word)
    if not listed:
        raise ValueError("must name at least one end, such as cancelled")
    return ANY if ANY in listed else " ".join(listed)


def _check(word: str) -> None:
    state, slash, reason = word.partition("/")
    if word == ANY or (state in FINAL and not slash):
        return
    if state not in FINAL:
        states = ", ".join(sorted(FINAL))
        raise ValueError(
            f"must be any, a final state ({states}), or such a state with a reason"
            " behind a slash"
        )
    reasons = ENDS[State(state)]
    if reason not in reasons:
        raise ValueError(f"names no reason of {state}: they are {', '.join(reasons)}")
