"""Reads iThink's replies: of the whole call, of each row, of each tracked AWB."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from providers.ithink_words import BREAKDOWN, CANCELLED, of_remark, of_tracking
from rescind.provider.http_messages import Reply
from rescind.provider.outcomes import (
    UNKNOWN,
    BatchRefused,
    Finding,
    Findings,
    Held,
    Order,
    Outcome,
    Parsed,
    Reason,
    UnreadableReplyError,
)
from rescind.provider.text import as_number, as_object, first_text, fold, without_html

ACCOUNT_WORDS = re.compile(
    r"token|secret|credential|authenticat"
    r"|^(?!.*\b(?:awb|order|shipment)).*\b(?:access|unauthori[sz]ed)\b"
)
"""A top-level error that is about the account: "Access Token Not Match." [C]"""

HTTP_FAULTS: Mapping[int, str] = {
    401: "check access_token and secret_key",
    403: "check access_token and secret_key, and whether iThink lets this IP in",
    404: "check base_url and track_url",
}

SUCCESS = "success"
ERRORS = frozenset({"error", "failed", "failure", "fail"})

AWB_FIELDS = ("awb_no", "awb_number", "awb", "waybill")


# --- the whole reply --------------------------------------------------------------


def document_of(reply: Reply) -> dict[str, Any]:
    try:
        return reply.json_object()
    except UnreadableReplyError:
        if reply.status in HTTP_FAULTS:
            return {}  # a gateway's own page: its HTTP status is enough
        raise


def words_of(document: Mapping[str, Any]) -> str | None:
    said = (document.get("message"), document.get("html_message"))
    return first_text(*map(without_html, said))


def fault_of(
    document: Mapping[str, Any], words: str | None, reply: Reply
) -> Held | None:
    failed = _is_error(document, reply)
    # A 404 in iThink's own form is about a shipment, not about the address.
    at_fault = reply.status in HTTP_FAULTS and not (reply.status == 404 and failed)
    named = failed and (
        as_number(document.get("status_code")) in (401, 403)
        or ACCOUNT_WORDS.search(fold(words))
    )
    if not at_fault and not named:
        return None
    what = HTTP_FAULTS[reply.status if at_fault else 401]
    return Held(f'iThink refused the call ({reply.status}, "{words or ""}"): {what}')


def _is_error(document: Mapping[str, Any], reply: Reply) -> bool:
    word = fold(first_text(document.get("status")))
    return word in ERRORS or reply.status == 400


def succeeded(document: Mapping[str, Any], reply: Reply) -> bool:
    word = fold(first_text(document.get("status")))
    code = document.get("status_code")
    # 2026-11-29 [C]: a client expects a success to say 1.
    good = code is None or as_number(code) in (200, 1)
    return reply.ok and word == SUCCESS and good


def refused_whole(
    orders: Sequence[Order],
    document: Mapping[str, Any],
    words: str | None,
    reply: Reply,
) -> Parsed:
    """One error for all AWBs: no AWB was acted on, unless it is a breakdown."""
    # Rows that match no AWB may hold one that was acted on.
    if document.get("data") or not _is_refusal(document, words, reply):
        return _nothing_known(orders, document, words)
    default = Reason.INVALID_REQUEST if reply.status == 400 else Reason.REFUSED
    finding = of_remark(words, Finding(Outcome.REFUSED, default))
    finding = _with_words(finding, document.get("status") or reply.status, words)
    if len(orders) > 1:
        return BatchRefused(finding)
    return Findings({orders[0].id: finding})


def unread(
    orders: Sequence[Order],
    document: Mapping[str, Any],
    words: str | None,
    reply: Reply,
) -> Parsed:
    """Failed tracking says nothing of an order. One bad AWB may fail a call of ten."""
    if len(orders) > 1 and _is_refusal(document, words, reply):
        return BatchRefused(_with_words(UNKNOWN, document.get("status"), words))
    return _nothing_known(orders, document, words)


def _is_refusal(document: Mapping[str, Any], words: str | None, reply: Reply) -> bool:
    """Whether iThink refused the call, as opposed to breaking down during it."""
    broken = (as_number(document.get("status_code")) or 0) >= 429
    return (
        _is_error(document, reply) and not broken and not BREAKDOWN.search(fold(words))
    )


def _nothing_known(
    orders: Sequence[Order], document: Mapping[str, Any], words: str | None
) -> Findings:
    nothing = _with_words(UNKNOWN, document.get("status"), words)
    return Findings({order.id: nothing for order in orders})


# --- the rows of a cancel ---------------------------------------------------------


def rows_of(orders: Sequence[Order], data: object) -> dict[str, dict[str, Any]]:
    """Each AWB's row; empty where the rows cannot be matched for certain."""
    count = len(orders)
    if isinstance(data, dict) and data and data.keys() <= {o.id for o in orders}:
        # 2026-11-29 [C]: rows keyed by AWB. An AWB without a row stays unknown.
        by_awb = {awb: as_object(row) for awb, row in data.items()}
        return {} if any(_names_another(*one) for one in by_awb.items()) else by_awb
    if isinstance(data, list):
        rows = data if len(data) == count else []
    else:
        keyed = as_object(data)
        first = 0 if "0" in keyed else 1
        keys = [str(n) for n in range(first, first + count)]
        rows = [keyed[key] for key in keys] if set(keys) == set(keyed) else []
    pairs = list(zip((o.id for o in orders), map(as_object, rows), strict=False))
    if any(_names_another(awb, row) for awb, row in pairs):
        return {}
    return dict(pairs)


