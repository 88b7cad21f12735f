"""Simulates notpanel: panel orders, whose cancel may be queued and decided later."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from time import time
from typing import Any, ClassVar
from urllib.parse import parse_qs

from rescind.sandbox.faults import OF_ROWS
from rescind.sandbox.notpanel_limit import (
    MINUTE,
    KeyLimit,
    left_headers,
    throttled,
)
from rescind.sandbox.notpanel_sales import Sales
from rescind.sandbox.order_options import NUMBER, Option, one_of
from rescind.sandbox.orders import Order, pick, rows_of
from rescind.sandbox.raw_http import Reply, Request, json_reply
from rescind.sandbox.sandbox_settings import Settings
from rescind.sandbox.simulation import Call, Notes, Simulation

OPS = {
    "cancel": "cancel",
    "status": "read",
    "balance": "probe",
    "services": "other",
    "add": "create",
    "refill": "refill",
    "refill_status": "other",
}
OF_ORDERS = frozenset({"cancel", "status", "refill"})
PLAIN = re.compile(r"[A-Za-z0-9_-]+")
MOST = 100
NOT_FOUND = "Order not found"
REFUSALS = {
    "missing": NOT_FOUND,
    "completed": "Order cannot be cancelled (already completed)",
    "cancelled": "Order cannot be cancelled (already cancelled)",
    "partial": "Order cannot be cancelled (already cancelled)",
    "refunded": "Order cannot be cancelled (already refunded)",
    "unsupported": "Service does not support cancellation",
}
ENDS = {"cancelled": 80, "partial": 12, "completed": 8}
"""The states in which a queued cancel ends, with their weights."""
SHOWN = {"unsupported": "in_progress", "cancelled": "Cancelled", "partial": "Partial"}
"""What the status shows, where it differs from the state's name."""


