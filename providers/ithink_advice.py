"""What a person should do about a cancellation at iThink that did not end well."""

from __future__ import annotations

from collections.abc import Mapping

from rescind.provider.outcomes import Reason

PANEL = "iThink's panel, by its AWB number"
ADVICE: Mapping[Reason, str] = {
    Reason.UNRESOLVED: (
        "It is not known whether the shipment was cancelled. Look it up in"
        " %(panel)s. If it is still manifested, retry. If it was picked up, ask for"
        " its return to origin."
    ),
    Reason.WINDOW_CLOSED: (
        "The courier has the parcel. Ask for its return to origin in %(panel)s, or"
        " settle it as a return once it is delivered."
    ),
    Reason.ALREADY_COMPLETED: (
        "The parcel was delivered. Settle it as a return with the customer."
    ),
}
