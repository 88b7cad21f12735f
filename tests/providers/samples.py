"""Replies as the providers' pages show them, and ways to damage them."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from rescind.provider.http_messages import Reply
from rescind.provider.outcomes import Order
from tests.providers.accounts import ORDERS

UUID = ORDERS["dukkango"][0].id
A, B, C = (order.id for order in ORDERS["ithink"])
N1, N2, N3 = (order.id for order in ORDERS["notpanel"])
SOME_ITEMS = Order("7", {"cancel_items": [101, 102], "reasons": {"101": 2, "102": 2}})

ASKED: dict[str, list[list[Order]]] = {
    **{name: [orders] for name, orders in ORDERS.items()},
    "akinon": [ORDERS["akinon"], [SOME_ITEMS]],
    "notpanel": [ORDERS["notpanel"], ORDERS["notpanel"][:1]],
    "ithink": [ORDERS["ithink"], ORDERS["ithink"][:1]],
}


def row(status: str, remark: str = "", **more: Any) -> dict[str, Any]:
    return {"status": status, "remark": remark, "refnum": "SO-1", **more}


def tracked(awb: str, status: str, code: str) -> dict[str, Any]:
    return {
        "message": "success",
        "awb_no": awb,
        "current_status": status,
        "current_status_code": code,
        "scan_details": [{"status": "Manifested", "status_code": "UD"}],
    }


def panel(status: str) -> dict[str, Any]:
    return {"status": status, "charge": "0.50", "remains": "650", "currency": "USD"}


DETAIL = {
    "pk": 7,
    "number": "1000007",
    "status": {"value": "100", "label": "canceled"},
    "orderitem_set": [{"pk": 101, "status": "100"}, {"id": 102, "status": 100}],
}

CANCELS: dict[str, list[Any]] = {
    "iletimerkezi": [
        {"response": {"status": {"code": 200, "message": "İşlem başarılı"}}},
        {"response": {"status": {"code": "455", "message": "Sipariş bulunamadı"}}},
        {"response": {"status": {"message": "İşlem başarılı"}}},
    ],
    "dukkango": [
        {"status": True, "message": "Sipariş iptal edildi"},
        {"status": False, "error": "Hata", "message": "Sipariş zaten iptal edildi"},
        {"status": False, "error": "URL hatalı"},
    ],
    "akinon": [
        DETAIL,
        {"non_field_errors": ["Order already cancelled!"], "code": "order_101"},
    ],
    "ithink": [
        {
            "status": "success",
            "status_code": 200,
            "data": {
                "1": row("Success"),
                "2": row("Failed", "Already cancelled"),
                "3": row("success"),
            },
        },
        {"status": "success", "data": [row("Success", awb_no=A)]},
        {
            "status": "success",
            "status_code": 1,
            "data": {A: row("Success"), B: row("")},
        },
        {"status": "error", "status_code": 200, "html_message": "<b>No such AWB</b>"},
    ],
    "notpanel": [
        [{"order": N1, "cancel": N1}, {"order": N2, "error": "Order not found"}],
        {"cancel": N1},
        {"error": "Order cannot be cancelled (already cancelled)"},
    ],
}

READS: dict[str, list[Any]] = {
    "iletimerkezi": [
        {
            "response": {
                "status": {"code": 200, "message": ""},
                "order": {"id": "312891245", "status": 115, "total": 1},
            }
        },
        {"response": {"status": {"code": 456, "message": "Gönderim tarihi gelmedi"}}},
        {"response": {"status": {"code": 455, "message": "Sipariş bulunamadı"}}},
    ],
    "dukkango": [
        {
            "status": True,
            "data": [
                {"payment_key": UUID.upper(), "status_id": 6},
                {"payment_key": UUID, "status_id": "6"},
                {"payment_key": UUID[:-1] + "f", "status_id": 6},
            ],
        },
        {"status": True, "data": [{"payment_key": UUID, "status_id": 16}]},
    ],
    "akinon": [DETAIL, {**DETAIL, "status": 450}, {"detail": "Not found."}],
    "ithink": [
        {
            "status": "success",
            "status_code": 200,
            "data": {
                A: tracked(A, "Cancelled", "CN"),
                B: tracked(B, "Manifested", "UD"),
                "x": tracked(C, "cancelled", "CN"),
            },
        },
        {"status": "success", "data": [tracked(A, "Canceled", "")]},
        {
            "status": "success",
            "data": {
                A: {**tracked(A, "Manifested", "UD"), "cancel_status": "Approved"}
            },
        },
    ],
    "notpanel": [
        {N1: panel("cancelled"), N2: panel("in_progress"), N3: panel("Partial")},
        [{"order": N1, **panel("Refunded")}, {"order": N2, "error": "not found"}],
        panel("canceled"),
        [{"order": N1, **panel("Pending")}, {"order": N1, **panel("cancelled")}],
        {N1: {"order": N2, **panel("cancelled")}},
    ],
}

# --- ways to damage a reply -----------------------------------------------------------

ODD_VALUES: list[Any] = [
    *(None, True, False, 0, 1, 6, -1, 100, 115, 200, 455, 456, 1.0, 100.0, 10**4000),
    *("", "0", "1", "100", "115", "200", " 6 ", "success", "Success", "cancelled"),
    *("CN", "error", "Order not found", "zaten iptal edildi", "iptal edilemez"),
    *("\x00", "\ud800", "\u0130PTAL", "x" * 600, "9" * 5000, "&#" + "1" * 5000),
    *([], {}, [[]], [1, "x"], {"value": 100}, {"code": "100"}, {"error": "x"}),
    *(A, B, N1, N2, UUID, 7, 101, "101", float("nan"), float("inf")),
    json.loads("[" * 200 + "]" * 200),
    json.loads('{"a":' * 200 + "1" + "}" * 200),
]


class Twice(dict[str, Any]):
    """An object with one member twice, the second time with another value."""

    def __init__(self, pairs: dict[str, Any], name: str, other: object) -> None:
        super().__init__(pairs)
        self.again = (name, other)

    def items(self) -> Any:
        return [*super().items(), self.again]


def places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Each container within ``document``, with each of its keys or indexes."""
    pairs = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in list(pairs):
        yield document, key
        if isinstance(value, dict | list) and not isinstance(value, Twice):
            yield from places(value)


