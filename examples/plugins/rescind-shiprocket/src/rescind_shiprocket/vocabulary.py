"""The status codes of Shiprocket, and what each means. An unknown one means nothing.

Shipments (by AWB) and orders have tables of their own, with other numbers [D]. Pages:
``Tracking``, ``Shipments``, ``Orders``; read 2026-11-30. That a state is one in which a
cancel can still be carried out is documented only as "before the Out for Pickup state"
[D]; what follows from it for each code is assumed [A].
"""

from __future__ import annotations

from collections.abc import Mapping

from rescind.provider import UNKNOWN, Finding, Outcome, Reason, fold

CANCELLED = Finding(Outcome.CANCELLED, Reason.CONFIRMED)
REQUESTED = Finding(Outcome.REQUESTED)
ACTIVE = Finding(Outcome.ACTIVE)
GONE_OUT = Finding(Outcome.REFUSED, Reason.WINDOW_CLOSED)
DELIVERED = Finding(Outcome.REFUSED, Reason.ALREADY_COMPLETED)

# Out for pickup is not picked up yet: a cancel that was taken on before may still be
# carried out, so nothing final is said of it [A].
SHIPMENTS: Mapping[int, tuple[str, Finding]] = {
    1: ("AWB Assigned", ACTIVE),
    2: ("Label Generated", ACTIVE),
    3: ("Pickup Scheduled", ACTIVE),
    4: ("Pickup Queued", ACTIVE),
    5: ("Manifest Generated", ACTIVE),
    6: ("Shipped", GONE_OUT),
    7: ("Delivered", DELIVERED),
    8: ("Canceled", CANCELLED),
    9: ("RTO Initiated", GONE_OUT),
    10: ("RTO Delivered", GONE_OUT),
    11: ("Pending", ACTIVE),
    12: ("Lost", GONE_OUT),
    13: ("Pickup Error", ACTIVE),
    14: ("RTO Acknowledged", GONE_OUT),
    15: ("Pickup Rescheduled", ACTIVE),
    16: ("Cancellation Requested", REQUESTED),
    17: ("Out For Delivery", GONE_OUT),
    18: ("In Transit", GONE_OUT),
    19: ("Out For Pickup", ACTIVE),
    20: ("Pickup Exception", ACTIVE),
    21: ("Undelivered", GONE_OUT),
    22: ("Delayed", GONE_OUT),
    23: ("Partial Delivered", DELIVERED),
    24: ("Destroyed", GONE_OUT),
    25: ("Damaged", GONE_OUT),
    26: ("Fulfilled", DELIVERED),
    27: ("Pickup Booked", ACTIVE),
    38: ("Reached at Destination Hub", GONE_OUT),
    39: ("Misrouted", GONE_OUT),
    40: ("RTO NDR", GONE_OUT),
    41: ("RTO OFD", GONE_OUT),
    42: ("Picked Up", GONE_OUT),
    43: ("Self Fulfilled", DELIVERED),
    44: ("Disposed Off", GONE_OUT),
    45: ("Cancelled before Dispatched", CANCELLED),
    46: ("RTO In Transit", GONE_OUT),
    50: ("In Flight", GONE_OUT),
    52: ("Shipment Booked", ACTIVE),
    54: ("In Transit Overseas", GONE_OUT),
    59: ("Box Packing", ACTIVE),
    60: ("FC Allocated", ACTIVE),
    61: ("Picklist Generated", ACTIVE),
    62: ("Ready To Pack", ACTIVE),
    63: ("Packed", ACTIVE),
}
"""``shipment_status`` of a tracked AWB, with its words [D]. Codes that are not here,
such as those of customs, decide nothing."""

ORDERS: Mapping[int, tuple[str, Finding]] = {
    1: ("New", ACTIVE),
    2: ("Invoiced", ACTIVE),
    3: ("Ready To Ship", ACTIVE),
    4: ("Pickup Scheduled", ACTIVE),
    5: ("Canceled", CANCELLED),
    6: ("Shipped", GONE_OUT),
    7: ("Delivered", DELIVERED),
    10: ("Unmapped", ACTIVE),
    11: ("Unfulfillable", ACTIVE),
    12: ("Pickup Queue", ACTIVE),
    13: ("Pickup Rescheduled", ACTIVE),
    14: ("Pickup Error", ACTIVE),
    15: ("RTO Initiated", GONE_OUT),
    16: ("RTO Delivered", GONE_OUT),
    17: ("RTO Acknowledged", GONE_OUT),
    18: ("Cancellation Requested", REQUESTED),
    19: ("Out for Delivery", GONE_OUT),
    20: ("In Transit", GONE_OUT),
    33: ("Lost", GONE_OUT),
    34: ("Out For Pickup", ACTIVE),
    35: ("Pickup Exception", ACTIVE),
    36: ("Undelivered", GONE_OUT),
    37: ("Delivery Delayed", GONE_OUT),
    38: ("Partial Delivered", DELIVERED),
    39: ("Destroyed", GONE_OUT),
    40: ("Damaged", GONE_OUT),
    41: ("Fulfilled", DELIVERED),
    43: ("Reached Destination Hub", GONE_OUT),
    44: ("Misrouted", GONE_OUT),
    45: ("RTO OFD", GONE_OUT),
    46: ("RTO NDR", GONE_OUT),
    51: ("Picked Up", GONE_OUT),
    52: ("Self Fulfilled", DELIVERED),
    53: ("Disposed Off", GONE_OUT),
    54: ("Canceled before Dispatched", CANCELLED),
    55: ("RTO In-Transit", GONE_OUT),
    70: ("Pickup Booked", ACTIVE),
}
"""``status_code`` of an order, with its words [D]. The codes of return orders (21 to
32) are not here: whether this cancel is for them, too, is not documented."""

TAKEN_ON = frozenset(
    {
        # Of AWBs [D], and the same as a client has seen it [C].
        "bulk shipment cancellation is in progress. please wait for some time",
        "shipment(s) cancellation is in progress. please wait for some time",
        # Of orders, where the page shows an empty 204 [A].
        "order cancelled successfully",
        "order canceled successfully",
    }
)
"""What Shiprocket says when it takes a cancel on, in folded words without a full stop.
It says it for the whole call, and never for one order."""

NO_SUCH_ORDER = "order id not found"
"""With the status 400, of an order that is read [D]."""
WRONG_ADDRESS = frozenset({"", "404 not found"})
"""With the status 404, of a wrong URL [D]."""


def taken_on(words: str | None) -> bool:
    """Whether ``words`` say that a cancel was taken on."""
    return fold(words).rstrip(". ") in TAKEN_ON


def meaning(
    table: Mapping[int, tuple[str, Finding]], code: int | None, words: str | None
) -> Finding:
    """What a status code says. Words of the same table that say something else make it
    unknown; words of a courier's own decide nothing."""
    if code is None or code not in table:
        return UNKNOWN
    found = table[code][1]
    said = _by_words(table).get(_one_spelling(words))
    return UNKNOWN if said is not None and said != found else found


def _by_words(table: Mapping[int, tuple[str, Finding]]) -> Mapping[str, Finding]:
    return {_one_spelling(words): finding for words, finding in table.values()}


def _one_spelling(words: str | None) -> str:
    return fold(words).replace("cancelled", "canceled").replace("-", " ")
