"""Reads notpanel's replies: of the whole call, and of each row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from providers.notpanel_words import (
    BREAKDOWN,
    NOT_FOUND,
    OF_A_CALL,
    OF_AN_ORDER,
    REQUESTED,
    STATUSES,
    of_error,
)
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
from rescind.provider.text import as_object, first_text, fold

ACCOUNT_WORDS = re.compile(r"\bkey\b|\baccount\b.*\b(?:suspended|blocked|disabled)\b")
"""An error about the account: "Account suspended" [D], an invalid key [A]."""

HTTP_FAULTS: Mapping[int, str] = {
    401: "check the key",
    403: "check the key, and on the dashboard whether the account is suspended",
    404: "check base_url",
}

REFUSED_WHOLE = frozenset({400, 404, 413, 422})

ID = re.compile(r"(?=.*[0-9])[0-9A-Za-z][0-9A-Za-z_-]{0,63}")


# --- the whole reply --------------------------------------------------------------


def document_of(reply: Reply) -> Any:
    try:
        return reply.json()
    except UnreadableReplyError:
        if reply.status in HTTP_FAULTS:
            return None  # a gateway's own page: its HTTP status is enough
        raise


def error_of(document: object, reply: Reply) -> str | None:
    """The words of a top-level error, which is about every order of the call."""
    whole = as_object(document)
    if whole.get("cancel") or _of_status(whole) is not None:
        return None
    return first_text(whole.get("error"), None if reply.ok else whole.get("message"))


def fault_of(words: str | None, reply: Reply) -> Held | None:
    # Words about an order, or a 404 with them, are not about the account.
    of_an_order = of_error(words) != UNKNOWN and reply.status not in (401, 403)
    named = ACCOUNT_WORDS.search(fold(words))
    if of_an_order or not (named or reply.status in HTTP_FAULTS):
        return None
    what = HTTP_FAULTS[403 if named else reply.status]
    return Held(f'notpanel refused the call ({reply.status}, "{words or ""}"): {what}')


def refused_whole(
    orders: Sequence[Order], reply: Reply, words: str, finding: Finding
) -> Parsed:
    """One error for the whole call; ``finding`` is what it says of one order."""
    if len(orders) == 1:
        return Findings({orders[0].id: finding})
    broken = BREAKDOWN.search(fold(words))
    if broken or not (reply.ok or reply.status in REFUSED_WHOLE):
        return nothing_known(orders, reply, words)
    # 2026-11-20 [A]: one error for all of them means that none was acted on.
    return BatchRefused(finding)


def nothing_known(orders: Sequence[Order], reply: Reply, words: str | None) -> Findings:
    nothing = with_words(UNKNOWN, reply.status, words)
    return Findings({order.id: nothing for order in orders})


# --- each order's row -------------------------------------------------------------


def rows_of(
    orders: Sequence[Order], document: object, mark: str
) -> Iterator[tuple[str | None, dict[str, Any]]]:
    """Each row with the order that it names; from an array, a map, or a single row."""
    if isinstance(document, list):
        for row in map(as_object, document):
            yield first_text(row.get("order")), row
        return
    whole = as_object(document)
    if mark in whole:
        if len(orders) == 1:
            yield first_text(whole.get("order"), orders[0].id), whole
        return
    for key, value in whole.items():
        row = as_object(value)
        named = first_text(row.get("order"), key)
        yield key if named == key else None, row


def findings_of(
    orders: Sequence[Order],
    rows: Iterator[tuple[str | None, dict[str, Any]]],
    read: Callable[[str, dict[str, Any]], Finding],
) -> Findings:
    asked = {order.id for order in orders}
    found: dict[str, Finding] = {}
    for order, row in rows:
        if order in asked and order is not None:
            finding = read(order, row)
            # Two different rows for one order decide nothing.
            same = found.get(order) in (None, finding)
            found[order] = finding if same else UNKNOWN
    return Findings(found)


def of_cancel_row(order: str, row: Mapping[str, Any]) -> Finding:
    cancel = row.get("cancel")
    error = first_text(row.get("error"), as_object(cancel).get("error"))
    taken = _taken_on(cancel, order)
    if row.get("error") and taken:
        return with_words(UNKNOWN, None, error)
    if taken:
        return REQUESTED
    return with_words(of_error(error), None, error or first_text(cancel))


def _taken_on(cancel: object, order: str) -> bool:
    """Whether ``cancel`` means success: the order's id, 1, or an id of another kind."""
    text = "1" if cancel is True else first_text(cancel)
    if text is None or not ID.fullmatch(text) or not text.strip("0"):
        return False
    # An id of the same kind as the order's is another order's id.
    return text in ("1", order) or _prefix(text) != _prefix(order)


def _prefix(text: str) -> str:
    return text.rpartition("_")[0]


def of_status_row(order: str, row: Mapping[str, Any]) -> Finding:
    del order
    raw, error = first_text(row.get("status")), first_text(row.get("error"))
    finding = _of_status(row)
    if row.get("error") and finding:
        return with_words(UNKNOWN, raw, error)
    if finding is None:
        return of_read_error(error, raw)
    partial = finding.reason is Reason.PARTIAL
    return with_words(finding, raw, _remains(row) if partial else None)


def _of_status(row: Mapping[str, Any]) -> Finding | None:
    """What the row's status says of an order; ``None`` if it is no order's status."""
    word = fold((first_text(row.get("status")) or "").replace("-", " "))
    failed_call = word in OF_A_CALL and not OF_AN_ORDER & row.keys()
    return None if failed_call else STATUSES.get(word)


def of_read_error(words: str | None, code: str | int | None) -> Finding:
    gone = of_error(words) == NOT_FOUND
    return with_words(Finding(Outcome.GONE) if gone else UNKNOWN, code, words)


def _remains(row: Mapping[str, Any]) -> str:
    left = first_text(row.get("remains")) or "an unknown number"
    return f"delivered in part: {left} of it remained, and was cancelled and refunded"


def with_words(finding: Finding, code: object, message: str | None) -> Finding:
    words = first_text(message)
    return Finding(finding.outcome, finding.reason, first_text(code), words)