@st.composite
def spoilt(draw: st.DrawFn, document: Any) -> Any:
    """``document`` with up to three leaves, names, types or rows changed."""
    whole = [copy.deepcopy(document)]
    for _ in range(draw(st.integers(0, 3))):
        found = list(places(whole))
        if not found:
            break
        where, key = found[draw(st.integers(0, len(found) - 1))]
        way = draw(st.sampled_from(["value", "wrap", "drop", "name", "copy", "twice"]))
        other = copy.deepcopy(draw(st.sampled_from(ODD_VALUES)))
        _spoil(where, key, way, other, draw(st.sampled_from(NAMES)))
    return whole[0] if whole else None


NAMES = ["id", "pk", "code", "status", "order", "error", "data", "0", "4", A, B, N1, ""]


def _spoil(where: Any, key: Any, way: str, other: Any, name: str) -> None:
    value = where[key]
    if way == "value":
        where[key] = other
    elif way == "wrap":
        where[key] = [value] if other else {name: value}
    elif way == "drop":
        del where[key]
    elif way == "copy":
        _add(where, name, value)
    elif way == "name" and isinstance(where, dict):
        where[name] = where.pop(key)
    elif isinstance(value, dict) and value:
        where[key] = Twice(value, next(iter(value)), other)


def _add(where: Any, name: str, value: Any) -> None:
    if isinstance(where, dict):
        where[name] = copy.deepcopy(value)
    else:
        where.append(copy.deepcopy(value))


STATUSES = st.sampled_from([*[200] * 8, 201, 202, 400, 401, 403, 404, 409, 422, 455])
ENCODINGS = st.sampled_from([*["utf-8"] * 9, "utf-8-sig", "utf-16", "iso-8859-9"])


@st.composite
def replies(draw: st.DrawFn, documents: list[Any]) -> Reply:
    """One of ``documents``, damaged; sometimes its bytes are damaged too."""
    document = draw(spoilt(draw(st.sampled_from(documents))))
    text = json.dumps(document, ensure_ascii=draw(st.booleans()))
    body = text.encode(draw(ENCODINGS), "replace")
    if draw(st.integers(0, 9)) == 0:
        body = body[: draw(st.integers(0, len(body)))]
    return Reply(draw(STATUSES), {}, body)
