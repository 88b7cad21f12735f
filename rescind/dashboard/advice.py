"""Advice: what a person should do about a cancellation that did not end well.

This is the only place for it: a sentence or two for each reason, and others where a
provider differs. ``{panel}`` stands for the place where a person can see the order.
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
"""Where a person can see an order at each provider."""

_R = Reason

ANYWHERE: Mapping[Reason, str] = {
    _R.UNRESOLVED: (
        "Rescind could not establish whether the order was cancelled. Look it up in"
        " {panel}. If it is still active, retry: the retry asks the provider first if"
        " an earlier call may have worked. If it is cancelled there, nothing is left"
        " to do."
    ),
    _R.ATTEMPTS_EXHAUSTED: (
        "It was tried as often as its policy allows. Read the last answers below, and"
        " check that the lane is open now; then retry. If it is urgent, cancel it by"
        " hand in {panel}."
    ),
    _R.NEVER_SENT: (
        "No call could be sent within the time that its policy allows, so the provider"
        " has received nothing. The history says why. Retry once the provider can be"
        " reached; if it is urgent, cancel it by hand in {panel}."
    ),
    _R.DEADLINE_PASSED: (
        "Its deadline (cancel_before) has passed, and no call took effect. If it still"
        " matters, retry with a new deadline."
    ),
    _R.NOT_FOUND: (
        "The provider does not know this order. Check that the order belongs to this"
        " account, and that its number was not mistyped; submit it again, corrected."
    ),
    _R.WINDOW_CLOSED: (
        "It is too late: the provider does not cancel the order any more. Settle it"
        " with the customer; a retry helps only if the provider has reopened it."
    ),
    _R.ALREADY_COMPLETED: (
        "The order was completed before it could be cancelled. Nothing more can be"
        " done here: settle it as a return or a refund."
    ),
    _R.NOT_SUPPORTED: (
        "The provider does not cancel orders of this kind. Ask its support, or settle"
        " it with the customer."
    ),
    _R.INVALID_REQUEST: (
        "The submission is not valid: the message beside it says what is wrong. Mend"
        " the program that submits it, and submit it again, corrected."
    ),
    _R.REFUSED: (
        "The provider refused; its message stands beside it. Find out the reason in"
        " {panel} or from its support. When the reason is gone, retry."
    ),
}
"""Advice for every provider, unless ``HERE`` has its own."""

HERE: Mapping[tuple[str, Reason], str] = {
    ("iletimerkezi", _R.UNRESOLVED): (
        "Rescind could not establish whether the message was cancelled. Look the order"
        " up in {panel}: if it is still waiting to be sent, retry; if it was sent or is"
        " cancelled, nothing is left to do."
    ),
    ("iletimerkezi", _R.WINDOW_CLOSED): (
        "The message is being sent or was sent: it cannot be cancelled any more. Next"
        " time give cancel_before, or cancel longer before the sending time."
    ),
    ("iletimerkezi", _R.ALREADY_COMPLETED): (
        "The message has been sent. If it was wrong, send a correction."
    ),
    ("iletimerkezi", _R.DEADLINE_PASSED): (
        "Its deadline (cancel_before) has passed, so the message was probably sent."
        " Look in {panel}; only if it is still waiting, retry with a new deadline."
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
        "Dükkango does not show this order to this restaurant. Check that the account"
        " is the restaurant that took it, and that the order is its payment_key."
    ),
    ("akinon", _R.UNRESOLVED): (
        "Rescind could not establish whether the order was cancelled, and a refund may"
        " be under way. Look it up in {panel}: if none of it is cancelled, retry; if"
        " all or a part of it is, finish it there by hand."
    ),
    ("akinon", _R.WINDOW_CLOSED): (
        "The order was shipped: it can be returned, but no longer cancelled. Open a"
        " return in {panel}."
    ),
    ("akinon", _R.ALREADY_COMPLETED): (
        "The order was delivered. Open a return in {panel}."
    ),
    ("akinon", _R.NOT_FOUND): (
        "The shop does not know this order. The order must be its id, not its order"
        " number; and the account must belong to this shop."
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
        "Neither the answer to the cancel nor the order's status says whether it was"
        " cancelled. Look it up in {panel}; if it is still pending or in progress,"
        " retry; otherwise nothing is left to do."
    ),
    ("notpanel", _R.ATTEMPTS_EXHAUSTED): (
        "It was tried as often as its policy allows, or notpanel's own supplier never"
        " decided. Look it up in {panel}; if it is still pending or in progress, retry"
        " or open a ticket there."
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
    State.SCHEDULED: "Nothing to do: it waits for its start time (not_before).",
    State.QUEUED: "Nothing to do. If this lasts, look at its lane.",
    State.SENDING: "Nothing to do: a worker holds it, and a call may be under way.",
    State.VERIFYING: (
        "Nothing to do: an answer was lost or unclear, and Rescind is asking the"
        " provider for the order's status. Do not cancel by hand meanwhile unless you"
        " must; if you do, Rescind will see it in that status."
    ),
    State.REQUESTED: (
        "Nothing to do: the provider has accepted the cancel, and Rescind asks for the"
        " order's status until it is final."
    ),
}

WELL: Mapping[Reason, str] = {
    _R.CONFIRMED: "The provider says that it is cancelled.",
    _R.ALREADY_CANCELLED: "The provider says that it was cancelled before.",
    _R.PARTIAL: (
        "Part of it had been delivered before; the provider's message says how much."
    ),
    _R.INFERRED: (
        "The answer to the cancel was lost; since then the provider has shown that the"
        " order is gone."
    ),
    _R.REQUESTED: (
        "It was taken back before anything was sent, so Rescind did not cancel the"
        " order. If the order must be cancelled after all, retry."
    ),
}

UNKNOWN = "This version has no advice for it: read the provider's own words below."


def advice(provider: str, state: str, reason: str | None) -> str:
    """What to do about a cancellation in this state, with this reason."""
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
