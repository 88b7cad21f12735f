"""Simulates Akinon: shop orders with items, cancelled as a whole or in part."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from rescind.sandbox.akinon_detail import CODES, document, whole
from rescind.sandbox.akinon_list import NoSuchPageError, page_of
from rescind.sandbox.login_tokens import Tokens
from rescind.sandbox.order_options import FLAG, NUMBER, Option, items_of
from rescind.sandbox.orders import Order
from rescind.sandbox.raw_http import Reply, Request, json_reply
from rescind.sandbox.sandbox_settings import Settings
from rescind.sandbox.simulation import Call, Notes, Simulation

LOGIN = re.compile(r"/api/[iv]1/auth/login/")
PREFIX = r"/api/[iv]1/(?:channel/[0-9]+/)?"
"""The official client asks by the number of a channel."""
ORDERS = re.compile(PREFIX + r"orders/")
ORDER = re.compile(PREFIX + r"orders/(?P<id>[0-9]{1,18})/(?P<cancel>cancel/)?")
USER = re.compile(r"/api/[iv]1/active_user/")
CANCELLABLE = frozenset({"waiting", "approved", "preparing"})
AUTO_ITEMS = ("101", "102", "103")
INSTANT = 0.5
"""The share of the orders whose cancel takes effect at once."""


class Akinon(Simulation):
    name: ClassVar[str] = "akinon"
    credentials: ClassVar[Mapping[str, str]] = {
        "username": "sandbox",
        "password": "sandbox-password",
    }
    demo_policy: ClassVar[Mapping[str, object]] = {
        "rate": "100/second",
        "concurrency": 8,
    }
    tokens: Tokens
    truths: ClassVar[Mapping[str, str]] = {
        "waiting": "active",
        "approved": "active",
        "preparing": "active",
        "shipped": "completed",
        "delivered": "completed",
        "cancelled": "cancelled",
        "missing": "missing",
    }
    cancellable: ClassVar[Mapping[str, int]] = {
        "approved": 4,
        "preparing": 3,
        "waiting": 2,
    }
    others: ClassVar[Mapping[str, int]] = {
        "shipped": 3,
        "delivered": 2,
        "cancelled": 3,
        "missing": 4,
    }
    id_pattern: ClassVar[re.Pattern[str]] = re.compile(r"[1-9][0-9]{0,17}")
    id_form: ClassVar[str] = "1 to 18 digits, the first not 0"
    order_options: ClassVar[Mapping[str, Option]] = {
        "items": items_of(CODES),
        "instant": FLAG,
        "settle": NUMBER,
    }

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.tokens = Tokens(40)

    @classmethod
    def example(cls, number: int) -> Mapping[str, Any]:
        params = {"is_all": True, "reasons": dict.fromkeys(AUTO_ITEMS, 2)}
        return {"order": str(1_000_000 + number), "params": params}

    def open(self, request: Request, path: str) -> Call | None:
        if LOGIN.fullmatch(path) and request.method == "POST":
            return Call("login", (), partial(self._login, request))
        if request.method == "GET" and ORDERS.fullmatch(path):
            return Call("list", (), partial(self._entered, request, self._list))
        if request.method == "GET" and USER.fullmatch(path):
            return Call("probe", (), partial(self._entered, request, self._user))
        found = ORDER.fullmatch(path)
        if found is None:
            return None
        order_id, cancels = str(int(found["id"])), bool(found["cancel"])
        if request.method != ("POST" if cancels else "GET"):
            return None
        method = self._cancel if cancels else self._detail
        known = partial(self._known, order_id, method)
        run = partial(self._entered, request, known)
        return Call("cancel" if cancels else "read", (order_id,), run)

    def throttled(self) -> Reply:
        return _error(429, "detail", "Request was throttled.", ("Retry-After", "1"))

    def no_such_call(self) -> Reply:
        return _error(404, "detail", "Not found.")

    def reset(self) -> None:
        super().reset()
        self.tokens.reset()

    # --- items ---

    def prepare(self, order: Order) -> None:
        if order.state == "missing":
            return
        named = order.options.get("items", AUTO_ITEMS)
        if not isinstance(named, dict):
            named = dict.fromkeys(named, order.state)
        order.items = {str(item): str(state) for item, state in named.items()}
        if unknown := set(order.items.values()) - set(CODES):
            raise ValueError(f"akinon has no item state {sorted(unknown)[0]!r}")

    def truth(self, order: Order, now: float) -> str:
        if order.dues:
            order.settle(now)
        states = set((order.items or {}).values())
        if "cancelling" in states:
            return "cancelling"
        if "cancelled" in states and len(states) > 1:
            return "partial"
        return "cancelled" if states == {"cancelled"} else self.truths[order.state]

    def record(self, order: Order, now: float) -> dict[str, Any]:
        shown = super().record(order, now)
        if order.items is not None:
            shown["state"] = whole(order)
        return shown

    # --- calls ---

    def _login(self, request: Request, notes: Notes) -> Reply:
        body = request.json()
        given = (body.get("username"), body.get("password"))
        if not all(given) or "wrong" in given:
            words = "Unable to log in with provided credentials."
            return _error(400, "non_field_errors", words)
        ends = notes.now + self.settings.token_seconds
        key = self.tokens.issue(ends, self.settings.token_prefix)
        return json_reply(200, {"key": key})

    def _entered(self, request: Request, method: Any, notes: Notes) -> Reply:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Token" or not self.tokens.accepts(token, notes.now):
            return _error(401, "detail", "Invalid token.")
        reply: Reply = method(request, notes)
        return reply

    def _known(
        self, order_id: str, method: Any, request: Request, notes: Notes
    ) -> Reply:
        order = self.order(order_id, notes.now)
        if order.state == "missing":
            return _error(404, "detail", "Not found.")
        reply: Reply = method(request, order, notes)
        return reply

    def _user(self, *_: object) -> Reply:
        return json_reply(200, {"pk": 1, "username": "sandbox", "is_active": True})

    def _list(self, request: Request, notes: Notes) -> Reply:
        known = [self.order(order_id, notes.now) for order_id in list(self.orders)]
        there = [one for one in known if one.state != "missing"]
        there.sort(key=lambda order: int(order.id))
        try:
            return json_reply(200, page_of(list(map(document, there)), request))
        except NoSuchPageError:
            return _error(404, "detail", "Invalid page.")

    def _detail(self, request: Request, order: Order, notes: Notes) -> Reply:
        del request
        notes.active[order.id] = whole(order) != "cancelled"
        return json_reply(200, document(order))

    def _cancel(self, request: Request, order: Order, notes: Notes) -> Reply:
        body = request.json()
        if wrong := _wrong(body):
            return wrong
        named = [str(item) for item in body["cancel_items"]]
        if order.auto and order.items is not None:
            # An order of auto mode has the items that the first cancel names.
            said = named if order.changed else [*named, *body["reasons"]]
            for item in said if whole(order) != "cancelled" else ():
                order.items.setdefault(str(item), order.state)
        items = order.items or {}
        if unknown := [item for item in named if item not in items]:
            text = f'Invalid pk "{unknown[0]}" - object does not exist.'
            return _error(400, "cancel_items", text)
        if refusal := _refusal([items[i] for i in named or items]):
            return _error(400, "non_field_errors", refusal)
        self._act(order, [i for i in named or items if items[i] in CANCELLABLE], notes)
        if body.get("return_details") is False:
            return json_reply(200, {"success": True})
        return json_reply(200, document(order))

    def _act(self, order: Order, chosen: Sequence[str], notes: Notes) -> None:
        items = order.items or {}
        by_hash = self.share(order, "instant") < INSTANT
        instant = bool(order.options.get("instant", by_hash))
        for item in chosen:
            items[item] = "cancelled" if instant else "cancelling"
            if not instant:
                due = notes.now + self.settle(order)
                order.dues = {**(order.dues or {}), item: due}
        order.changed = notes.now
        notes.acted.add(order.id)


def _wrong(body: dict[str, Any]) -> Reply | None:
    """An error reply if the body of a cancel is malformed, else ``None``."""
    if not body:
        return _error(400, "detail", "JSON parse error")
    if not isinstance(body.get("reasons"), dict) or not body["reasons"]:
        return _error(400, "reasons", "This field is required.")
    if not isinstance(body.get("cancel_items"), list):
        return _error(400, "cancel_items", "This field is required.")
    if "forced_refund_amount" not in body:
        return _error(400, "forced_refund_amount", "This field is required.")
    if bool(body.get("is_all")) == bool(body["cancel_items"]):
        return _error(400, "cancel_items", "Send is_all, or else cancel_items.")
    return None


def _refusal(states: Sequence[str]) -> str | None:
    found = set(states)
    if found == {"cancelled"}:
        return "Order already cancelled!"
    if found <= {"cancelling", "cancelled"}:
        return "Order cancellation already in progress."
    if not found <= CANCELLABLE | {"cancelled", "cancelling"}:
        return "Order can't be cancelled in this status."
    return None


def _error(status: int, where: str, words: str, *headers: tuple[str, str]) -> Reply:
    said: object = words if where == "detail" else [words]
    return json_reply(status, {where: said, "code": f"error_{status}"}, *headers)
