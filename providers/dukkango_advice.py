"""What a person should do about a cancellation at Dükkango that did not end well."""

from __future__ import annotations

from collections.abc import Mapping

from rescind.provider.outcomes import Reason

PANEL = "Dükkango's restaurant panel"
ADVICE: Mapping[Reason, str] = {
    Reason.UNRESOLVED: (
        "The order is no longer among Dükkango's active orders, and it is not known"
        " whether it was cancelled. Look it up in %(panel)s. If it is still active,"
        " retry: a second cancel does no harm there."
    ),
    Reason.ATTEMPTS_EXHAUSTED: (
        "Rescind sent the cancel as often as it may, and the kitchen may be at"
        " work. Call the restaurant, or cancel the order by hand in %(panel)s. If it"
        " is still active, you can also retry."
    ),
    Reason.ALREADY_COMPLETED: (
        "The meal was delivered before it could be cancelled. Settle it with the"
        " customer as a refund."
    ),
    Reason.NOT_FOUND: (
        "Dükkango does not show this order to this restaurant. Check that the"
        " account is the restaurant that took it, and that the order is its"
        " payment_key."
    ),
}
