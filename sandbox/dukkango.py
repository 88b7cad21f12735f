"""Dükkango, simulated: restaurant orders.

[D] documented, [C] seen in client code, [A] assumed. A cancel works from 1, 2 and
16 [D]; what it answers for an order cancelled or delivered before is [A]: a 400 whose
words, in any case and with any kind of i, name the state. ``get-current`` lists the
active orders only, every 30 s per account [D]; "acknowledged" ones are active and yet
not in it [A].
"""

from __future__ import annotations

import re
import time
from typing import ClassVar
from urllib.parse import unquote

from sandbox.http import Reply, Request, reply
from sandbox.options import Settings
from sandbox.provider import WRONG, Asked, Provider
from sandbox.tokens import Tokens
from sandbox.world import Order, Shares, World

UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
LISTED = {"received": 1, "confirmed": 2, "out": 16}
CANCEL = "/api/integrations/orders/cancel/"
CURRENT = "/api/integrations/orders/get-current"
LOGIN = "/api/integrations/auth/login"

# All [A]: what it says is not documented.
CANCELLED = (
    "Sipariş zaten iptal edilmiş",
    "SİPARİŞ DAHA ÖNCE İPTAL EDİLMİŞ",
    "Bu sipariş daha önce iptal edildi.",
    "siparis iptal edilmistir",
)
COMPLETED = (
    "Sipariş teslim edilmiş",
    "SİPARİŞ TAMAMLANMIŞ",
    "Bu sipariş tamamlandı.",
)
NEUTRAL = "Geçersiz sipariş durumu"


def _fail(status: int, error: str, message: str | None = None) -> Reply:
    body: dict[str, object] = {"status": False, "error": error}
    return reply(status, body if message is None else body | {"message": message})


class Dukkango(Provider):
    name: ClassVar[str] = "dukkango"
    shares: ClassVar[Shares] = Shares(
        received=40,
        confirmed=28,
        out=10,
        acknowledged=2,
        delivered=8,
        cancelled=5,
        missing=4,
        foreign=3,
    )
    truths = {  # noqa: RUF012 - declared by the base
        "received": "active",
        "confirmed": "active",
        "out": "active",
        "acknowledged": "active",
        "delivered": "completed",
        "cancelled": "cancelled",
        "missing": "missing",
        "foreign": "missing",
    }

    def __init__(self, settings: Settings, world: World) -> None:
        super().__init__(settings, world)
        self.tokens = Tokens()
        self._listed_at: dict[str, float] = {}

    def reset(self) -> None:
        self.tokens = Tokens()
        self._listed_at.clear()

    def expire_tokens(self) -> None:
        self.tokens.expire()

    def read(self, request: Request) -> Asked:
        if request.path.startswith(CANCEL):
            name = unquote(request.path[len(CANCEL) :])
            return Asked("cancel", (name,), request.json())
        if request.path == CURRENT:
            return Asked("read")
        if request.path == LOGIN:
            return Asked("login", (), request.json())
        return Asked("other")

    def act(self, asked: Asked, request: Request, now: float) -> Reply:
        if asked.operation == "login":
            return self._login(asked.data, now)
        token = request.header(b"access-token")
        account = self.tokens.account(token, now)
        if account is None:
            return _fail(401, "yetkisiz erişim")
        if asked.operation == "cancel" and request.method == "PUT":
            return self._cancel(asked, now)
        if asked.operation == "read" and request.method == "GET":
            return self._current(account, now)
        return _fail(404, "bulunamadı")

    def error(self, status: int) -> Reply:
        return _fail(status, "sunucu hatası", "internal error")

    def throttled(self, now: float, request: Request) -> Reply:
        """Says 30 s in its text, and, unlike the real one, may say less in a header:
        a lane need not stand still for the whole of a short test."""
        wait = max(0, round(self.settings.throttle_seconds))
        headers = f"Retry-After: {wait}\r\n" if wait != 30 else ""
        return _too_many()._replace(headers=headers)

    def exists(self, name: str) -> bool:
        return UUID.fullmatch(name) is not None

    def _login(self, data: object, now: float) -> Reply:
        names = ("app_secret_key", "rest_secret_key")
        given = data if isinstance(data, dict) else {}
        for name in names:
            if not isinstance(given.get(name), str) or not given[name]:
                return _fail(400, "eksik alan", f"{name} is required")
        if WRONG in (given[name] for name in names):
            return _fail(401, "yetkisiz erişim")
        until = now + self.settings.token_ttl
        account = "/".join(given[name] for name in names)
        token = self.tokens.issue(account, until, only=self.settings.one_token)
        return reply(
            200,
            {
                "status": True,
                "data": {"access_token": token, "expiration_date": _turkish(until)},
            },
        )

    def _current(self, account: str, now: float) -> Reply:
        if now < self._listed_at.get(account, 0.0) + self.settings.cooldown:
            return _too_many()
        self._listed_at[account] = now
        orders = self.world.orders[self.name].values()
        states = ((one.id, LISTED.get(one.now(now))) for one in orders)
        rows = [{"payment_key": i, "status_id": s} for i, s in states if s]
        return reply(200, {"status": True, "data": rows})

    def _cancel(self, asked: Asked, now: float) -> Reply:
        refused = _bad_reason(asked.data)
        if refused is not None:
            return refused
        asked.call.acted = True
        order = asked.orders[0]
        state = order.now(now)
        if not self.exists(order.id) or state == "foreign":
            return _fail(403, "URL hatalı")
        if state == "missing":
            return _fail(404, "sipariş bulunamadı")
        if state in {"cancelled", "delivered"}:
            return self._too_late(order, state)
        order.become("cancelled", now)
        asked.changed(order)
        return reply(200, {"status": True, "data": "OK"})

    def _too_late(self, order: Order, state: str) -> Reply:
        number = self.chance(order.id, "text")
        texts = CANCELLED if state == "cancelled" else COMPLETED
        text = texts[number % len(texts)]
        if number // 7 % 1000 < self.settings.neutral_share * 1000:
            text = NEUTRAL
        # The message is sometimes absent [D]: then the words are the error's.
        if number // 3 % 2:
            return _fail(400, text)
        return _fail(400, "geçersiz istek", text)


def _too_many() -> Reply:
    return _fail(429, "çok fazla istek", "Lütfen 30 saniye bekleyin")


def _bad_reason(data: object) -> Reply | None:
    reason = data.get("reason_id") if isinstance(data, dict) else None
    if reason is None:
        return _fail(400, "eksik alan", "reason_id is required")
    if type(reason) is not int or not 1 <= reason <= 8:
        return _fail(400, "eksik alan", "reason_id must be between 1 and 8")  # [A]
    return None


def _turkish(at: float) -> str:
    """Turkish time, without an offset [A]."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at + 3 * 3600))
