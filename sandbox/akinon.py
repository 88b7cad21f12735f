"""Akinon, simulated: web-shop orders and their items.

[D] documented, [C] seen in client code, [A] assumed. A cancel answers 200 with the
order's detail [D], at 100 at once or first at 50 [A from D]. Refusals are 400s in one
of three shapes [D]; their texts are those of a sibling API. Bad credentials are a 400
at the login, a bad token a 401 elsewhere [C]. Codes come as strings or as numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from sandbox.http import Reply, Request, reply
from sandbox.options import BadRequestError, Settings
from sandbox.provider import WRONG, Asked, Provider
from sandbox.tokens import Tokens
from sandbox.world import Order, Shares, World

PATH = re.compile(r"/api/[iv]1/orders/([^/]+)/(cancel/)?")
LOGIN = re.compile(r"/api/[iv]1/auth/login/")
CODES = {
    "cancelling": 50,
    "cancelled": 100,
    "waiting": 200,
    "approved": 400,
    "preparing": 450,
    "shipped": 500,
    "delivered": 550,
}
OPEN = {"waiting", "approved", "preparing"}
GONE = {"cancelling", "cancelled"}
REFUSALS = {
    "cancelled": "Order already cancelled!",
    "cancelling": "Order cancellation already in progress.",
}
TOO_LATE = "Order can't be cancelled in this status."


def _refuse(words: str, field: str = "non_field_errors") -> Reply:
    return reply(400, {field: [words], "code": "invalid"})


class Akinon(Provider):
    name: ClassVar[str] = "akinon"
    shares: ClassVar[Shares] = Shares(
        approved=48, preparing=22, waiting=10, shipped=8, cancelled=5, missing=7
    )
    ends: ClassVar[Shares] = Shares(at_once=1, waiting=1)
    """Whether a cancel is at 100 at once, or waits at 50 first."""
    truths = {  # noqa: RUF012 - declared by the base
        **dict.fromkeys(OPEN, "active"),
        "cancelling": "cancelling",
        "cancelled": "cancelled",
        "shipped": "completed",
        "delivered": "completed",
        "missing": "missing",
    }

    def __init__(self, settings: Settings, world: World) -> None:
        super().__init__(settings, world)
        self.tokens = Tokens()

    def reset(self) -> None:
        self.tokens = Tokens()

    def expire_tokens(self) -> None:
        self.tokens.expire()

    def read(self, request: Request) -> Asked:
        if LOGIN.fullmatch(request.path):
            return Asked("login", (), request.json())
        found = PATH.fullmatch(request.path)
        if found is None or not found[1].isdigit():
            return Asked("other")
        if found[2]:
            return Asked("cancel", (found[1],), request.json())
        return Asked("read", (found[1],))

    def act(self, asked: Asked, request: Request, now: float) -> Reply:
        if asked.operation == "login":
            return self._login(asked.data, now)
        scheme, _, token = request.header(b"authorization").partition(" ")
        if scheme != "Token" or self.tokens.account(token.strip(), now) is None:
            return _detail(401, "Invalid token.", "authentication_failed")
        if asked.operation == "other":
            return _detail(404, "Not found.", "not_found")
        if request.method != ("GET" if asked.operation == "read" else "POST"):
            return _detail(405, "Method not allowed.", "method_not_allowed")
        return self._decide(asked, asked.orders[0], now)

    def error(self, status: int) -> Reply:
        words = {429: "Request was throttled.", 500: "A server error occurred."}
        return _detail(status, words[status], "error")

    def exists(self, name: str) -> bool:
        return name.isascii() and name.isdigit()

    def furnish(self, order: Order, wanted: Mapping[str, Any]) -> None:
        """``items``: item id to its state, or a list of ids in the order's state."""
        given = wanted.get("items")
        if isinstance(given, list):
            given = dict.fromkeys(given, order.state)
        if given is None:
            return
        if not isinstance(given, dict) or not set(given.values()) <= set(CODES):
            raise BadRequestError(f"akinon: an item's state is one of {tuple(CODES)}")
        order.items = {str(item): state for item, state in given.items()}

    def truth(self, order: Order, now: float) -> str:
        state = self._settled(order, now)
        states = set((order.items or {}).values())
        if state in GONE or not states & GONE:
            return self.truths[state]
        return "cancelling" if "cancelling" in states else "partial"

    def items(self, order: Order, now: float) -> dict[str, int]:
        """Each item's code now."""
        self._settled(order, now)
        return {item: CODES[state] for item, state in (order.items or {}).items()}

    def _login(self, data: object, now: float) -> Reply:
        given = data if isinstance(data, dict) else {}
        pair = given.get("username"), given.get("password")
        if not all(isinstance(one, str) and one for one in pair):
            return _refuse("This field is required.", "username")
        if WRONG in pair:
            return _refuse("Unable to log in with provided credentials.")
        until = now + self.settings.token_ttl
        key = self.tokens.issue(str(pair[0]), until, only=False, size=20)
        return reply(200, {"key": key})

    def _decide(self, asked: Asked, order: Order, now: float) -> Reply:
        state = self._settled(order, now)
        asked.call.acted = asked.operation == "read" or state == "missing"
        if state == "missing":
            return _detail(404, "Not found.", "not_found")
        if asked.operation == "read":
            return self._show(order)
        return self._cancel(asked, order, state, now)

    def _cancel(self, asked: Asked, order: Order, state: str, now: float) -> Reply:
        refused = _invalid(asked.data, order)
        if refused is not None:
            return refused
        asked.call.acted = True
        chosen = [str(item) for item in asked.data.get("cancel_items") or ()]
        self._furnish_from(order, asked.data, chosen)
        refused = _too_late(order, state, chosen)
        if refused is not None:
            return refused
        self._start(order, chosen, now)
        asked.changed(order)
        if asked.data.get("return_details") is False:
            return reply(200, {"success": True})  # of unknown shape [A]
        return self._show(order)

    def _furnish_from(self, order: Order, data: Any, chosen: list[str]) -> None:
        """An order that nobody gave items has those that the request names, and,
        when some are chosen, one more that stays."""
        if order.items is not None and order.seeded:
            return
        named = [*chosen, *map(str, data["reasons"])]
        items = order.items = order.items if order.items is not None else {}
        for item in named:
            items.setdefault(item, order.state)
        if chosen and set(items) <= set(chosen):
            items[str(max(int(item) for item in chosen) + 1)] = order.state

    def _start(self, order: Order, chosen: list[str], now: float) -> None:
        items = order.items if order.items is not None else {}
        state = "cancelled" if order.then == "at_once" else "cancelling"
        before = order.state
        for item in chosen or [i for i in items if items[i] in OPEN]:
            items[item] = state
        if not chosen or set(items.values()) <= GONE:
            order.become(state, now)
        if state == "cancelling":
            # For some of its items, the order itself stays where it is.
            after = "cancelled" if order.state == "cancelling" else before
            order.later(after, now + self.settings.settle)

    def _settled(self, order: Order, now: float) -> str:
        due = bool(order.next) and now >= order.due
        state = order.now(now)
        if due and order.items is not None:
            settled = {"cancelling": "cancelled"}
            kept = order.items.items()
            order.items = {item: settled.get(one, one) for item, one in kept}
        return state

    def _show(self, order: Order) -> Reply:
        if order.items is None:
            order.items = {f"{order.id}1": order.state}
        code = str if self.chance(order.id, "code") % 2 else int
        items = [
            {"id": int(item), "status": code(CODES[state]), "quantity": 1}
            for item, state in order.items.items()
        ]
        body = {
            "id": int(order.id),
            "number": f"S{order.id}",
            "status": code(CODES[order.state]),
            "orderitem_set": items,
        }
        return reply(200, body)


