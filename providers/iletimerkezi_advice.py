"""What a person should do about an SMS at iletiMerkezi that was not cancelled."""

from __future__ import annotations

from collections.abc import Mapping

from rescind.provider.outcomes import Reason

PANEL = "iletiMerkezi's panel, under the SMS reports"
ADVICE: Mapping[Reason, str] = {
    Reason.UNRESOLVED: (
        "It is not known whether the message was cancelled. Look the order up in"
        " %(panel)s. If it is still waiting to be sent, retry. If it was sent or is"
        " cancelled, nothing is left to do."
    ),
    Reason.WINDOW_CLOSED: (
        "The message is being sent or was sent: it cannot be cancelled any more."
        " Next time, cancel it longer before its sending time."
    ),
    Reason.ALREADY_COMPLETED: (
        "The message has been sent. If it was wrong, send a correction."
    ),
    Reason.DEADLINE_PASSED: (
        "Its deadline has passed, so the message was probably sent. Look in"
        " %(panel)s. Only if it is still waiting there, retry with a new deadline."
    ),
}
