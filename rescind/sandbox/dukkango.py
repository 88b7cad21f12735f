"""Simulates Dükkango: restaurant orders with a UUID, and a token that expires."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from typing import Any, ClassVar

from rescind.sandbox.login_tokens import Tokens
from rescind.sandbox.orders import Order
from rescind.sandbox.raw_http import Reply, Request, json_reply
from rescind.sandbox.sandbox_settings import Settings
from rescind.sandbox.simulation import Call, Notes, Simulation

ROOT = "/api/integrations/"
CANCEL = ROOT + "orders/cancel/"
TURKISH_TIME = timezone(timedelta(hours=3))
UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CURRENT = {"received": 1, "confirmed": 2, "out": 16}
"""The states that get-current lists, with their numbers; all can be cancelled."""


class Dukkango(Simulation):
    name: ClassVar[str] = "dukkango"
    credentials: ClassVar[Mapping[str, str]] = {
        "app_secret_key": "sandbox-app-secret",
        "rest_secret_key": "sandbox-restaurant-secret",
    }
    demo_policy: ClassVar[Mapping[str, object]] = {
        "rate": "60/second",
        "read_rate": "1/4 second",
        "concurrency": 8,
    }
    repeats_are_harmless: ClassVar[bool] = True
    tokens: Tokens
    truths: ClassVar[Mapping[str, str]] = {
        "received": "active",
        "confirmed": "active",
        "out": "active",
        "delivered": "completed",
        "cancelled": "cancelled",
        "missing": "missing",
        # An order of another restaurant: for this one it does not exist.
        "foreign": "missing",
    }
    cancellable: ClassVar[Mapping[str, int]] = {"received": 4, "confirmed": 3, "out": 2}
    others: ClassVar[Mapping[str, int]] = {
        "delivered": 4,
        "cancelled": 3,
        "missing": 3,
        "foreign": 2,
    }
    id_pattern: ClassVar[re.Pattern[str]] = re.compile(UUID.pattern, re.IGNORECASE)
    id_form: ClassVar[str] = "a UUID"

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.tokens = Tokens(64)
        self._current: dict[str, Order] = {}
        self._asked: dict[str, float] = {}

    def key(self, order_id: str) -> str:
        return order_id.lower()

    @classmethod
    def example(cls, number: int) -> Mapping[str, Any]:
        return {
            "order": f"00000000-0000-4000-8000-{number:012}",
            "params": {"reason_id": 1 + number % 8},
        }

    def open(self, request: Request, path: str) -> Call | None:
        if path == ROOT + "auth/login" and request.method == "POST":
            return Call("login", (), partial(self._login, request))
        token = request.headers.get("access-token", "")
        if path == ROOT + "orders/get-current" and request.method == "GET":
            return Call("read", (), partial(self._get_current, token))
        if path.startswith(CANCEL) and request.method == "PUT":
            order_id = self.key(path.removeprefix(CANCEL))
            ids = (order_id,) if UUID.fullmatch(order_id) else ()
            return Call("cancel", ids, partial(self._cancel, request, token, order_id))
        return None

    def throttled(self) -> Reply:
        return _error(429, "çok fazla istek", None, ("Retry-After", "1"))

    def no_such_call(self) -> Reply:
        return _error(404, "sayfa bulunamadı", None)

    def prepare(self, order: Order) -> None:
        self._current.pop(order.id, None)
        if order.state in CURRENT:
            self._current[order.id] = order

    def reset(self) -> None:
        super().reset()
        self.tokens.reset()
        self._current.clear()
        self._asked.clear()

    def _login(self, request: Request, notes: Notes) -> Reply:
        body = request.json()
        secrets = (body.get("app_secret_key"), body.get("rest_secret_key"))
        if not all(secrets):
            return _error(400, "eksik alan", "app_secret_key, rest_secret_key required")
        if "wrong" in secrets:
            return _error(401, "yetkisiz erişim", "Invalid secret key")
        ends = notes.now + self.settings.token_seconds
        # The provider writes Turkish time without an offset.
        written = datetime.fromtimestamp(ends, UTC).astimezone(TURKISH_TIME)
        data = {
            "access_token": self.tokens.issue(ends, self.settings.token_prefix),
            "expiration_date": written.strftime("%Y-%m-%d %H:%M:%S"),
        }
        return json_reply(200, {"status": True, "data": data})

    def _get_current(self, token: str, notes: Notes) -> Reply:
        if not self.tokens.accepts(token, notes.now):
            return _unauthorised()
        last = self._asked.get(token)
        if last is not None and notes.now - last < self.settings.cooldown:
            notes.throttled = True
            return _error(429, "çok fazla istek", "Please wait 30 seconds")
        self._asked[token] = notes.now
        rows = []
        for key, order in self._current.items():
            notes.active[key] = True
            rows.append({"payment_key": key, "status_id": CURRENT[order.state]})
        return json_reply(200, {"status": True, "data": rows})

    def _cancel(
        self, request: Request, token: str, order_id: str, notes: Notes
    ) -> Reply:
        if not self.tokens.accepts(token, notes.now):
            return _unauthorised()
        if not UUID.fullmatch(order_id):
            return _error(403, "URL hatalı", None)
        reason = request.json().get("reason_id")
        if reason is None:
            return _error(400, "eksik alan", "reason_id is required")
        if isinstance(reason, bool) or reason not in range(1, 9):
            return _error(400, "hatalı alan", "reason_id must be between 1 and 8")
        return self._cancel_order(self.order(order_id, notes.now), notes)

    def _cancel_order(self, order: Order, notes: Notes) -> Reply:
        if order.state == "missing":
            return _error(404, "sipariş bulunamadı", None)
        if order.state == "foreign":
            return _error(403, "URL hatalı", "Order does not belong to you")
        if order.state == "cancelled":
            return _error(400, "hatalı istek", "sipariş zaten iptal edildi")
        if order.state == "delivered":
            return _error(400, "hatalı istek", "sipariş teslim edildi")
        order.state, order.changed = "cancelled", notes.now
        del self._current[order.id]
        notes.acted.add(order.id)
        return json_reply(200, {"status": True, "data": "OK"})


def _unauthorised() -> Reply:
    return _error(401, "yetkisiz erişim", "Invalid or expired access token")


def _error(
    status: int, error: str, message: str | None, *headers: tuple[str, str]
) -> Reply:
    document = {"status": False, "error": error}
    if message is not None:
        document["message"] = message
    return json_reply(status, document, *headers)
