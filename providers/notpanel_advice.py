"""What a person should do about a cancellation at notpanel that did not end well."""

from __future__ import annotations

from collections.abc import Mapping

from rescind.provider.outcomes import Reason

PANEL = "notpanel, under the orders"
ADVICE: Mapping[Reason, str] = {
    Reason.UNRESOLVED: (
        "It is not known whether the order was cancelled. Look it up in %(panel)s."
        " If it is still pending or in progress, retry; otherwise nothing is left to"
        " do."
    ),
    Reason.ATTEMPTS_EXHAUSTED: (
        "Rescind sent the cancel as often as it may, or notpanel's own supplier"
        " never decided. Look the order up in %(panel)s. If it is still pending or"
        " in progress, retry, or open a ticket there."
    ),
    Reason.NOT_SUPPORTED: (
        "This service cannot be cancelled once it is ordered. If it must be"
        " stopped, open a ticket at notpanel."
    ),
    Reason.WINDOW_CLOSED: (
        "The order ended by itself as failed: there was nothing left to cancel."
        " Check in %(panel)s whether it was refunded."
    ),
}
