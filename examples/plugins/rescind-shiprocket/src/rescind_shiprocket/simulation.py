"""Simulates Shiprocket: orders and AWBs, and a login whose token expires, for tests and
for ``rescind demo --provider shiprocket``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from rescind.sandbox import (
    Call,
    Notes,
    Order,
    Reply,
    Request,
    Settings,
    Simulation,
    Tokens,
    json_reply,
)

ROOT = "/v1/external/"
SHOW = re.compile(r"orders/show/(?P<id>[0-9]{1,18})")
ORDER_CODES = {
    "new": (1, "NEW"),
    "scheduled": (4, "PICKUP SCHEDULED"),
    "shipped": (6, "SHIPPED"),
    "delivered": (7, "DELIVERED"),
    "canceled": (5, "CANCELED"),
}
AWB_CODES = {
    "new": (1, "AWB Assigned"),
    "scheduled": (3, "Pickup Generated"),
    "shipped": (6, "Shipped"),
    "delivered": (7, "Delivered"),
    "canceled": (8, "Canceled"),
}
TAKEN_ON = "Bulk Shipment cancellation is in progress. Please wait for some time."
CANCELLABLE = frozenset({"new", "scheduled"})


class ShiprocketSimulation(Simulation):
    name: ClassVar[str] = "shiprocket"
    credentials: ClassVar[Mapping[str, str]] = {
        "email": "api@shop.example",
        "password": "sandbox-password",
    }
    demo_policy: ClassVar[Mapping[str, object]] = {"rate": "100/second"}
    tokens: Tokens
    truths: ClassVar[Mapping[str, str]] = {
        "new": "active",
        "scheduled": "active",
        "shipped": "completed",
        "delivered": "completed",
        "canceled": "cancelled",
        "missing": "missing",
    }
    cancellable: ClassVar[Mapping[str, int]] = {"new": 2, "scheduled": 1}
    others: ClassVar[Mapping[str, int]] = {
        "shipped": 3,
        "delivered": 2,
        "canceled": 2,
        "missing": 1,
    }
    batches: ClassVar[bool] = True
    row_faults: ClassVar[frozenset[str]] = frozenset({"row_missing", "row_dropped"})
    id_pattern: ClassVar[re.Pattern[str]] = re.compile(r"(?:order|awb):[0-9A-Za-z-]+")
    id_form: ClassVar[str] = "order: and an order id, or awb: and an AWB"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.tokens = Tokens(64)

    @classmethod
    def example(cls, number: int) -> Mapping[str, Any]:
        if number % 2:
            return {"order": f"awb:1411232{number:08}"}
        return {"order": f"order:{16_000_000 + number}"}

    def open(self, request: Request, path: str) -> Call | None:
        path = path.removeprefix(ROOT)
        if shown := SHOW.fullmatch(path):
            return self._opened(request, "read", [f"order:{shown['id']}"], self._show)
        if request.method != "POST":
            return None
        if path == "auth/login":
            return Call("login", (), partial(self._login, request))
        found = {
            "orders/cancel": ("cancel", "ids", "order:", self._cancel_orders),
            "orders/cancel/shipment/awbs": ("cancel", "awbs", "awb:", self._cancel),
            "courier/track/awbs": ("read", "awbs", "awb:", self._track),
        }.get(path)
        if found is None:
            return None
        op, field, kind, run = found
        listed = request.json().get(field)
        ids = [f"{kind}{one}" for one in listed] if isinstance(listed, list) else []
        return self._opened(request, op, ids, run)

    def throttled(self) -> Reply:
        return _error(429, "Too Many Requests", ("Retry-After", "1"))

    def no_such_call(self) -> Reply:
        return _error(404, "404 Not Found")

    def reset(self) -> None:
        super().reset()
        self.tokens.reset()

    def _opened(self, request: Request, op: str, ids: Sequence[str], run: Any) -> Call:
        # The probe asks for an order that no one has: it gets no record.
        known = [one for one in ids if one != "order:0"]
        return Call(op, known, partial(self._checked, request, known, run))

    def _checked(
        self, request: Request, ids: Sequence[str], run: Any, notes: Notes
    ) -> Reply:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not self.tokens.accepts(token, notes.now):
            return _error(401, "Token has expired")
        reply: Reply = run([self.order(one, notes.now) for one in ids], notes)
        return reply

    def _login(self, request: Request, notes: Notes) -> Reply:
        given = (request.json().get("email"), request.json().get("password"))
        if not all(given) or "wrong" in given:
            return _error(400, "Invalid email and password combination")
        ends = notes.now + self.settings.token_seconds
        token = self.tokens.issue(ends, self.settings.token_prefix)
        return json_reply(200, {"id": 1, "company_id": 1, "token": token})

    def _cancel_orders(self, orders: Sequence[Order], notes: Notes) -> Reply:
        """Order after order: one that does not exist fails the rest of the call."""
        if any(one.state in ("shipped", "delivered") for one in orders):
            return _error(400, "Cannot cancel a shipped order")
        for order in orders:
            if order.state == "missing":
                return _error(500, "Trying to get property of non-object")
            if order.state in CANCELLABLE and order.id != notes.drop:
                notes.acted.add(order.id)
                order.state, order.changed = "canceled", notes.now
        return Reply(204, b"")

    def _cancel(self, orders: Sequence[Order], notes: Notes) -> Reply:
        """AWBs are only taken on: what cannot be cancelled is silently dropped."""
        for order in orders:
            cancellable = order.state in CANCELLABLE and not order.dues
            if cancellable and order.id != notes.drop:
                notes.acted.add(order.id)
                order.change_later("canceled", notes.now + self.settings.settle)
                order.changed = notes.now
        return json_reply(200, {"message": TAKEN_ON})

    def _track(self, orders: Sequence[Order], notes: Notes) -> Reply:
        entries: dict[str, Any] = {}
        for order in orders:
            if order.state == "missing" or order.id == notes.skip:
                continue
            code, words = AWB_CODES[order.state]
            if order.dues:
                code, words = 16, "Cancellation Requested"
            notes.active[order.id] = code not in (8, 16)
            awb = order.id.partition(":")[2]
            row = {"awb_code": awb, "current_status": words}
            tracked = {"track_status": 1, "shipment_status": code}
            entries[awb] = {"tracking_data": {**tracked, "shipment_track": [row]}}
        return json_reply(200, entries)

    def _show(self, orders: Sequence[Order], notes: Notes) -> Reply:
        if not orders or orders[0].state == "missing":
            return _error(400, "Order ID not found")
        order = orders[0]
        code, words = ORDER_CODES[order.state]
        notes.active[order.id] = order.state != "canceled"
        number = int(order.id.partition(":")[2])
        shown = {"id": number, "status": words, "status_code": code}
        return json_reply(200, {"data": {**shown, "customer_name": "Ann"}})


def _error(status: int, words: str, *headers: tuple[str, str]) -> Reply:
    return json_reply(status, {"message": words, "status_code": status}, *headers)