class NotPanel(Simulation):
    name: ClassVar[str] = "notpanel"
    credentials: ClassVar[Mapping[str, str]] = {"key": "sandbox-key"}
    demo_policy: ClassVar[Mapping[str, object]] = {
        "rate": "270/minute",
        "read_rate": "180/minute",
    }
    may_ask_again: ClassVar[bool] = True
    truths: ClassVar[Mapping[str, str]] = {
        "pending": "active",
        "in_progress": "active",
        "completed": "completed",
        "cancelled": "cancelled",
        "refunded": "cancelled",
        "partial": "partial",
        "unsupported": "unsupported",
        "missing": "missing",
    }
    cancellable: ClassVar[Mapping[str, int]] = {"pending": 3, "in_progress": 2}
    others: ClassVar[Mapping[str, int]] = {
        "completed": 4,
        "cancelled": 2,
        "refunded": 1,
        "unsupported": 3,
        "missing": 2,
    }
    batches: ClassVar[bool] = True
    row_faults: ClassVar[frozenset[str]] = OF_ROWS
    id_pattern: ClassVar[re.Pattern[str]] = PLAIN
    id_form: ClassVar[str] = "letters, digits, _ and -"
    order_options: ClassVar[Mapping[str, Option]] = {
        "ends": one_of(*truths),
        "settle": NUMBER,
        "remains": NUMBER,
        "charge": NUMBER,
    }

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._limit = KeyLimit()
        self._sales = Sales(self)

    @classmethod
    def example(cls, number: int) -> Mapping[str, Any]:
        return {"order": f"ord_{number:08}"}

    def open(self, request: Request, path: str) -> Call | None:
        if path != "/api/v2" or request.method != "POST":
            return None
        asked = parse_qs(request.body.decode("utf-8", "replace"))
        form = {name: values[0] for name, values in asked.items()}
        action = form.get("action", "")
        named = rows_of(form.get("orders", "")) or rows_of(form.get("order", ""))
        ids = named if action in OF_ORDERS else ()
        return Call(OPS.get(action, "other"), ids, partial(self._limited, form, ids))

    def throttled(self) -> Reply:
        return throttled(self.settings.notpanel_limit, int(time()) + 1)

    def broken(self, status: int) -> Reply:
        own = _error(500, "Internal server error")
        return own if status == 500 else super().broken(status)

    def reset(self) -> None:
        super().reset()
        self._limit.clear()
        self._sales.clear()

    def _limited(self, form: dict[str, str], ids: Sequence[str], notes: Notes) -> Reply:
        limit = self.settings.notpanel_limit
        count, began = self._limit.count(form.get("key", ""), int(notes.now))
        if limit and count >= limit:
            notes.throttled = True
            return throttled(limit, began + MINUTE)
        reply = self._checked(form, ids, notes)
        return replace(reply, headers=reply.headers + left_headers(limit, count))

    def _checked(self, form: dict[str, str], ids: Sequence[str], notes: Notes) -> Reply:
        key, action = form.get("key"), form.get("action")
        if key in (None, "wrong"):
            return _error(400, "Invalid API key")
        if key == "suspended":
            return _error(403, "Account suspended")
        if action not in OPS:
            return _error(400, "Invalid action")
        if action not in OF_ORDERS:
            return self._sales.answer(form, notes)
        if ("order" in form) == ("orders" in form) or not ids:
            return _error(400, "Either order or orders is required")
        if len(ids) > MOST:
            return _error(400, f"Maximum {MOST} orders per request")
        if any(i.startswith("ord_bad") or not PLAIN.fullmatch(i) for i in ids):
            return _error(400, NOT_FOUND)
        answers = {"cancel": self._cancel, "refill": self._sales.refill}
        return answers.get(action, self._status)(ids, notes, single="order" in form)

    def _cancel(self, ids: Sequence[str], notes: Notes, *, single: bool) -> Reply:
        rows: list[dict[str, Any]] = []
        for order_id in ids:
            error = self._refusal(self.order(order_id, notes.now), notes)
            said = {"error": error} if error else {"cancel": order_id}
            if single:
                return json_reply(400 if error else 200, said)
            if order_id != notes.skip:
                rows.append({"order": order_id, **said})
            if order_id == notes.contradict:
                contrary = {"cancel": order_id} if error else {"error": NOT_FOUND}
                rows.append({"order": order_id, **contrary})
        return json_reply(200, rows)

    def _refusal(self, order: Order, notes: Notes) -> str | None:
        """Cancel the order; gives back an error text if it is refused."""
        if error := REFUSALS.get(order.state):
            return error
        if order.dues:
            # Its cancel is queued already: a second one changes nothing.
            return None
        if order.state == "in_progress" and order.id == notes.drop:
            return None
        if order.state == "pending":
            order.state = "cancelled"
        else:
            ends = pick(ENDS, self.share(order, "ends"))
            due = notes.now + self.settle(order)
            order.change_later(str(order.options.get("ends", ends)), due)
        order.changed = notes.now
        notes.acted.add(order.id)
        return None

    def _status(self, ids: Sequence[str], notes: Notes, *, single: bool) -> Reply:
        rows: dict[str, Any] = {}
        for order_id in ids:
            order = self.order(order_id, notes.now)
            gone = order.state in ("missing", "cancelled", "partial", "refunded")
            notes.active[order_id] = not gone and order_id != notes.skip
            if single and order.state == "missing":
                return _error(400, NOT_FOUND)
            if order_id != notes.skip:
                rows[order_id] = self._row(order)
        return json_reply(200, rows[ids[0]] if single else rows)

    def _row(self, order: Order) -> dict[str, str]:
        if order.state == "missing":
            return {"error": NOT_FOUND}
        by_state = {"completed": 0, "partial": 650, "in_progress": 650}
        remains = order.options.get("remains", by_state.get(order.state, 1000))
        return {
            "status": SHOWN.get(order.state, order.state),
            "charge": str(order.options.get("charge", "0.50")),
            "start_count": "1234",
            "remains": str(remains),
            "currency": "USD",
        }

    def seed(self, order_id: str, state: str, options: Mapping[str, Any]) -> None:
        if options.get("ends", "cancelled") not in self.truths:
            raise ValueError(f"notpanel has no state {options['ends']!r}")
        super().seed(order_id, state, options)


def _error(status: int, words: str) -> Reply:
    return json_reply(status, {"error": words})
