"""What a person should do about each cancellation that did not end well.

The one place for it: a sentence or two for each reason, more exact where a provider
gives cause. ``{panel}`` stands for where a person can see the order.
"""

from __future__ import annotations

from collections.abc import Mapping

from rescind.ledger.states import State
from rescind.provider.outcomes import Reason

PANELS: Mapping[str, str] = {
    "iletimerkezi": "iletiMerkezi's panel, under the SMS reports",
    "dukkango": "Dükkango's restaurant panel",
    "akinon": "the shop's Omnitron",
    "ithink": "iThink's panel, by its AWB number",
    "notpanel": "notpanel, under the orders",
}
"""Where a person sees what has become of an order."""

_R = Reason

ANYWHERE: Mapping[Reason, str] = {
    _R.UNRESOLVED: (
        "Nobody could establish whether it was cancelled. Look the order up in"
        " {panel}. If it is still active, retry; the retry asks the provider first if"
        " an earlier call may have worked. If it is cancelled there, nothing is left"
        " to do."
    ),
    _R.ATTEMPTS_EXHAUSTED: (
        "It was tried as often as its policy allows. Read below what the last calls"
        " were answered, and whether the lane is open now; then retry. If it is"
        " urgent, cancel it by hand in {panel}."
    ),
    _R.NEVER_SENT: (
        "No call for it could be sent for as long as its policy allows: the provider"
        " has never heard of it. Its history says why. Retry once the provider can be"
        " reached; if it is urgent, cancel it by hand in {panel}."
    ),
    _R.DEADLINE_PASSED: (
        "Its cancel_before came first, and nothing that was sent took effect. If it"
        " still matters, retry with a new deadline."
    ),
    _R.NOT_FOUND: (
        "The provider knows no such order. Check that the order belongs to this"
        " account, and that its number was not mistyped; submit it again, corrected."
    ),
    _R.WINDOW_CLOSED: (
        "It is too late: the provider does not cancel it any more. Settle it with"
        " the customer; a retry helps only if the provider has reopened it."
    ),
    _R.ALREADY_COMPLETED: (
        "The order was completed before it could be cancelled. Nothing more can be"
        " done here: settle it as a return or a refund."
    ),
    _R.NOT_SUPPORTED: (
        "The provider cancels no orders of this kind. Ask its support, or settle it"
        " with the customer."
    ),
    _R.INVALID_REQUEST: (
        "What was submitted cannot be cancelled as it stands: the words beside it say"
        " what is wrong. Mend what submits it, and submit it again, corrected."
    ),
    _R.REFUSED: (
        "The provider refused, in the words beside it. Clear up with them what they"
        " mean, in {panel} or with its support; if nothing stands in the way any"
        " more, retry."
    ),
}
"""For every provider, unless ``HERE`` knows better."""

