"""Reads Shiprocket's replies: of a whole cancel call, of a tracked AWB, of an order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rescind.provider import (
    UNKNOWN,
    BatchRefused,
    Finding,
    Findings,
    Held,
    Order,
    Outcome,
    Parsed,
    Reply,
    Token,
    TokenRefused,
    UnreadableReplyError,
    as_number,
    as_object,
    first_text,
    fold,
    turned_away,
    turned_away_login,
)
from rescind_shiprocket.identifiers import bare, is_awb
from rescind_shiprocket.vocabulary import (
    NO_SUCH_ORDER,
    ORDERS,
    SHIPMENTS,
    WRONG_ADDRESS,
    meaning,
    taken_on,
)

ERRORS = range(400, 600)
"""Statuses of HTTP errors, which a 2xx may have in its body."""
SENDABLE = re.compile(r"[\x21-\x7e]{1,4096}")

# --- a cancel -------------------------------------------------------------------------


def cancel_said(orders: Sequence[Order], reply: Reply) -> Parsed:
    """What the answer to a cancel says: one thing, of all its orders."""
    if fault := _fault(reply):
        return fault
    if reply.status == 204:
        return _of_all(orders, Outcome.REQUESTED, "204", None)
    document = as_object(reply.json())
    words = first_text(document.get("message"))
    status = _status(document, reply)
    if status < 400 and taken_on(words):
        return _of_all(orders, Outcome.REQUESTED, str(status), words)
    # A call for several orders may have cancelled some of them before it failed.
    alone = len(orders) == 1 and 400 <= status < 500
    outcome = Outcome.REFUSED if alone else Outcome.UNKNOWN
    return _of_all(orders, outcome, str(status), words)


def _status(document: Mapping[str, Any], reply: Reply) -> int:
    """The HTTP status, or that of an error in a 2xx."""
    if not reply.ok:
        return reply.status
    found = (as_number(document.get(name)) for name in ("status_code", "status"))
    return max((n for n in found if n and n in ERRORS), default=reply.status)


# --- a reading ------------------------------------------------------------------------


def reading_said(orders: Sequence[Order], reply: Reply) -> Parsed:
    """What the answer to a reading says of each order."""
    if fault := _fault(reply):
        return fault
    document = as_object(reply.json())
    words = first_text(document.get("message"))
    if reply.ok:
        return Findings({one.id: _shown(one, document) for one in orders})
    if len(orders) > 1:
        # One AWB may have failed the call. A reading may be repeated for half of them.
        return BatchRefused(_worded(UNKNOWN, str(reply.status), words))
    missing = reply.status == 400 and fold(words).rstrip(". ") == NO_SUCH_ORDER
    gone = missing and not is_awb(orders[0])
    outcome = Outcome.GONE if gone else Outcome.UNKNOWN
    return _of_all(orders, outcome, str(reply.status), words)


def _shown(order: Order, document: Mapping[str, Any]) -> Finding:
    return _shipment(order, document) if is_awb(order) else _order(order, document)


def _shipment(order: Order, document: Mapping[str, Any]) -> Finding:
    """A tracked AWB. One without an entry may be new: nothing is said of it."""
    awb = bare(order)
    entries = [value for name, value in document.items() if name.upper() == awb]
    tracked = as_object(as_object(entries[0] if len(entries) == 1 else None).get(DATA))
    rows = tracked.get("shipment_track")
    row = as_object(rows[0]) if isinstance(rows, list) and len(rows) == 1 else {}
    named = first_text(row.get("awb_code")) or ""
    words = first_text(row.get("current_status"))
    code = as_number(tracked.get("shipment_status"))
    if as_number(tracked.get("track_status")) != 1 or named.upper() != awb:
        return _worded(UNKNOWN, None, first_text(tracked.get("error")))
    return _worded(meaning(SHIPMENTS, code, words), _text(code), words)


DATA = "tracking_data"


def _order(order: Order, document: Mapping[str, Any]) -> Finding:
    shown = as_object(document.get("data"))
    if as_number(shown.get("id")) != int(bare(order)):
        return UNKNOWN
    code, words = as_number(shown.get("status_code")), first_text(shown.get("status"))
    return _worded(meaning(ORDERS, code, words), _text(code), words)


# --- the account ----------------------------------------------------------------------


def _fault(reply: Reply) -> Held | TokenRefused | None:
    """Why none of the orders is at fault: another program answered, or the token, the
    API user or the address is wrong."""
    if page := turned_away(reply):
        return page
    if reply.status == 401:
        return TokenRefused("Shiprocket refused the token (401)")
    if reply.status == 403:
        return Held(
            "Shiprocket refused the API user (403): check which modules it may access"
        )
    if reply.status == 404 and fold(_words(reply)) in WRONG_ADDRESS:
        return Held("Shiprocket knows no such address (404): check base_url")
    return None


def _words(reply: Reply) -> str | None:
    try:
        return first_text(as_object(reply.json()).get("message"))
    except UnreadableReplyError:
        return None


def probe_said(reply: Reply) -> Parsed:
    """What the reading of an order that does not exist says of the token."""
    return _fault(reply) or Findings({})


def login_said(reply: Reply) -> Token | Held:
    """The token of a login, or why there is none."""
    if page := turned_away_login(reply):
        return page
    if reply.status >= 400:
        return Held(
            f"Shiprocket refused the login ({reply.status}): check email and password"
            " of the API user, and base_url"
        )
    token = as_object(reply.json()).get("token")
    if not isinstance(token, str) or not SENDABLE.fullmatch(token):
        raise UnreadableReplyError("a login reply without a token")
    return Token(token)


# --- findings -------------------------------------------------------------------------


def _of_all(
    orders: Sequence[Order], outcome: Outcome, code: str, words: str | None
) -> Findings:
    return Findings({one.id: Finding(outcome, None, code, words) for one in orders})


def _worded(finding: Finding, code: str | None, words: str | None) -> Finding:
    return Finding(finding.outcome, finding.reason, code, words)


def _text(code: int | None) -> str | None:
    return first_text(code)
