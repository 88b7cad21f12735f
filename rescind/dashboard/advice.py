"""Advice: what a person should do about a cancellation that did not end well.

A sentence or two for each reason; a provider that differs has its own (``advice`` of
``rescind.provider``). ``%(panel)s`` stands for the place where a person can see the
order.
"""

from __future__ import annotations

from collections.abc import Mapping

from providers.registry import BY_NAME
from rescind.dashboard.translation import N_, _
from rescind.ledger.states import State
from rescind.provider.interface import Provider
from rescind.provider.outcomes import Reason

_R = Reason

ANYWHERE: Mapping[Reason, str] = {
    _R.UNRESOLVED: N_(
        "It is not known whether the order was cancelled. Look it up in"
        " %(panel)s. If it"
        " is still active there, retry: Rescind asks the provider before it sends the"
        " cancel again. If it is cancelled there, nothing is left to do."
    ),
    _R.ATTEMPTS_EXHAUSTED: N_(
        "Rescind sent the cancel as often as it may, and the order is still active."
        " Read the provider's last answers on the order's page. When their cause is"
        " gone, retry. If it is urgent, cancel the order by hand in %(panel)s."
    ),
    _R.NEVER_SENT: N_(
        "The provider has received nothing, so the order is unchanged. Retry when the"
        " provider can be reached again. If it is urgent, cancel the order by hand in"
        " %(panel)s."
    ),
    _R.NOT_WANTED: N_(
        "Nothing was sent: it was to be sent only if others ended in a certain way. Its"
        " history says which one did not. If it must be sent all the same, release it."
    ),
    _R.DEADLINE_PASSED: N_(
        "Its deadline passed before a cancel took effect. If the order must still be"
        " cancelled, retry with a new deadline."
    ),
    _R.NOT_FOUND: N_(
        "The provider does not know this order. Check the order's number, and that it"
        " belongs to this account. Then submit it again, corrected."
    ),
    _R.WINDOW_CLOSED: N_(
        "It is too late: the provider does not cancel this order any more. Settle it"
        " with the customer. A retry helps only if the provider has reopened the order."
    ),
    _R.ALREADY_COMPLETED: N_(
        "The order was completed before it could be cancelled. Settle it as a return"
        " or a refund."
    ),
    _R.NOT_SUPPORTED: N_(
        "The provider does not cancel orders of this kind. Ask its support, or settle"
        " it with the customer."
    ),
    _R.INVALID_REQUEST: N_(
        "Something in the submission is wrong: the message beside it says what. Correct"
        " it where it comes from, and submit it again."
    ),
    _R.REFUSED: N_(
        "The provider refused, and gave the reason shown beside it. Look the order up"
        " in %(panel)s, or ask the provider's support. When the cause is gone, retry."
    ),
}
"""Advice for every provider, unless the provider has its own."""


OPEN: Mapping[State, str] = {
    State.SCHEDULED: N_("Nothing to do: it waits for its start time."),
    State.QUEUED: N_(
        "Nothing to do: it waits to be sent. If this lasts, see on the overview whether"
        " its lane is in trouble."
    ),
    State.SENDING: N_("Nothing to do: it is being sent."),
    State.VERIFYING: N_(
        "Nothing to do: an answer was lost or unclear, and Rescind is asking the"
        " provider for the order's status. Please do not cancel it by hand meanwhile."
    ),
    State.REQUESTED: N_(
        "Nothing to do: the provider has accepted the cancel, and Rescind asks for the"
        " order's status until it is final."
    ),
}

WELL: Mapping[Reason, str] = {
    _R.CONFIRMED: N_("Nothing to do: the provider says that it is cancelled."),
    _R.ALREADY_CANCELLED: N_(
        "Nothing to do: the provider says that it was cancelled before."
    ),
    _R.PARTIAL: N_(
        "A part of it had been delivered before, and the rest is cancelled. The"
        " provider's message says how much."
    ),
    _R.INFERRED: N_(
        "Nothing to do: the answer to the cancel was lost, and since then the provider"
        " has shown that the order is gone."
    ),
    _R.REQUESTED: N_(
        "It was taken back before anything was sent, so Rescind did not cancel the"
        " order. If the order must be cancelled after all, retry."
    ),
}

UNKNOWN = N_(
    "This version has no advice for this outcome: read the provider's own words."
)


def advice(provider: str, state: str, reason: str | None, attempts: int = 1) -> str:
    """What to do about a cancellation in this state, with this reason. ``attempts``:
    cancel calls that may have reached the provider."""
    if state in OPEN:
        return _(OPEN[State(state)])
    try:
        why = Reason(reason or "")
    except ValueError:
        return _(UNKNOWN)
    if why in WELL:
        return _(WELL[why])
    if why is Reason.ATTEMPTS_EXHAUSTED and not attempts:
        why = Reason.NEVER_SENT
    known = BY_NAME.get(provider)
    own = known.advice.get(why) if known else None
    panel = known.panel if known else Provider.panel
    return _(own or ANYWHERE.get(why, UNKNOWN), panel=_(panel))


def headline(reason: str | None, attempts: int, why: str | None = None) -> str | None:
    """What happened, in one sentence, if nothing was ever sent; else ``None``. ``why``
    is what stood in the way of the last try."""
    given_up = (Reason.NEVER_SENT, Reason.ATTEMPTS_EXHAUSTED)
    if attempts or reason not in given_up:
        return None
    if not why:
        return _("Never sent: no call has reached the provider.")
    return _("Never sent: the provider could not be reached (%(why)s).", why=why)
