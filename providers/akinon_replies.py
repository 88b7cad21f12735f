"""Reads Akinon's replies: the statuses of items, and the words of refusals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from providers.akinon_params import SEALED_PARAMS, item_id
from rescind.provider.outcomes import (
    UNKNOWN,
    Finding,
    Held,
    Order,
    Outcome,
    Reason,
    TokenRefused,
)
from rescind.provider.text import as_number, as_object, first_text, fold

CLOSED = Finding(Outcome.REFUSED, Reason.WINDOW_CLOSED)

STATUSES: Mapping[int, Finding] = {
    50: Finding(Outcome.REQUESTED),  # cancellation_waiting
    100: Finding(Outcome.CANCELLED, Reason.CONFIRMED),
    200: Finding(Outcome.ACTIVE),  # waiting
    300: Finding(Outcome.ACTIVE),  # payment_waiting
    350: Finding(Outcome.ACTIVE),  # confirmation_waiting
    400: Finding(Outcome.ACTIVE),  # approved
    450: Finding(Outcome.ACTIVE),  # preparing
    500: CLOSED,  # shipped
    510: CLOSED,  # shipped_and_informed
    520: CLOSED,  # ready_for_pickup: it has left the warehouse [A]
    540: CLOSED,  # attempted_delivery
    # 544 and 545 are a "review", and no page says of what: unknown.
    550: Finding(Outcome.REFUSED, Reason.ALREADY_COMPLETED),  # delivered [A]
}
"""Status of an order and of an item. Any other status is unknown."""

DONE = r"(?:di|en|mis(?:ti|tir)?|digi icin|diginden)"
"""Complete endings of a Turkish past tense. *edildikten sonra* (after it was) and
*edilmedi* (was not) begin in the same way."""

NAMES_A_CANCELLATION = re.compile(
    r"already (?:been )?cancel|cancell?ation\b.*\b(?:progress|waiting|exists?)\b"
    r"|\biptal edil(?:di|mis)|\biptal (?:islemi|talebi)"
)

HEDGED = re.compile(
    r"\b(?:not|never|only|or|until|unless|before|after|if|when|will|being|to be"
    r"|degil|sadece|yalnizca|veya|ya da|kadar|eger|ise|sonra|(?<!daha )once)\b"
)
"""With these words a sentence names a status, but not as the order's status."""

REFUSAL_WORDS: tuple[tuple[re.Pattern[str], Reason], ...] = (
    (
        re.compile(rf"\bdelivered\b|\bteslim edil{DONE}\b"),
        Reason.ALREADY_COMPLETED,
    ),
    (re.compile(rf"\bshipped\b|\bkargoya veril{DONE}\b"), Reason.WINDOW_CLOSED),
    (
        re.compile(r"can(?:not|['’]t) be cancel.*status|\biptal edilem"),
        Reason.WINDOW_CLOSED,
    ),
)
"""Why a cancel was refused, in folded words: a sibling API's [D], and Turkish [A]."""

NO_FIELD = ("detail", "non_field_errors", "message", "error")
"""Members that hold an error which is not about one field of the request."""

ITEM_LISTS = ("orderitem_set", "order_items", "items")

IBAN = re.compile(r"\b[A-Z]{2}[0-9]{2}(?: ?[0-9A-Z]){11,30}\b")


def fault_of(status: int) -> Held | TokenRefused | None:
    if status == 401:
        return TokenRefused("Akinon refused the token (401)")
    if status == 403:
        return Held("Akinon forbids it (403): check the user's permissions")
    return None


# --- the status of an order ---------------------------------------------------------


def names_another(order: Order, document: dict[str, Any]) -> bool:
    """Whether the order's detail is one of another order."""
    given = (document.get(name) for name in ("pk", "id"))
    ids = {_digits(one) for one in given if one is not None}
    return bool(ids) and order.id not in ids


def shown_by(order: Order, document: dict[str, Any]) -> Finding:
    """What the order's detail says of the whole order, or of the named items."""
    if names_another(order, document):
        return Finding(
            Outcome.UNKNOWN, message="the reply is about another order", own=True
        )
    named = {str(item) for item in order.params.get("cancel_items", ())}
    own = document.get("status")
    if not named and own is not None:
        return _together([_code(own)])
    items = _items(document)
    if named - {item for item, _ in items}:
        return Finding(
            Outcome.UNKNOWN, message="the reply lacks some named items", own=True
        )
    return _together([code for item, code in items if not named or item in named])


