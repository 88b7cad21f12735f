"""The words and codes of Twilio, and what each one means. An unknown one means nothing.

Pages: ``Messages resource`` (its status values), ``Error and Warning Dictionary``; read
2026-11-30. The OpenAPI file has the same list of status values [C].
"""

from __future__ import annotations

from collections.abc import Mapping

from rescind.provider import UNKNOWN, Finding, Outcome, Reason, fold

CANCELED = "canceled"
CANCELLED = Finding(Outcome.CANCELLED, Reason.CONFIRMED)
ACTIVE = Finding(Outcome.ACTIVE)
NOT_DONE = Finding(Outcome.REFUSED)
"""Not done by this call, for an unknown reason: the message is read."""
TOO_LATE = Finding(Outcome.REFUSED, Reason.WINDOW_CLOSED)
ENDED = Finding(Outcome.REFUSED, Reason.ALREADY_COMPLETED)
INBOUND = Finding(Outcome.REFUSED, Reason.NOT_SUPPORTED)

STATUSES: Mapping[str, Finding] = {
    CANCELED: CANCELLED,
    "scheduled": ACTIVE,
    # Only a scheduled message can be canceled [D]. From here on it is on its way.
    **dict.fromkeys(("accepted", "queued", "sending", "sent"), TOO_LATE),
    **dict.fromkeys(("delivered", "read", "partially_delivered"), ENDED),
    # It reached no one, and not because of a cancel.
    **dict.fromkeys(("undelivered", "failed"), ENDED),
    # A message that somebody sent to the account [D].
    **dict.fromkeys(("receiving", "received"), INBOUND),
}
"""The ``status`` of a message, as a reading shows it [D]."""

NOT_FOUND = 20404
"""No such resource: the message does not exist in this account, or was deleted [D]."""

ACCOUNT_CODES: Mapping[int, str] = {
    20003: "check account_sid, and auth_token or the API key and its region",
    20403: "the account was suspended or closed: ask Twilio",
    70051: "the API key has no permission for messages of this account",
    10001: "the account is not active: check its balance",
}
"""Error codes that are about the account, and never about a message [D]."""


def of_cancel(status: str) -> Finding:
    """What the message in the answer to a cancel says. Only the word itself is a
    success: no page says what another status means there [A]."""
    return CANCELLED if fold(status) == CANCELED else UNKNOWN


def of_refusal(code: int) -> Finding:
    """What the error code of a refused cancel says of the message.

    30409 ("This message cannot be canceled" [D]) does not say whether the message was
    sent or is canceled already: the message is read. So it is for unknown codes.
    """
    if code == NOT_FOUND:
        return Finding(Outcome.REFUSED, Reason.NOT_FOUND)
    return NOT_DONE


def of_reading(status: str) -> Finding:
    """What a reading says of the message."""
    return STATUSES.get(status.lower(), UNKNOWN)
