"""notpanel, simulated: SMM panel orders.

[D] documented, [C] seen in client code, [A] assumed. A cancel is done at once for a
pending order and only queued for one in flight, and the answer is the same [D]. There
is no 401 and no 404 [D]; that a bad key answers 403 with a text that names it is [A].
Every answer counts against the key's window and says so in its headers [D].
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qs

from sandbox.http import Reply, Request, reply
from sandbox.options import Settings
from sandbox.provider import WRONG, Asked, Provider
from sandbox.world import Order, Shares, World

GOOD_ID = re.compile(r"(?!ord_bad)[A-Za-z0-9_-]+")
LARGEST = 100
FINAL = {"completed", "cancelled", "refunded", "partial"}
# in_progress is the only spelling documented [D]; the others vary [A].
SPELLINGS = {
    "cancelled": ("cancelled", "Canceled", "canceled"),
    "partial": ("partial",),
}


class Notpanel(Provider):
    name: ClassVar[str] = "notpanel"
    shares: ClassVar[Shares] = Shares(
        pending=45,
        in_progress=35,
        completed=7,
        cancelled=3,
        refunded=2,
        partial=1,
        unsupported=4,
        missing=3,
    )
    ends: ClassVar[Shares] = Shares(cancelled=80, partial=14, completed=6)
    truths = {  # noqa: RUF012 - declared by the base
        "pending": "active",
        "in_progress": "active",
        "cancelling": "cancelling",
        "completed": "completed",
        "cancelled": "cancelled",
        "refunded": "cancelled",
        "partial": "partial",
        "unsupported": "unsupported",
        "missing": "missing",
    }

    def __init__(self, settings: Settings, world: World) -> None:
        super().__init__(settings, world)
        self._windows: dict[str, tuple[float, int]] = {}

    def reset(self) -> None:
        self._windows.clear()

    def read(self, request: Request) -> Asked:
        form = _form(request)
        operation = {"cancel": "cancel", "status": "read"}.get(form.get("action", ""))
        if request.path.rstrip("/") != "/api/v2" or operation is None:
            return Asked("other", (), form, request.path)
        listed = form["orders"].split(",") if form.get("orders") else []
        ids = [form["order"]] if form.get("order") else listed
        return Asked(operation, [one.strip() for one in ids], form, request.path)

    def act(self, asked: Asked, request: Request, now: float) -> Reply:
        if request.method != "POST" or asked.path.rstrip("/") != "/api/v2":
            return _error("Invalid request")
        key = asked.data.get("key", "")
        allowed, headers = self._count(key, now)
        if not allowed:
            denied = "X-RateLimit-DeniedBy: key\r\n"
            return _error("Too many requests", 429)._replace(headers=headers + denied)
        return self._decide(asked, key, now)._replace(headers=headers)

    def error(self, status: int) -> Reply:
        words = {429: "Too many requests", 500: "Internal server error"}
        return _error(words[status], status)

    def throttled(self, now: float, request: Request) -> Reply:
        reset = math.ceil(now + self.settings.throttle_seconds)
        limit = self.settings.notpanel_limit
        headers = (
            f"X-RateLimit-Limit: {limit}\r\nX-RateLimit-Remaining: 0\r\n"
            f"X-RateLimit-Reset: {reset}\r\nX-RateLimit-DeniedBy: tier\r\n"
        )
        return self.error(429)._replace(headers=headers)

    def exists(self, name: str) -> bool:
        return GOOD_ID.fullmatch(name) is not None

    def without_row(self, answer: Reply, number: int) -> Reply | None:
        body = json.loads(answer.body)
        if answer.status != 200 or len(body) < 2 or "status" in body:
            return None
        keys = list(body) if isinstance(body, dict) else list(range(len(body)))
        del body[keys[number % len(keys)]]
        return reply(answer.status, body)._replace(headers=answer.headers)

    def _count(self, key: str, now: float) -> tuple[bool, str]:
        """One call of the key's window; false when there was none left."""
        began, used = self._windows.get(key, (now, 0))
        if now >= began + self.settings.notpanel_window:
            began, used = now, 0
        limit = self.settings.notpanel_limit
        self._windows[key] = (began, used + 1)
        headers = (
            f"X-RateLimit-Limit: {limit}\r\n"
            f"X-RateLimit-Remaining: {max(0, limit - used - 1)}\r\n"
        )
        if used < limit:
            return True, headers
        reset = math.ceil(began + self.settings.notpanel_window)
        return False, f"{headers}X-RateLimit-Reset: {reset}\r\n"

    def _decide(self, asked: Asked, key: str, now: float) -> Reply:
        if key in {"", WRONG}:
            return _error("Invalid API key", 403)
        if key == "suspended":
            return _error("Account suspended", 403)
        refused = self._refusal(asked)
        if refused is not None:
            return _error(refused)
        asked.call.acted = True
        each = self._cancel if asked.operation == "cancel" else self._status
        rows = [(one.id, each(asked, one, now)) for one in asked.orders]
        if asked.data.get("order"):
            row = rows[0][1]
            return reply(400 if "error" in row else 200, row)
        if asked.operation == "read":
            return reply(200, dict(rows))
        return reply(200, [{"order": name, **row} for name, row in rows])

    def _refusal(self, asked: Asked) -> str | None:
        """Why the call is refused as a whole; one bad id can do that [A]."""
        form = asked.data
        if asked.operation == "other":
            return "Invalid action"
        if bool(form.get("order")) == bool(form.get("orders")):
            return "Either order or orders is required, not both"
        marked = [one for one in asked.ids if one and not self.exists(one)]
        if marked and asked.operation == "cancel":
            return f"Invalid order ID: {marked[0][:80]}"
        if self.settings.only_marked_refusals:
            return None
        if len(asked.ids) > LARGEST:
            return f"A maximum of {LARGEST} orders is allowed"
        return "Invalid order ID" if "" in asked.ids else None

    def _cancel(self, asked: Asked, order: Order, now: float) -> dict[str, Any]:
        state = order.now(now)
        if state == "missing":
            return {"error": "Order not found"}
        if state == "unsupported":
            return {"error": "Service does not support cancellation"}
        if state in FINAL:
            return {"error": f"Order cannot be cancelled (already {state})"}
        if state != "cancelling":  # asked for again while queued: no harm [A]
            self._take_on(order, state, now)
            asked.changed(order)
        return {"cancel": order.id}

    def _take_on(self, order: Order, state: str, now: float) -> None:
        if state == "pending":
            order.become("cancelled", now)
            return
        order.become("cancelling", now)
        order.later(order.then, now + self.settings.settle)

    def _status(self, asked: Asked, order: Order, now: float) -> dict[str, Any]:
        state = order.now(now)
        if state == "missing":
            return {"error": "Order not found"}
        number = self.chance(order.id, "status")
        words = SPELLINGS.get(state, (state,))
        word = words[number % len(words)]
        if state in {"cancelling", "unsupported"}:
            word = "in_progress"
        return {
            "status": word,
            "charge": "0.50",
            "start_count": str(number % 5000),
            "remains": str(0 if state == "completed" else number % 900 + 50),
            "currency": "USD",
        }


def _error(words: str, status: int = 400) -> Reply:
    return reply(status, {"error": words})


def _form(request: Request) -> Mapping[str, str]:
    text = request.body.decode("utf-8", "replace")
    try:
        fields = parse_qs(text, keep_blank_values=True, max_num_fields=50)
    except ValueError:
        return {}
    return {name: values[-1] for name, values in fields.items()}
