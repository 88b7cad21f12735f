"""iThink, simulated: shipments by AWB.

[D] documented, [C] seen in client code, [A] assumed. Every error is an HTTP 200 whose
body says so [C]. Rows stand by position, with ``refnum``, the merchant's number, and
never the AWB [D + A]; the casing of their ``status`` varies [C]. Tracking lags behind
a cancel that worked [C].
"""

from __future__ import annotations

import json
from typing import Any, ClassVar

from sandbox.http import Reply, Request, reply
from sandbox.provider import WRONG, Asked, Provider
from sandbox.world import Order, Shares

OPERATIONS = {
    "/api_v3/order/cancel.json": ("cancel", "awb_numbers", 100),
    "/api_v3/order/track.json": ("read", "awb_number_list", 10),
}
TRACKED = {
    "manifested": ("Manifested", "UD"),
    "not_picked": ("Not Picked", "UD"),
    "picked": ("Picked Up", "UD"),
    "in_transit": ("In Transit", "UD"),
    "delivered": ("Delivered", "DL"),
    "rto": ("RTO In Transit", "RT"),
    "cancelled": ("Cancelled", "CN"),
}
REMARKS = {  # all [A]
    "missing": "AWB Number Not Found.",
    "picked": "Shipment already picked up, can not be cancelled.",
    "in_transit": "Shipment is in transit, can not be cancelled.",
    "delivered": "Shipment already delivered.",
    "rto": "Shipment is in RTO.",
    "cancelled": "Shipment is already cancelled.",
}
GOOD = ("Success", "success")
BAD = ("error", "Failed", "Error")
LARGEST = 100


def _error(message: str) -> Reply:
    return reply(
        200,
        {
            "status": "error",
            "status_code": 200,
            "message": message,
            "html_message": f"<p class='error'>{message}</p>",
        },
    )


class Ithink(Provider):
    name: ClassVar[str] = "ithink"
    shares: ClassVar[Shares] = Shares(
        manifested=62,
        not_picked=18,
        picked=4,
        in_transit=5,
        delivered=4,
        rto=1,
        cancelled=3,
        missing=3,
    )
    truths = {  # noqa: RUF012 - declared by the base
        "manifested": "active",
        "not_picked": "active",
        "picked": "completed",
        "in_transit": "completed",
        "delivered": "completed",
        "rto": "completed",
        "cancelled": "cancelled",
        "missing": "missing",
    }

    def read(self, request: Request) -> Asked:
        operation, field, _ = OPERATIONS.get(request.path, ("other", "", 0))
        body = request.json()
        data = body.get("data") if isinstance(body, dict) else None
        data = data if isinstance(data, dict) else {}
        listed = data.get(field)
        text = listed if isinstance(listed, str) else ""
        ids = [one.strip() for one in text.split(",")] if text.strip() else []
        return Asked(operation, ids, data, request.path)

    def act(self, asked: Asked, request: Request, now: float) -> Reply:
        if asked.operation == "other" or request.method != "POST":
            return reply(404, {"status": "error", "status_code": 404, "message": ""})
        if not _authentic(asked.data):
            return _error("Access Token Not Match.")
        refused = self._refusal(asked)
        if refused is not None:
            return _error(refused)
        asked.call.acted = True
        if asked.operation == "read":
            return self._track(asked, now)
        return self._answer([self._cancel(asked, one, now) for one in asked.orders])

    def error(self, status: int) -> Reply:
        return reply(status, {"status": "error", "status_code": status, "message": ""})

    def exists(self, name: str) -> bool:
        return name.isascii() and name.isalnum() and not name.startswith("BAD")

    def without_row(self, answer: Reply, number: int) -> Reply | None:
        body = json.loads(answer.body)
        data = body.get("data")
        if not data or len(data) < 2:
            return None
        keys = list(range(len(data))) if isinstance(data, list) else list(data)
        del data[keys[number % len(keys)]]
        return reply(answer.status, body)

    def _refusal(self, asked: Asked) -> str | None:
        """Why the batch is refused as a whole; one bad AWB can do that [A]."""
        _, field, most = OPERATIONS[asked.path]
        if not asked.ids:
            return f"{field} is required."
        cancels = asked.operation == "cancel"
        if cancels and any(one.startswith("BAD") for one in asked.ids):
            return "Invalid AWB Number."
        if self.settings.only_marked_refusals:
            return None
        if len(asked.ids) > most:
            return f"You can not send more than {most} AWB Numbers."
        return "Invalid AWB Number." if cancels and "" in asked.ids else None

    def _cancel(self, asked: Asked, order: Order, now: float) -> dict[str, str]:
        state = order.now(now)
        number = self.chance(order.id, "row")
        if state in {"manifested", "not_picked"}:
            order.become("cancelled", now)
            asked.changed(order)
            return _row(GOOD[number % 2], "", number)
        # A second cancel: unknown; one client says that nothing happens [C].
        if state == "cancelled" and number // 2 % 2:
            return _row(GOOD[number % 2], "", number)
        return _row(BAD[number % 3], REMARKS[state], number)

    def _answer(self, rows: list[dict[str, str]]) -> Reply:
        remarks = [row["remark"] for row in rows if row["remark"]]
        html = f"<ul><li>{'</li><li>'.join(remarks)}</li></ul>" if remarks else ""
        first = 0 if self.settings.row_keys == "zero" else 1
        keyed = {str(number): row for number, row in enumerate(rows, first)}
        data: object = rows if self.settings.row_keys == "array" else keyed
        body = {"status": "success", "status_code": 200, "html_message": html}
        return reply(200, {**body, "data": data})

    def _track(self, asked: Asked, now: float) -> Reply:
        rows: dict[str, Any] = {}
        for order in asked.orders:
            state = self._tracked(order, now)
            if state != "missing":
                rows[order.id] = _scan(order.id, *TRACKED[state])
        body = {"status_code": 200, "status": "success", "data": rows or []}
        return reply(200, body)

    def _tracked(self, order: Order, now: float) -> str:
        state = order.now(now)
        lagging = state == "cancelled" and order.was
        return order.was if lagging and now < order.due + self.settings.lag else state


def _authentic(data: dict[str, Any]) -> bool:
    pair = data.get("access_token"), data.get("secret_key")
    return all(isinstance(one, str) and one not in {"", WRONG} for one in pair)


def _row(status: str, remark: str, number: int) -> dict[str, str]:
    return {"status": status, "remark": remark, "refnum": f"GK{number % 10**6:06d}"}


def _scan(awb: str, status: str, code: str) -> dict[str, object]:
    return {
        "message": "success",
        "awb_no": awb,
        "current_status": status,
        "current_status_code": code,
        "scan_details": [],
    }
