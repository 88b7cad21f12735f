"""Why a cancellation ended as it did: a phrase that follows the word of its state.

``cancelled: confirmed by the provider`` is read at once; ``cancelled confirmed`` is
not. This is the only place for these phrases.
"""

from __future__ import annotations

from collections.abc import Mapping

from rescind.dashboard.formatting import plain
from rescind.dashboard.translation import N_, gettext
from rescind.ledger.states import State
from rescind.provider.outcomes import Reason

PHRASES: Mapping[State, Mapping[Reason, str]] = {
    State.CANCELLED: {
        Reason.CONFIRMED: N_("confirmed by the provider"),
        Reason.ALREADY_CANCELLED: N_("the order was cancelled before"),
        Reason.PARTIAL: N_("only the part that was not delivered yet"),
        Reason.INFERRED: N_("the answer was lost, but the order is gone there"),
    },
    State.REJECTED: {
        Reason.NOT_FOUND: N_("the provider does not know the order"),
        Reason.WINDOW_CLOSED: N_("too late, the provider does not cancel it any more"),
        Reason.ALREADY_COMPLETED: N_("the order was completed before"),
        Reason.NOT_SUPPORTED: N_("the provider does not cancel such orders"),
        Reason.INVALID_REQUEST: N_("something in the submission is wrong"),
        Reason.REFUSED: N_("the provider refused"),
    },
    State.EXPIRED: {
        Reason.DEADLINE_PASSED: N_("its deadline came first"),
    },
    State.FAILED: {
        Reason.ATTEMPTS_EXHAUSTED: N_("tried as often as allowed"),
        Reason.NEVER_SENT: N_("it could never be sent"),
        Reason.UNRESOLVED: N_("it is not known what became of the order"),
    },
    State.WITHDRAWN: {
        Reason.REQUESTED: N_("taken back before it was sent"),
        Reason.NOT_WANTED: N_("what it waited for did not end as it needs"),
    },
}
_BY_STATE = {
    str(state): {str(reason): words for reason, words in phrases.items()}
    for state, phrases in PHRASES.items()
}
_BY_REASON = {
    reason: words for phrases in _BY_STATE.values() for reason, words in phrases.items()
}


def because(state: str, reason: str) -> str:
    """The phrase behind the word of the state, in the reader's language.

    A later version's reason is shown as its word.
    """
    words = _BY_STATE.get(state, {}).get(reason) or _BY_REASON.get(reason)
    return plain(reason) if words is None else gettext(words)


def outcome(state: str, reason: str) -> str:
    """State and reason as one phrase: ``expired: its deadline came first``."""
    return f"{plain(state)}: {because(state, reason)}"


def reasons_by_state() -> list[tuple[str, str]]:
    """Every reason with its whole phrase, in the order of the states."""
    return [
        (str(reason), outcome(state, reason))
        for state, phrases in PHRASES.items()
        for reason in phrases
    ]