HERE: Mapping[tuple[str, Reason], str] = {
    ("iletimerkezi", _R.UNRESOLVED): (
        "Nobody could establish whether the message was called off. Look the order up"
        " in {panel}: if it is still waiting to be sent, retry; if it was sent or is"
        " cancelled, nothing is left to do."
    ),
    ("iletimerkezi", _R.WINDOW_CLOSED): (
        "The message is being sent or was sent: it cannot be called off any more."
        " Next time give cancel_before, or cancel earlier before the sending time."
    ),
    ("iletimerkezi", _R.ALREADY_COMPLETED): (
        "The message has been sent. If it was wrong, send a correction."
    ),
    ("iletimerkezi", _R.DEADLINE_PASSED): (
        "Its cancel_before came first, so the message has probably gone out. Look in"
        " {panel}; only if it is still waiting, retry with a new deadline."
    ),
    ("dukkango", _R.UNRESOLVED): (
        "The order has left Dükkango's list of active orders, which proves nothing."
        " Look it up in {panel}; if it is still active, retry: a second cancel does"
        " no harm there."
    ),
    ("dukkango", _R.ATTEMPTS_EXHAUSTED): (
        "It was tried as often as its policy allows, and the kitchen may be at work."
        " Call the restaurant, or cancel it by hand in {panel}; if it is still active"
        " and the lane is open, retry."
    ),
    ("dukkango", _R.ALREADY_COMPLETED): (
        "The meal was delivered before it could be cancelled. Settle it with the"
        " customer as a refund."
    ),
    ("dukkango", _R.NOT_FOUND): (
        "Dükkango shows this restaurant no such order. Check that the account is the"
        " restaurant that took it, and that the order is its payment_key."
    ),
    ("akinon", _R.UNRESOLVED): (
        "Nobody could establish what became of the order, and money may be moving."
        " Look it up in {panel}: if none of it is cancelled, retry; if it is, in part"
        " or whole, finish it there by hand."
    ),
    ("akinon", _R.WINDOW_CLOSED): (
        "The order is on its way: it can be returned now, and not cancelled. Open a"
        " return in {panel}."
    ),
    ("akinon", _R.ALREADY_COMPLETED): (
        "The order was delivered. Open a return in {panel}."
    ),
    ("akinon", _R.NOT_FOUND): (
        "The shop knows no such order. The order must be its id, and not its order"
        " number; and the account must be of this shop."
    ),
    ("ithink", _R.UNRESOLVED): (
        "Tracking did not say whether the shipment was cancelled. Look it up in"
        " {panel}; if it is still manifested, retry; if it was picked up, ask for its"
        " return to origin."
    ),
    ("ithink", _R.WINDOW_CLOSED): (
        "The courier has the parcel. Ask for its return to origin in {panel}, or"
        " settle it as a return once it is delivered."
    ),
    ("ithink", _R.ALREADY_COMPLETED): (
        "The parcel was delivered. Settle it as a return with the customer."
    ),
    ("notpanel", _R.UNRESOLVED): (
        "Neither the cancel's answer nor the order's status said what became of it."
        " Look it up in {panel}; if it is still pending or in progress, retry; else"
        " nothing is left to do."
    ),
    ("notpanel", _R.ATTEMPTS_EXHAUSTED): (
        "It was tried as often as its policy allows, or its upstream never decided."
        " Look it up in {panel}; if it is still pending or in progress, retry or open"
        " a ticket there."
    ),
    ("notpanel", _R.NOT_SUPPORTED): (
        "This service cannot be cancelled once it is ordered. Open a ticket at"
        " notpanel if it must be stopped."
    ),
    ("notpanel", _R.WINDOW_CLOSED): (
        "The order ended by itself as failed: there was nothing left to cancel. Check"
        " in {panel} whether it was refunded."
    ),
}

OPEN: Mapping[State, str] = {
    State.SCHEDULED: "Nothing to do: it waits for its not_before.",
    State.QUEUED: "Nothing to do. If this lasts, look at its lane.",
    State.SENDING: "Nothing to do: a worker holds it, and a call may be under way.",
    State.VERIFYING: (
        "Nothing to do: an answer was lost or unclear, and the provider is being asked"
        " what it did. Do not cancel by hand meanwhile unless you must; if you do, the"
        " reading back will see it."
    ),
    State.REQUESTED: (
        "Nothing to do: the provider has taken the cancel on, and its own status is"
        " asked for until it is final."
    ),
}

WELL: Mapping[Reason, str] = {
    _R.CONFIRMED: "The provider says that it is cancelled.",
    _R.ALREADY_CANCELLED: "The provider says that it was cancelled before.",
    _R.PARTIAL: (
        "Part of it had been delivered before; the provider's words say how much."
    ),
    _R.INFERRED: (
        "The answer to our call was lost, and the provider has shown since that the"
        " order is gone."
    ),
}

UNKNOWN = "This version knows no advice for it: read the provider's own words below."


def advice(provider: str, state: str, reason: str | None) -> str:
    """What to do about a cancellation that stands so."""
    if state in OPEN:
        return OPEN[State(state)]
    try:
        why = Reason(reason or "")
    except ValueError:
        return UNKNOWN
    if why in WELL:
        return WELL[why]
    found = HERE.get((provider, why)) or ANYWHERE.get(why, UNKNOWN)
    return found.format(panel=PANELS.get(provider, "the provider's own panel"))