def _names_another(awb: str, row: Mapping[str, Any]) -> bool:
    named = first_text(*map(row.get, AWB_FIELDS))
    return named is not None and named != awb


def of_row(row: Mapping[str, Any]) -> Finding:
    return _said(first_text(row.get("status")), without_html(row.get("remark")))


@lru_cache(maxsize=256)  # most rows of a reply say the same
def _said(status: str | None, remark: str | None) -> Finding:
    word = fold(status)
    if word == SUCCESS:
        return _with_words(CANCELLED, status, remark)
    if word not in ERRORS:
        return _with_words(UNKNOWN, status, remark)
    finding = of_remark(remark, Finding(Outcome.REFUSED, Reason.REFUSED))
    return _with_words(finding, status, remark)


def of_error_row(row: Mapping[str, Any]) -> Finding:
    finding = of_row(row)
    if finding.outcome is Outcome.CANCELLED:
        return _with_words(UNKNOWN, finding.code, finding.message)
    return finding


# --- a tracked shipment -----------------------------------------------------------


def tracking_entry(awb: str, data: object) -> dict[str, Any]:
    """The tracking entry under this AWB, or the one that names it; else empty."""
    keyed = as_object(data)
    entries = [as_object(keyed[awb])] if awb in keyed else []
    if not entries:
        listed = data if isinstance(data, list) else list(keyed.values())
        named = (as_object(entry) for entry in listed)
        entries = [e for e in named if first_text(e.get("awb_no")) == awb]
    return entries[0] if len(entries) == 1 else {}


def of_tracking_entry(awb: str, entry: Mapping[str, Any]) -> Finding:
    status = first_text(entry.get("current_status"))
    code = (first_text(entry.get("current_status_code")) or "").upper()
    message = first_text(entry.get("message"))
    if fold(message) not in ("", SUCCESS) or _names_another(awb, entry):
        return _with_words(UNKNOWN, status or code, message)
    cancel_status = first_text(entry.get("cancel_status"))
    finding = of_tracking(status, code, cancel_status)
    beside = cancel_status and first_text(f"cancel_status: {cancel_status}")
    return _with_words(finding, status or code, beside)


def _with_words(finding: Finding, code: object, message: str | None) -> Finding:
    return Finding(finding.outcome, finding.reason, first_text(code), message)
