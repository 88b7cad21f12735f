"""Simulates iletiMerkezi: scheduled SMS orders. Codes are HTTP status and body code."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from rescind.sandbox.orders import Order
from rescind.sandbox.raw_http import Reply, Request, json_reply
from rescind.sandbox.simulation import Call, Notes, Simulation

WORDS = {
    200: "İşlem başarılı",
    400: "İstek çözümlenemedi",
    401: "Üyelik bilgileri hatalı",
    404: "API istek yapılan yönteme sahip değil",
    422: "Geçersiz sipariş numarası",
    455: "Sipariş bulunamadı",
    456: "Sipariş gönderim tarihi henüz gelmedi",
    503: "Sunucu geçici olarak servis dışıdır",
}
REPORTED = {"sending": 113, "finished": 114}


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

    def open(self, request: Request, path: str) -> Call | None:
        found = {
            "/v1/cancel-order/json": ("cancel", self._cancel),
            "/v1/get-report/json": ("read", self._report),
            "/v1/get-balance/json": ("probe", self._balance),
        }.get(path)
        if found is None or request.method != "POST":
            return None
        op, method = found
        asked = _object(request.json().get("request"))
        named = _object(asked.get("order")).get("id")
        plain = isinstance(named, str | int) and not isinstance(named, bool)
        order_id = str(named) if plain and op != "probe" else ""
        run = partial(self._checked, asked, op, order_id, method)
        return Call(op, [order_id] if order_id else [], run)

    def throttled(self) -> Reply:
        return self.broken(503)

    def broken(self, status: int) -> Reply:
        return _status(503) if status == 503 else super().broken(status)

    def no_such_call(self) -> Reply:
        return _status(404)

    def _checked(
        self, asked: dict[str, Any], op: str, order_id: str, method: Any, notes: Notes
    ) -> Reply:
        if not asked:
            return _status(400)
        login = _object(asked.get("authentication"))
        secrets = (login.get("key"), login.get("hash"))
        if not all(secrets) or "wrong" in secrets:
            return _status(401)
        if op == "probe":
            return self._balance()
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
        return _status(200, order=_report_of(order.id, status))

    def _after_cancel(self, order: Order) -> int:
        by_hash = 115 if self.share(order, "report") < 0.5 else 455
        return int(order.options.get("report", by_hash))

    def _balance(self, *_: object) -> Reply:
        return _status(200, balance={"amount": "1250.00", "sms": "48210"})


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _status(code: int, **rest: object) -> Reply:
    status = {"code": code, "message": WORDS[code]}
    return json_reply(code, {"response": {"status": status, **rest}})


def _report_of(order_id: str, status: int) -> dict[str, Any]:
    done = status == 114
    return {
        "id": order_id,
        "status": status,
        "total": 1,
        "delivered": int(done),
        "undelivered": int(status == 115),
        "waiting": int(status == 113),
        "submitAt": "2026-04-29 04:32:24",
        "sendAt": "2026-04-29 09:00:00",
        "message": [{"number": "+905320000000", "status": 111 if done else 110}],
    }
