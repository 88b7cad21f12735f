"""The closed vocabularies that pages show: states, reasons, and sentences of ours.

Other packages define them, in English. Here they are marked for translation.
"""

from __future__ import annotations

from rescind.dashboard.translation import N_

STATES = (
    N_("scheduled"),
    N_("queued"),
    N_("sending"),
    N_("verifying"),
    N_("requested"),
    N_("cancelled"),
    N_("rejected"),
    N_("expired"),
    N_("failed"),
    N_("withdrawn"),
)
LANES = (N_("open"), N_("paused"), N_("held"), N_("stopped"))
RUNS = (N_("running"), N_("submitted"))
SENTENCES = (
    N_("held by an operator"),
    N_("it stands still: orders are due, no call is made; see the workers' log"),
)
ORDER_FORMS = (
    N_("the orderId that send-sms returned: 1 to 20 digits"),
    N_("the order's payment_key: a UUID with its hyphens"),
    N_("the order's id (not its order number): 1 to 18 digits"),
    N_("the shipment's AWB number: 4 to 40 letters, digits and hyphens"),
    N_(
        "the order's id, such as ord_01HG9X7KJP4N: up to 64 letters, digits, _ and -,"
        " with at least one digit"
    ),
)
LABELS = (
    N_("out of stock"),
    N_("address not found"),
    N_("congestion"),
    N_("the customer cancelled"),
    N_("technical problem"),
    N_("too far"),
    N_("payment"),
    N_("other"),
)
