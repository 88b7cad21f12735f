"""iletiMerkezi, simulated: future-dated SMS orders.

[D] documented, [C] seen in client code, [A] assumed. The HTTP status mirrors the
body's code, 455 and 456 included [D]. A cancel answers 455 for an unknown order, one
that is being sent, one that was sent and one already cancelled [D]; the report then
shows 115 or 455 for a cancelled one [D], and 456 for one still scheduled [D + A].
"""

from __future__ import annotations

from typing import Any, ClassVar

from sandbox.http import Reply, Request, reply
from sandbox.provider import WRONG, Asked, Provider
from sandbox.world import Order, Shares

MESSAGES = {
    200: "İşlem başarılı",
    400: "İstek çözümlenemedi",  # [A]
    401: "Üyelik bilgileri hatalı",
    404: "API istek yapılan yöntem mevcut değil",  # [A]
    422: "Sipariş numarası geçersiz",  # [A]
    455: "Sipariş bulunamadı",
    456: "Sipariş gönderim tarihi henüz gelmedi",  # [A]
    500: "Sunucu hatası",  # [A]
    503: "Sistem geçici olarak devre dışı",  # [A]
}
OPERATIONS = {
    "/v1/cancel-order/json": "cancel",
    "/v1/get-report/json": "read",
    "/v1/get-balance/json": "balance",
}
REPORTS = {"sending": 113, "finished": 114}


def _answer(code: int, **more: object) -> Reply:
    status = {"code": code, "message": MESSAGES[code]}
    return reply(code, {"response": {"status": status, **more}})


class Iletimerkezi(Provider):
    name: ClassVar[str] = "iletimerkezi"
    shares: ClassVar[Shares] = Shares(
        scheduled=80, sending=6, finished=7, missing=5, cancelled=2
    )
    ends: ClassVar[Shares] = Shares(**{"115": 1, "455": 1})
    """What the report shows of a cancelled order."""
    truths = {  # noqa: RUF012 - declared by the base
        "scheduled": "active",
        "sending": "completed",
        "finished": "completed",
        "cancelled": "cancelled",
        "missing": "missing",
    }

    def read(self, request: Request) -> Asked:
        operation = OPERATIONS.get(request.path, "other")
        body = request.json()
        data = body.get("request") if isinstance(body, dict) else None
        data = data if isinstance(data, dict) else {}
        order = data.get("order")
        named = order.get("id") if isinstance(order, dict) else None
        if operation in {"cancel", "read"} and isinstance(named, str | int):
            return Asked(operation, (str(named),), data)
        return Asked(operation, (), data)

    def act(self, asked: Asked, request: Request, now: float) -> Reply:
        if asked.operation == "other" or request.method != "POST":
            return _answer(404)
        if not asked.data:
            return _answer(400)
        if not _authentic(asked.data.get("authentication")):
            return _answer(401)
        if asked.operation == "balance":
            return _answer(200, balance={"amount": "1250.50", "sms": "8340"})
        if not asked.ids or not asked.ids[0]:
            return _answer(400)
        if not self.exists(asked.ids[0]):
            return _answer(422)
        asked.call.acted = True
        order = asked.orders[0]
        if asked.operation == "cancel":
            return self._cancel(asked, order, now)
        return self._report(order, now)

    def error(self, status: int) -> Reply:
        return _answer(status)

    def throttled(self, now: float, request: Request) -> Reply:
        """There is no 429 here: 503 is the one transient code [D]."""
        return _answer(503)

    def exists(self, name: str) -> bool:
        return name.isascii() and name.isdigit()

    def _cancel(self, asked: Asked, order: Order, now: float) -> Reply:
        if order.now(now) != "scheduled":
            return _answer(455)
        order.become("cancelled", now)
        asked.changed(order)
        return _answer(200)

    def _report(self, order: Order, now: float) -> Reply:
        state = order.now(now)
        if state == "scheduled":
            return _answer(456)
        if state == "missing" or (state == "cancelled" and order.then == "455"):
            return _answer(455)
        return _answer(200, order=_detail(order.id, REPORTS.get(state, 115)))


def _authentic(given: Any) -> bool:
    if not isinstance(given, dict):
        return False
    pair = given.get("key"), given.get("hash")
    return all(isinstance(one, str) and one not in {"", WRONG} for one in pair)


def _detail(order: str, status: int) -> dict[str, object]:
    return {
        "id": order,
        "status": status,
        "total": 1,
        "delivered": int(status == 114),
        "undelivered": int(status == 115),
        "waiting": int(status == 113),
        "submitAt": "2026-04-29 04:32:24",
        "sendAt": "2026-04-29 09:00:00",
        "message": [{"number": "+905000000000", "status": status - 3}],
    }
