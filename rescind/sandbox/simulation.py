"""The base class of every simulated provider."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from rescind.sandbox.login_tokens import Tokens
from rescind.sandbox.order_options import Option
from rescind.sandbox.orders import Event, Order, pick, share
from rescind.sandbox.raw_http import Reply, Request, html_reply, json_reply
from rescind.sandbox.sandbox_settings import Settings

MISSING = "missing"
"""The truth of an order that does not exist."""
PROBE_ID = "0"
"""An id that no order has; Rescind asks for it to check credentials."""


@dataclass(slots=True)
class Notes:
    """What a call does to orders, for their records."""

    now: float
    skip: str | None = None
    """The order whose row the answer leaves out."""
    drop: str | None = None
    """The order that the answer accepts although the cancel is then ignored."""
    contradict: str | None = None
    """The order that has a second row, which says the contrary of its first."""
    acted: set[str] = field(default_factory=set)
    active: dict[str, bool] = field(default_factory=dict)
    throttled: bool = False


@dataclass(slots=True)
class Call:
    """A recognised call: its operation, its orders, and how to run it."""

    op: str
    ids: Sequence[str]
    run: Callable[[Notes], Reply]


class Simulation(ABC):
    """One provider: its orders, and how it answers."""

    name: ClassVar[str]
    truths: ClassVar[Mapping[str, str]]
    """The provider's states, each with the truth that all providers share. One of them
    is ``missing``: the first such state is that of an id that no order has."""
    cancellable: ClassVar[Mapping[str, int]]
    """States that can be cancelled, with their weights in auto mode."""
    others: ClassVar[Mapping[str, int]]
    batches: ClassVar[bool] = False
    row_faults: ClassVar[frozenset[str]] = frozenset()
    """The faults of rows that the provider can have, where a call names many orders."""
    id_pattern: ClassVar[re.Pattern[str]] = re.compile(r"[^\s,]+")
    """The form of the orders' ids; a scenario that names another is refused."""
    id_form: ClassVar[str] = "a text without spaces and commas"
    order_options: ClassVar[Mapping[str, Option]] = {}
    """What an order of a scenario may say beside its state."""
    credentials: ClassVar[Mapping[str, str]] = {}
    """An account's credentials, such as the accounts file of the sandbox has; any
    others work, too."""
    demo_policy: ClassVar[Mapping[str, object]] = {}
    """What the demo changes in the account's policy, to be quick."""
    repeats_are_harmless: ClassVar[bool] = False
    """Whether a second cancel of an order does no harm, at any time."""
    may_ask_again: ClassVar[bool] = False
    """Whether an accepted cancel may be sent again after the order was read."""
    readings_lag: ClassVar[bool] = False
    """Whether a reading may show an order as active for a while after a cancel."""
    forgotten_status: ClassVar[int | None] = None
    """The status of a reading of a cancelled order that was deleted since; ``None`` if
    the provider keeps its orders."""
    tokens: Tokens | None = None
    """The tokens that a login issued; ``None`` if the provider has no login."""

    @classmethod
    def example(cls, number: int) -> Mapping[str, Any]:
        """An order to cancel, different for each ``number``: ``order``, and ``params``
        if the provider needs some."""
        return {"order": str(1_000_000 + number)}

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.orders: dict[str, Order] = {}

    @abstractmethod
    def open(self, request: Request, path: str) -> Call | None:
        """The call that the request makes; ``None`` if the API has no such call."""

    def throttled(self) -> Reply:
        """The answer to a call beyond the rate limit."""
        return json_reply(429, {"error": "Too many requests"}, ("Retry-After", "1"))

    def broken(self, status: int) -> Reply:
        """An error page of a gateway in front of the provider."""
        words = {500: "Internal Server Error", 502: "Bad Gateway"}
        return html_reply(
            status, f"{status} {words.get(status, 'Service Unavailable')}"
        )

    def no_such_call(self) -> Reply:
        return html_reply(404, "404 Not Found")

    def reset(self) -> None:
        """Delete all orders."""
        self.orders.clear()

    # --- orders ---

    def key(self, order_id: str) -> str:
        """The form of the id under which the order is stored."""
        return order_id

    def order(self, order_id: str, now: float) -> Order:
        """The order in its state at ``now``; an unknown one is created."""
        order = self.orders.get(order_id)
        if order is None:
            return self._new(order_id)
        if order.dues:
            order.settle(now)
        return order

    def event(self, order_id: str, now: float, op: str, fault: str | None) -> Event:
        """A new entry in the order's record."""
        event = Event(now, op, fault)
        self.order(order_id, now).events.append(event)
        return event

    def seed(self, order_id: str, state: str, options: Mapping[str, Any]) -> None:
        if state not in self.truths:
            raise ValueError(f"{self.name} has no state {state!r}")
        order = Order(self.key(order_id), state)
        order.options = dict(options)
        self.prepare(order)
        self._keep(order)

    def prepare(self, order: Order) -> None:
        """Set up the fields of a new order beyond its state."""
        order.items = None

    def truth(self, order: Order, now: float) -> str:
        """The order's true outcome, in the words that all providers share."""
        if order.dues:
            order.settle(now)
        return "cancelling" if order.dues else self.truths[order.state]

    def settle(self, order: Order) -> float:
        """Seconds until a queued cancel of the order takes effect."""
        return float(order.options.get("settle", self.settings.settle))

    def share(self, order: Order, what: str) -> float:
        return share(self.settings.seed, self.name, order.id, what)

    def record(self, order: Order, now: float) -> dict[str, Any]:
        """The order's full record, as the control API shows it."""
        truth = self.truth(order, now)
        shown: dict[str, Any] = {
            "provider": self.name,
            "id": order.id,
            "state": order.state,
            "was": order.was,
            "truth": truth,
            "events": [event.shown() for event in order.events],
        }
        if order.items is not None:
            shown["items"] = dict(order.items)
        return shown

    def _new(self, order_id: str) -> Order:
        if order_id == PROBE_ID:
            return self._judged(Order(order_id, self._missing()))
        order = Order(order_id, self._missing(), self.settings.auto)
        if self.settings.auto:
            order.state = self._auto_state(order)
        self.prepare(order)
        self._keep(order)
        return order

    def _missing(self) -> str:
        """The state of an order that does not exist."""
        states = (one for one, truth in self.truths.items() if truth == MISSING)
        return next(states, MISSING)

    def _auto_state(self, order: Order) -> str:
        fraction, line = self.share(order, "state"), self.settings.cancellable
        if fraction < line:
            return pick(self.cancellable, fraction / line)
        return pick(self.others, (fraction - line) / (1 - line))

    def _keep(self, order: Order) -> None:
        self.orders[order.id] = self._judged(order)

    def _judged(self, order: Order) -> Order:
        order.was = self.truth(order, 0.0)
        return order