def cancel_shown(order: Order, document: dict[str, Any]) -> Finding:
    """What the order's detail in the answer to a cancel says. Such an answer is at
    least a request, unless it is about another order."""
    shown = shown_by(order, document)
    if shown.outcome is Outcome.CANCELLED or names_another(order, document):
        return shown
    return Finding(Outcome.REQUESTED, None, shown.code, shown.message)


def _items(document: dict[str, Any]) -> list[tuple[str | None, int | None]]:
    """Each item's id and status, from any of the lists that may hold items [A]."""
    lists = [document.get(name) for name in ITEM_LISTS]
    rows = [as_object(row) for part in lists if isinstance(part, list) for row in part]
    return [
        (_digits(row.get("pk", row.get("id"))), _code(row.get("status")))
        for row in rows
    ]


def _known(codes: list[int | None]) -> set[int]:
    return {code for code in codes if code is not None}


def _digits(value: object) -> str | None:
    try:
        return str(item_id(value))
    except ValueError:
        return None


def _code(status: object) -> int | None:
    nested = as_object(status)
    return as_number(nested.get("value", nested.get("code")) if nested else status)


def _together(codes: list[int | None]) -> Finding:
    """One finding for all items: cancelled only if each is, unknown if they differ."""
    found = {STATUSES.get(one, UNKNOWN) if one else UNKNOWN for one in codes}
    outcomes = {finding.outcome for finding in found}
    code = first_text(",".join(str(one) for one in sorted(_known(codes))))
    if len(found) == 1:
        same = found.pop()
        return Finding(same.outcome, same.reason, code)
    if outcomes == {Outcome.CANCELLED, Outcome.REQUESTED}:
        return Finding(Outcome.REQUESTED, None, code)
    if outcomes == {Outcome.REFUSED}:
        return Finding(Outcome.REFUSED, Reason.WINDOW_CLOSED, code)
    return Finding(Outcome.UNKNOWN, None, code)


# --- the words of a refusal ---------------------------------------------------------


def refusal_of(order: Order, document: object, status: int) -> Finding:
    code, message = said_by(order, document, status)
    words = fold(message)
    if status < 400:
        return Finding(Outcome.UNKNOWN, None, code, message)
    if NAMES_A_CANCELLATION.search(words):
        # The words do not say who cancelled it, or whether that is done: read it back.
        return Finding(Outcome.REFUSED, Reason.ALREADY_CANCELLED, code, message)
    rules = () if HEDGED.search(words) else REFUSAL_WORDS
    named = (reason for pattern, reason in rules if pattern.search(words))
    reason = next(named, _by_form(document, status))
    return Finding(Outcome.REFUSED, reason, code, message)


def _by_form(document: object, status: int) -> Reason:
    """The reason by the reply's form, where its words name none."""
    if status == 404:
        return Reason.NOT_FOUND
    fields = set(as_object(document)) - {"code", *NO_FIELD}
    return Reason.INVALID_REQUEST if fields else Reason.REFUSED


def said_by(order: Order, document: object, status: int) -> tuple[str, str | None]:
    """Code and words of an error, without sealed values."""
    body = as_object(document)
    said = [(name, _text(part)) for name, part in body.items() if name != "code"]
    parts = [t if name in NO_FIELD else f"{name}: {t}" for name, t in said if t]
    words = "; ".join(parts) if body else _text(document)
    code = first_text(_unsealed(order, _text(body.get("code")))) or str(status)
    return code, first_text(_unsealed(order, words))


def _text(value: object, depth: int = 3) -> str:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        parts = [_text(part, depth - 1) for part in value[:5]] if depth else []
        return " ".join(part for part in parts if part)
    plain = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value) if plain else ""


def _unsealed(order: Order, words: str) -> str:
    """``words`` without the IBANs and names that the provider may quote."""
    # Masked before they are cut to length: half of a value must not remain.
    for values in (as_object(order.params.get(name)) for name in SEALED_PARAMS):
        for value in map(str, values.values()):
            for form in {value, value.replace(" ", "")} - {""}:
                words = re.sub(re.escape(form), "***", words, flags=re.IGNORECASE)
    return IBAN.sub("***", words)
