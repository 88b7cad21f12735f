"""What a person should do about a cancellation at Akinon that did not end well."""

from __future__ import annotations

from collections.abc import Mapping

from rescind.provider.outcomes import Reason

PANEL = "the shop's Omnitron"
ADVICE: Mapping[Reason, str] = {
    Reason.UNRESOLVED: (
        "It is not known whether the order was cancelled, and a refund may be under"
        " way. Look it up in %(panel)s. If no part of it is cancelled, retry. If a"
        " part or all of it is cancelled, finish it there by hand."
    ),
    Reason.WINDOW_CLOSED: (
        "The order was shipped: it can be returned, but no longer cancelled. Open a"
        " return in %(panel)s."
    ),
    Reason.ALREADY_COMPLETED: ("The order was delivered. Open a return in %(panel)s."),
    Reason.NOT_FOUND: (
        "The shop does not know this order. Give the order's id, not its order"
        " number, and check that the account belongs to this shop."
    ),
}
