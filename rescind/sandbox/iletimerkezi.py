"""Simulates iletiMerkezi: scheduled SMS orders. Codes are HTTP status and body code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from time import time
from typing import Any, ClassVar

from rescind.sandbox.iletimerkezi_send import SendRefusedError, sms_of, turkish
from rescind.sandbox.order_options import NUMBER, Option, one_of
from rescind.sandbox.orders import Order
from rescind.sandbox.raw_http import Reply, Request, json_reply
from rescind.sandbox.sandbox_settings import Settings
from rescind.sandbox.simulation import Call, Notes, Simulation

WORDS = {
    200: "İşlem başarılı",
    400: "İstek çözümlenemedi",
    401: "Üyelik bilgileri hatalı",
    404: "API istek yapılan yönteme sahip değil",
    422: "Geçersiz sipariş numarası",
    450: "Gönderilen başlık kullanıma uygun değil",
    452: "Mesaj alıcıları hatalı",
    454: "Mesaj metni boş",
    455: "Sipariş bulunamadı",
    456: "Sipariş gönderim tarihi henüz gelmedi",
    457: "Mesaj gönderim tarihinin formatı hatalı",
    503: "Sunucu geçici olarak servis dışıdır",
}
REPORTED = {"sending": 113, "finished": 114}
OF_ORDERS = frozenset({"cancel", "read"})
FIRST_ID = 312_891_245
"""The id of the first order that ``send-sms`` makes."""
SAMPLE = {"numbers": ["+905320000000"], "submit_at": 1777426344.0}
"""What a report shows of an order that was not made by ``send-sms``."""


class IletiMerkezi(Simulation):
    name: ClassVar[str] = "iletimerkezi"
    credentials: ClassVar[Mapping[str, str]] = {
        "key": "sandbox-key",
        "hash": "sandbox-hash",
    }
    demo_policy: ClassVar[Mapping[str, object]] = {"rate": "100/second"}
    forgotten_status: ClassVar[int | None] = 455
    truths: ClassVar[Mapping[str, str]] = {
        "scheduled": "active",
        "sending": "completed",
        "finished": "completed",
        "cancelled": "cancelled",
        "missing": "missing",
    }
    cancellable: ClassVar[Mapping[str, int]] = {"scheduled": 1}
    others: ClassVar[Mapping[str, int]] = {
        "sending": 3,
        "finished": 4,
        "cancelled": 2,
        "missing": 3,
    }
    id_pattern: ClassVar[re.Pattern[str]] = re.compile(r"[0-9]+")
    id_form: ClassVar[str] = "digits"
    order_options: ClassVar[Mapping[str, Option]] = {
        "report": one_of(115, 455),
        "send_in": NUMBER,
    }

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._sent = 0

    def open(self, request: Request, path: str) -> Call | None:
        found = {
            "/v1/cancel-order/json": ("cancel", self._cancel),
            "/v1/get-report/json": ("read", self._report),
            "/v1/get-balance/json": ("probe", self._balance),
            "/v1/get-sender/json": ("other", self._senders),
            "/v1/send-sms/json": ("create", self._send),
        }.get(path)
        if found is None or request.method != "POST":
            return None
        op, method = found
        asked = _object(request.json().get("request"))
        named = _object(asked.get("order")).get("id")
        plain = isinstance(named, str | int) and not isinstance(named, bool)
        order_id = str(named) if plain and op in OF_ORDERS else ""
        run = partial(self._checked, asked, op, order_id, method)
        return Call(op, [order_id] if order_id else [], run)

    def throttled(self) -> Reply:
        return self.broken(503)

    def broken(self, status: int) -> Reply:
        return _status(503) if status == 503 else super().broken(status)

    def no_such_call(self) -> Reply:
        return _status(404)

    # --- orders ---

    def seed(self, order_id: str, state: str, options: Mapping[str, Any]) -> None:
        if "send_in" in options:
            options = {**options, "send_at": time() + options["send_in"]}
        super().seed(order_id, state, options)

    def order(self, order_id: str, now: float) -> Order:
        order = super().order(order_id, now)
        self._send_if_due(order, now)
        return order

    def truth(self, order: Order, now: float) -> str:
        self._send_if_due(order, now)
        return super().truth(order, now)

    def reset(self) -> None:
        super().reset()
        self._sent = 0

    def _send_if_due(self, order: Order, now: float) -> None:
        send_at = order.options.get("send_at", now + 1)
        if now >= send_at and order.state in ("scheduled", "sending"):
            under_way = now < send_at + self.settle(order)
            order.state = "sending" if under_way else "finished"

    # --- calls ---

    def _checked(
        self, asked: dict[str, Any], op: str, order_id: str, method: Any, notes: Notes
    ) -> Reply:
        if not asked:
            return _status(400)
        login = _object(asked.get("authentication"))
        secrets = (login.get("key"), login.get("hash"))
        if not all(secrets) or "wrong" in secrets:
            return _status(401)
        if op not in OF_ORDERS:
            answer: Reply = method(asked, notes)
            return answer
        if not order_id.isdecimal():
            return _status(422)
        reply: Reply = method(self.order(order_id, notes.now), notes)
        return reply

    def _cancel(self, order: Order, notes: Notes) -> Reply:
        if order.state != "scheduled":
            return _status(455)
        order.state, order.changed = "cancelled", notes.now
        notes.acted.add(order.id)
        return _status(200)

    def _report(self, order: Order, notes: Notes) -> Reply:
        notes.active[order.id] = order.state in ("scheduled", "sending", "finished")
        if order.state == "scheduled":
            return _status(456)
        status = REPORTED.get(order.state) or self._after_cancel(order)
        if order.state == "missing" or status == 455:
            return _status(455)
        return _status(200, order=_report_of(order, status))

    def _after_cancel(self, order: Order) -> int:
        by_hash = 115 if self.share(order, "report") < 0.5 else 455
        return int(order.options.get("report", by_hash))

    def _balance(self, *_: object) -> Reply:
        return _status(200, balance={"amount": "1250.00", "sms": "48210"})

    def _senders(self, *_: object) -> Reply:
        return _status(200, senders={"sender": ["SANDBOX"]})

    def _send(self, asked: dict[str, Any], notes: Notes) -> Reply:
        try:
            sms = sms_of(_object(asked.get("order")), notes.now)
        except SendRefusedError as error:
            return _status(error.code)
        order_id = str(FIRST_ID + self._sent)
        self._sent += 1
        self.seed(order_id, "scheduled", sms.options)
        notes.active[order_id] = True
        return _status(200, order={"id": order_id})


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _status(code: int, **rest: object) -> Reply:
    status = {"code": code, "message": WORDS[code]}
    return json_reply(code, {"response": {"status": status, **rest}})


def _report_of(order: Order, status: int) -> dict[str, Any]:
    shown = {**SAMPLE, **order.options}
    total, sent_at = len(shown["numbers"]), shown.get("send_at", shown["submit_at"])
    each = {113: 110, 114: 111}.get(status, 112)
    return {
        "id": order.id,
        "status": status,
        "total": total,
        "delivered": total if status == 114 else 0,
        "undelivered": total if status == 115 else 0,
        "waiting": total if status == 113 else 0,
        "submitAt": turkish(shown["submit_at"]),
        "sendAt": turkish(sent_at),
        "message": [{"number": one, "status": each} for one in shown["numbers"]],
    }
