"""What a reply must hold, and where, to prove an outcome: a simple second reading that
uses none of the product's code."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from rescind.provider.http_messages import Reply
from rescind.provider.outcomes import Order, Outcome

Shown = Callable[[Order, Sequence[Order], Reply, Any], list[str]]
"""The words, in small letters, in the place of this order's status."""


def plain(value: object) -> str:
    good = isinstance(value, str | int) and not isinstance(value, bool)
    return str(value).replace("\x00", "").strip().lower() if good else ""


def inside(value: Any, *names: str) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def rows(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _ileti_code(reply: Reply, document: Any) -> str:
    status = inside(document, "response", "status")
    absent = isinstance(status, dict) and status.get("code") is None
    code = plain(inside(status, "code"))
    # Without a code of its own, or with code 200 in a failed reply, HTTP's counts.
    if not reply.ok and code in ("", "200"):
        return str(reply.status)
    return "200" if reply.ok and absent else code


def _ileti_cancel(
    order: Order, asked: Sequence[Order], reply: Reply, document: Any
) -> list[str]:
    return [_ileti_code(reply, document)]


def _ileti_read(
    order: Order, asked: Sequence[Order], reply: Reply, document: Any
) -> list[str]:
    code = _ileti_code(reply, document)
    if code != "200":
        return [code]
    report = inside(document, "response", "order")
    named = plain(inside(report, "id")) if "id" in (report or {}) else order.id
    return [f"order {plain(inside(report, 'status'))}"] if named == order.id else []


def _dukkango_cancel(
    order: Order, asked: Sequence[Order], reply: Reply, document: Any
) -> list[str]:
    if document["status"] is True:
        return ["true"] if reply.status == 200 else []
    words = plain(document.get("error")) + plain(document.get("message"))
    named = "ptal" in words or "cancel" in words
    return ["named"] if document["status"] is False and named else []


def _dukkango_read(
    order: Order, asked: Sequence[Order], reply: Reply, document: Any
) -> list[str]:
    named = [
        one
        for one in document["data"]
        if plain(inside(one, "payment_key")) == order.id.lower()
    ]
    good = reply.ok and document["status"] is True
    return [plain(one.get("status_id")) for one in named] if good else []


def _akinon_code(holder: Any) -> str:
    status = inside(holder, "status")
    return plain(inside(status, "value") or inside(status, "code") or status)


def _akinon(
    order: Order, asked: Sequence[Order], reply: Reply, document: Any
) -> list[str]:
    if reply.status == 404:
        return ["404"]
    ids = {plain(document[name]) for name in ("pk", "id") if document.get(name)}
    if not reply.ok or (ids and order.id not in ids):
        return []
    listed = [
        one
        for name in ("orderitem_set", "order_items", "items")
        for one in rows(document.get(name))
    ]
    items = [plain(one) for one in order.params.get("cancel_items", [])]
    if not items:
        whole = document.get("status") is not None
        return [_akinon_code(one) for one in ([document] if whole else listed)]
    held = {item: [one for one in listed if _is(one, item)] for item in items}
    if not all(held.values()):
        return []
    return [_akinon_code(one) for found in held.values() for one in found]


def _is(item: Any, wanted: str) -> bool:
    found = inside(item, "pk") if "pk" in (item or {}) else inside(item, "id")
    return plain(found) == wanted


def _ithink_good(reply: Reply, document: Any) -> bool:
    code = document.get("status_code")
    said = plain(document.get("status")) == "success"
    return reply.ok and said and (code is None or plain(code) in ("200", "1"))


def _ithink_cancel(
    order: Order, asked: Sequence[Order], reply: Reply, document: Any
) -> list[str]:
    data = document.get("data")
    keyed = isinstance(data, dict) and order.id in data
    fits = keyed or len(rows(data)) == len(asked)
    if not _ithink_good(reply, document) or not fits:
        return []
    at = asked.index(order)
    if isinstance(data, dict) and order.id in data:
        named = plain(inside(data[order.id], "awb_no"))
        strange = set(data) - {one.id for one in asked}
        good = named in ("", order.id) and not strange
        return [plain(inside(data[order.id], "status"))] if good else []
    if isinstance(data, dict):
        return [plain(inside(data, str(at if "0" in data else at + 1), "status"))]
    return [plain(inside(data[at], "status"))]


def _ithink_read(
    order: Order, asked: Sequence[Order], reply: Reply, document: Any
) -> list[str]:
    if not _ithink_good(reply, document):
        return []
    data = document.get("data")
    own = inside(data, order.id)
    named = [one for one in rows(data) if plain(inside(one, "awb_no")) == order.id]
    entry = own if own is not None else named[0]
    word, code = (plain(inside(entry, f"current_status{end}")) for end in ("", "_code"))
    if plain(inside(entry, "awb_no")) not in ("", order.id):
        return []
    if word.startswith("cancel") and code in ("dl", "rt", "rto", "it", "pp"):
        return [f"{word}, but {code}"]
    if plain(inside(entry, "cancel_status")) in ("approved", "cancelled", "canceled"):
        return [word if word == "delivered" or code == "dl" else "cancelled"]
    # The code counts if the words are unknown.
    return [code if code == "cn" and word not in ("manifested", "not picked") else word]


def _nothing(
    order: Order, asked: Sequence[Order], reply: Reply, document: Any
) -> list[str]:
    return []


def _notpanel_read(
    order: Order, asked: Sequence[Order], reply: Reply, document: Any
) -> list[str]:
    if isinstance(document, list):
        own = [
            one for one in document if plain(inside(one, "order")) == order.id.lower()
        ]
    elif isinstance(document.get(order.id), dict):
        named = plain(document[order.id].get("order")) or order.id.lower()
        own = [document[order.id]] if named == order.id.lower() else []
    else:
        own = [document] if len(asked) == 1 else []
    words = [plain(inside(one, "status")).replace("_", " ") for one in own]
    errors = [plain(inside(one, "error")) for one in own]
    alone = [plain(inside(document, "error")), plain(inside(document, "message"))]
    missing = any("order" in error for error in (*errors, *alone))
    return ["missing"] if missing and not any(words) else words


CANCEL_CALLS: dict[str, tuple[Shown, set[str]]] = {
    "iletimerkezi": (_ileti_cancel, {"200"}),
    "dukkango": (_dukkango_cancel, {"true", "named"}),
    "akinon": (_akinon, {"100"}),
    "ithink": (_ithink_cancel, {"success"}),
    # No answer to a cancel of notpanel proves that it is done.
    "notpanel": (_nothing, set()),
}
"""Where the answer to a cancel proves an outcome, and the words of success."""

READINGS: dict[str, tuple[Shown, dict[Outcome, set[str]]]] = {
    "iletimerkezi": (
        _ileti_read,
        {
            Outcome.CANCELLED: {"order 115"},
            Outcome.ACTIVE: {"456"},
            Outcome.GONE: {"455"},
        },
    ),
    "dukkango": (
        _dukkango_read,
        {Outcome.CANCELLED: {"6"}, Outcome.ACTIVE: {"1", "2", "16"}},
    ),
    "akinon": (
        _akinon,
        {
            Outcome.CANCELLED: {"100"},
            Outcome.ACTIVE: {"200", "300", "350", "400", "450"},
            Outcome.GONE: {"404"},
        },
    ),
    "ithink": (
        _ithink_read,
        {
            Outcome.CANCELLED: {"cancelled", "canceled", "cn"},
            Outcome.ACTIVE: {"manifested", "not picked"},
        },
    ),
    "notpanel": (
        _notpanel_read,
        {
            Outcome.CANCELLED: {"cancelled", "canceled", "refunded", "partial"},
            Outcome.ACTIVE: {"pending", "processing", "in progress", "inprogress"},
            Outcome.GONE: {"missing"},
        },
    ),
}
"""Where a reading shows an order's status, and the words for each outcome."""


def _decoded(body: bytes) -> str:
    """JSON's own characters are ASCII, in any encoding of the words."""
    return body.decode("utf-8-sig", "replace")


def holds(
    shown: Shown, good: set[str], order: Order, asked: Sequence[Order], reply: Reply
) -> bool:
    """Whether ``reply`` shows this order, and in no words other than ``good``."""
    try:
        document = json.loads(_decoded(reply.body))
        words = shown(order, asked, reply, document)
    except (ValueError, AttributeError, TypeError, KeyError, IndexError):
        # Not the documented form; these HTTP statuses are one provider's own.
        return str(reply.status) in good & {"455", "456"}
    return bool(words) and set(words) <= good
