"""iThink's words, as far as they are known, and what each says of a shipment.

Certainty: [D] documented, [C] seen in clients, [A] assumed. Read again on 2026-11-29.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from rescind.provider.outcomes import UNKNOWN, Finding, Outcome, Reason
from rescind.provider.text import fold
from rescind.provider.wording import asserted

ACTIVE = Finding(Outcome.ACTIVE)
CLOSED = Finding(Outcome.REFUSED, Reason.WINDOW_CLOSED)
COMPLETED = Finding(Outcome.REFUSED, Reason.ALREADY_COMPLETED)
MISSING = Finding(Outcome.REFUSED, Reason.NOT_FOUND)
CANCELLED = Finding(Outcome.CANCELLED, Reason.CONFIRMED)
REQUESTED = Finding(Outcome.REQUESTED)

# --- a failed row's remark, or a top-level error ------------------------------------

REMARKS: Mapping[str, Finding] = {
    # The words do not say who cancelled it, or whether that is true: tracking decides.
    r"\b(?:already|been|was|is|or|status) (?:been )?cancell?ed\b"
    r"|\bcancell?ed (?:already|or)\b": Finding(
        Outcome.REFUSED, Reason.ALREADY_CANCELLED
    ),
    r"(?<!rto )\bdelivered\b": COMPLETED,
    r"\bpicked\b|\btransit\b|\bout for delivery\b|\bdispatched\b|\bshipped\b"
    r"|\bundelivered\b|\brto\b": CLOSED,
    r"\bnot found\b|\bnot exists?\b|\bno such\b|\b(?:invalid|wrong|incorrect) awb\b"
    r"|\bawb(?: no| number)?(?: is)? (?:invalid|incorrect|wrong|not valid)\b": MISSING,
    r"\bnot support": Finding(Outcome.REFUSED, Reason.NOT_SUPPORTED),
}
"""What a remark says of a shipment [A]. A remark that says two things is unknown."""

BREAKDOWN = re.compile(
    r"try again|later\b|\bretry\b|went wrong|server error|internal error"
    r"|time(?:d )?out|temporar|unavailable|exception|too many|maintenance|in progress"
    r"|\bbusy\b|not respond|unable to (?:connect|reach)"
)
"""Words of a breakdown: the provider may have acted all the same."""
UNDER_WAY = re.compile(
    r"\bcancel\w*(?: \w+){0,3} (?:requested|submitted|raised|received|placed|initiated"
    r"|pending|process|processing|processed|approval|approved)\b"
    r"|\balready (?:requested|submitted|raised|initiated)\b"
)
"""2026-11-29 [A]: a cancel was asked for before, and iThink has not approved it yet."""


def of_remark(words: str | None, default: Finding) -> Finding:
    """What a refusal's words say of a shipment; ``default`` where they say nothing."""
    folded = fold(words)
    if BREAKDOWN.search(folded) or UNDER_WAY.search(folded):
        return UNKNOWN
    text = asserted(words)
    said = {finding for form, finding in REMARKS.items() if re.search(form, text)}
    return said.pop() if len(said) == 1 else UNKNOWN if said else default


# --- a tracked shipment -------------------------------------------------------------

STATUSES: Mapping[str, Finding] = {
    "manifested": ACTIVE,
    "not picked": ACTIVE,
    "not picked up": ACTIVE,
    "picked up": CLOSED,
    "in transit": CLOSED,
    "reached at destination": CLOSED,
    "out for delivery": CLOSED,
    "undelivered": CLOSED,
    "out of delivery area": CLOSED,
    "misrouted": CLOSED,
    "reached at origin": CLOSED,
    "rto delivered": CLOSED,
    "delivered": COMPLETED,
    # 2026-11-29 [C]: clients' lists of statuses. It has left the shop.
    "lost": CLOSED,
    "damaged": CLOSED,
    "destroyed": CLOSED,
    "delayed": CLOSED,
    "shortage": CLOSED,
}
"""``current_status`` of a tracked shipment [D]."""

LEFT_THE_SHOP = re.compile(
    r"(?:rto|reverse)\b.*|return(?:ed|ing)? to (?:origin|shipper|seller|sender)"
    r"|(?:shipment |parcel |consignment )?(?:in transit|lost|damaged|delayed|misrouted"
    r"|dispatched|shipped|picked up|out for delivery|undelivered)"
)
"""Whole statuses of couriers that mean the same in other words [C]."""
IS_CANCELLED = re.compile(
    r"(?:order |shipment |awb |booking )?(?:is |was |has been )?cancell?ed"
    r"(?: by (?:the )?(?:seller|merchant|client|customer|shipper|user|courier))?"
)
"""Whole statuses that mean cancelled. "Pickup cancelled" and "RTO cancelled" do not,
nor does "cancelled" beside other words."""

CODES: Mapping[str, Finding] = {
    "CN": CANCELLED,
    "DL": COMPLETED,
    "RT": CLOSED,
    # 2026-11-29 [C]: couriers' own codes, beside couriers' own words.
    "RTO": CLOSED,
    "IT": CLOSED,
    "PP": CLOSED,
}
"""``current_status_code`` [D]. UD is left out, because too many statuses share it. CA
and 36 were only seen beside "Cancelled" [C], and are left out too."""

APPROVED = frozenset(
    {"approved", "cancelled", "canceled", "cancel approved", "cancellation approved"}
)
ASKED_FOR = frozenset(
    {
        *("requested", "pending", "initiated", "in progress", "in process"),
        *("processing", "under process", "pending approval", "approval pending"),
        *("cancel requested", "cancellation requested"),
    }
)
NO_CANCEL = frozenset(
    {
        *("", "no", "none", "na", "n/a", "-", "0", "null", "false", "not requested"),
        *("rejected", "declined", "denied", "not approved", "disapproved", "failed"),
    }
)
"""Words of ``cancel_status``: "Approved" is [C], the others are [A]."""


def of_tracking(status: str | None, code: str, cancel_status: str | None) -> Finding:
    """What tracking's three members together say; ``code`` is in capitals."""
    shown = _of_status(_folded(status), code)
    asked = _folded(cancel_status)
    if asked in NO_CANCEL:
        return shown
    if asked in APPROVED:
        # A delivered shipment was not cancelled, even if the cancel was approved.
        return UNKNOWN if shown.reason is Reason.ALREADY_COMPLETED else CANCELLED
    if shown.outcome is not Outcome.ACTIVE:
        return shown
        # Unknown words may mean a cancel in progress: a second one must not be sent.
    return REQUESTED if asked in ASKED_FOR else UNKNOWN


def _of_status(words: str, code: str) -> Finding:
    by_words, by_code = _of_words(words), CODES.get(code)
    if by_words is None or by_code is None:
        return by_words or by_code or UNKNOWN
    return by_words if by_words.outcome is by_code.outcome else UNKNOWN


def _of_words(words: str) -> Finding | None:
    if IS_CANCELLED.fullmatch(words):
        return CANCELLED
    left = LEFT_THE_SHOP.fullmatch(words)
    return STATUSES.get(words) or (CLOSED if left else None)


def _folded(text: str | None) -> str:
    return fold((text or "").replace("-", " ") if text != "-" else text)
