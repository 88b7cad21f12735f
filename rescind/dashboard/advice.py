"""Advice: what a person should do about a cancellation that did not end well.

This is the only place for it: a sentence or two for each reason, and others where a
provider differs. ``%(panel)s`` stands for the place where a person can see the order.
"""

from __future__ import annotations

from collections.abc import Mapping

from rescind.dashboard.translation import N_, _
from rescind.ledger.states import State
from rescind.provider.outcomes import Reason

PANELS: Mapping[str, str] = {
    "iletimerkezi": N_("iletiMerkezi's panel, under the SMS reports"),
    "dukkango": N_("Dükkango's restaurant panel"),
    "akinon": N_("the shop's Omnitron"),
    "ithink": N_("iThink's panel, by its AWB number"),
    "notpanel": N_("notpanel, under the orders"),
}
"""Where a person can see an order at each provider."""

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
"""Advice for every provider, unless ``HERE`` has its own."""

HERE: Mapping[tuple[str, Reason], str] = {
    ("iletimerkezi", _R.UNRESOLVED): N_(
        "It is not known whether the message was cancelled. Look the order up in"
        " %(panel)s. If it is still waiting to be sent, retry. If it was sent or is"
        " cancelled, nothing is left to do."
    ),
    ("iletimerkezi", _R.WINDOW_CLOSED): N_(
        "The message is being sent or was sent: it cannot be cancelled any more. Next"
        " time, cancel it longer before its sending time."
    ),
    ("iletimerkezi", _R.ALREADY_COMPLETED): N_(
        "The message has been sent. If it was wrong, send a correction."
    ),
    ("iletimerkezi", _R.DEADLINE_PASSED): N_(
        "Its deadline has passed, so the message was probably sent. Look in %(panel)s."
        " Only if it is still waiting there, retry with a new deadline."
    ),
    ("dukkango", _R.UNRESOLVED): N_(
        "The order is no longer among Dükkango's active orders, and it is not known"
        " whether it was cancelled. Look it up in %(panel)s. If it is still active,"
        " retry: a second cancel does no harm there."
    ),
    ("dukkango", _R.ATTEMPTS_EXHAUSTED): N_(
        "Rescind sent the cancel as often as it may, and the kitchen may be at work."
        " Call the restaurant, or cancel the order by hand in %(panel)s. If it is still"
        " active, you can also retry."
    ),
    ("dukkango", _R.ALREADY_COMPLETED): N_(
        "The meal was delivered before it could be cancelled. Settle it with the"
        " customer as a refund."
    ),
    ("dukkango", _R.NOT_FOUND): N_(
        "Dükkango does not show this order to this restaurant. Check that the account"
        " is the restaurant that took it, and that the order is its payment_key."
    ),
    ("akinon", _R.UNRESOLVED): N_(
        "It is not known whether the order was cancelled, and a refund may be"
        " under way."
        " Look it up in %(panel)s. If no part of it is cancelled, retry. If a part or"
        " all of it is cancelled, finish it there by hand."
    ),
    ("akinon", _R.WINDOW_CLOSED): N_(
        "The order was shipped: it can be returned, but no longer cancelled. Open a"
        " return in %(panel)s."
    ),
    ("akinon", _R.ALREADY_COMPLETED): N_(
        "The order was delivered. Open a return in %(panel)s."
    ),
    ("akinon", _R.NOT_FOUND): N_(
        "The shop does not know this order. Give the order's id, not its order number,"
        " and check that the account belongs to this shop."
    ),
    ("ithink", _R.UNRESOLVED): N_(
        "It is not known whether the shipment was cancelled. Look it up in"
        " %(panel)s. If"
        " it is still manifested, retry. If it was picked up, ask for its return to"
        " origin."
    ),
    ("ithink", _R.WINDOW_CLOSED): N_(
        "The courier has the parcel. Ask for its return to origin in %(panel)s, or"
        " settle it as a return once it is delivered."
    ),
    ("ithink", _R.ALREADY_COMPLETED): N_(
        "The parcel was delivered. Settle it as a return with the customer."
    ),
    ("notpanel", _R.UNRESOLVED): N_(
        "It is not known whether the order was cancelled. Look it up in"
        " %(panel)s. If it"
        " is still pending or in progress, retry; otherwise nothing is left to do."
    ),
    ("notpanel", _R.ATTEMPTS_EXHAUSTED): N_(
        "Rescind sent the cancel as often as it may, or notpanel's own supplier never"
        " decided. Look the order up in %(panel)s. If it is still pending or in"
        " progress, retry, or open a ticket there."
    ),
    ("notpanel", _R.NOT_SUPPORTED): N_(
        "This service cannot be cancelled once it is ordered. If it must be stopped,"
        " open a ticket at notpanel."
    ),
    ("notpanel", _R.WINDOW_CLOSED): N_(
        "The order ended by itself as failed: there was nothing left to cancel. Check"
        " in %(panel)s whether it was refunded."
    ),
}

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
    found = HERE.get((provider, why)) or ANYWHERE.get(why, UNKNOWN)
    panel = PANELS.get(provider, N_("the provider's own panel"))
    return _(found, panel=_(panel))


def headline(reason: str | None, attempts: int, why: str | None = None) -> str | None:
    """What happened, in one sentence, if nothing was ever sent; else ``None``. ``why``
    is what stood in the way of the last try."""
    given_up = (Reason.NEVER_SENT, Reason.ATTEMPTS_EXHAUSTED)
    if attempts or reason not in given_up:
        return None
    if not why:
        return _("Never sent: no call has reached the provider.")
    return _("Never sent: the provider could not be reached (%(why)s).", why=why)