def _detail(status: int, words: str, code: str) -> Reply:
    return reply(status, {"detail": words, "code": code})


def _invalid(data: Any, order: Order) -> Reply | None:
    """What is wrong with the body, as the three shapes of a 400 say it."""
    if not isinstance(data, dict):
        return _detail(400, "JSON parse error", "parse_error")
    chosen, whole = data.get("cancel_items"), data.get("is_all") is True
    if str(data.get("order", order.id)) != order.id:
        return _refuse("Order does not match the path.", "order")
    if not isinstance(chosen or [], list) or whole == bool(chosen):
        return _refuse("Send is_all with no items, or the items.", "cancel_items")
    if not isinstance(data.get("reasons"), dict) or not data["reasons"]:
        return _refuse("This field is required.", "reasons")
    named = [*map(str, chosen or ()), *data["reasons"]]
    if not all(item.isascii() and item.isdigit() for item in named):
        return _refuse("Incorrect type. Expected pk value.", "cancel_items")
    unknown = [i for i in named if order.seeded and i not in (order.items or named)]
    if unknown:
        words = f'Invalid pk "{unknown[0]}" - object does not exist.'
        return _refuse(words, "cancel_items")
    return None


def _too_late(order: Order, state: str, chosen: list[str]) -> Reply | None:
    """Why none of it is cancelled: one item that is too far on is enough."""
    items = order.items or {}
    states = {items[item] for item in chosen} or {state, *items.values()}
    if state not in OPEN:
        states = {state}
    wrong = sorted(states - OPEN)
    if not wrong or (not chosen and state in OPEN and set(wrong) <= GONE):
        return None
    return _refuse(REFUSALS.get(wrong[0], TOO_LATE))
