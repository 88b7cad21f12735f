"""Replies as the providers' pages show them, and values that damage them."""

from __future__ import annotations

from typing import Any

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

UNDECIDED: dict[str, list[Any]] = {
    # It comes with 200 here; only a 404 proves that there is no such order.
    "akinon": READS["akinon"][-1:],
    # An order without a status; two rows that contradict each other; another order.
    "notpanel": [READS["notpanel"][1], *READS["notpanel"][-2:]],
}
"""Readings that leave an order unknown, and are meant to."""

LOGINS: dict[str, list[Any]] = {
    "akinon": [{"key": "a" * 40}],
    "dukkango": [
        {
            "status": True,
            "data": {
                "access_token": "f" * 64,
                "expiration_date": "2020-11-21 18:09:00",
            },
        }
    ],
}

ODD_VALUES: list[Any] = [
    *(115, 455, 456, "115", "CN", "zaten iptal edildi", "iptal edilemez"),
    *(A, B, N1, N2, UUID),
]
