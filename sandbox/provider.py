"""What the five have in common: read a request, act on it, answer in one's own way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from sandbox.http import HTML, Reply, Request, reply
from sandbox.options import BadRequestError, Settings
from sandbox.world import Call, Order, Shares, World

WRONG = "wrong"
"""The credential that every provider refuses; any other that is not empty is good."""


@dataclass(slots=True)
class Asked:
    """A request, understood."""

    operation: str
    """``cancel``, ``read``, ``login``, ``balance`` or ``other``."""
    ids: Sequence[str] = ()
    data: Any = None
    path: str = ""
    orders: list[Order] = field(default_factory=list)
    """One for each of ``ids``, in the same order."""
    call: Call = field(default_factory=lambda: Call(0.0, 0, ""))

    def changed(self, order: Order) -> None:
        """This call is what changed ``order``."""
        if self.call.changed is None:
            self.call.changed = []
        self.call.changed.append(order.id)


class Provider(ABC):
    """One simulated provider."""

    name: ClassVar[str]
    shares: ClassVar[Shares]
    """The states of orders that spring into being."""
    ends: ClassVar[Shares] = Shares(cancelled=1)
    """What a cancel of such an order leads to."""
    truths: ClassVar[Mapping[str, str]]
    """Each state, in the closed words of the record."""

    def __init__(self, settings: Settings, world: World) -> None:
        self.settings = settings
        self.world = world

    @abstractmethod
    def read(self, request: Request) -> Asked:
        """What is asked for, whatever the credentials. Changes nothing."""

    @abstractmethod
    def act(self, asked: Asked, request: Request, now: float) -> Reply:
        """Do what is asked, and answer as the provider would."""

    @abstractmethod
    def error(self, status: int) -> Reply:
        """The provider's own envelope for a server error."""

    def failed(self, status: int) -> Reply:
        """A server error: the provider's own, or that of the proxy before it."""
        if status == 500:
            return self.error(status)
        title = {502: "502 Bad Gateway", 503: "503 Service Temporarily Unavailable"}
        page = f"<html><head><title>{title[status]}</title></head></html>\r\n"
        return Reply(status, page.encode(), HTML)

    def throttled(self, now: float, request: Request) -> Reply:
        """A 429 that this provider might give."""
        del now, request
        wait = max(0, round(self.settings.throttle_seconds))
        return self.error(429)._replace(headers=f"Retry-After: {wait}\r\n")

    def without_row(self, answer: Reply, number: int) -> Reply | None:
        """A batch's answer with one row missing; None where there is no batch."""
        del answer, number

    def reset(self) -> None:
        """Forget tokens and windows."""

    def expire_tokens(self) -> None:
        """End every token that was issued."""

    # Orders

    def order(self, name: str) -> Order:
        """The order of that name, which may spring into being here."""
        orders = self.world.orders[self.name]
        found = orders.get(name)
        if found is None:
            found = orders[name] = self._born(name)
        return found

    def seed(self, wanted: Mapping[str, Any], now: float) -> None:
        """Make, or make again, one order as the control API describes it."""
        name, state = wanted.get("order"), wanted.get("state")
        if not isinstance(name, str) or state not in self.truths:
            known = ", ".join(self.truths)
            raise BadRequestError(f"{self.name}: state is one of {known}; got {wanted}")
        order = Order(name, state, str(wanted.get("then") or self._end(name)))
        if order.then not in self.ends.words:
            raise BadRequestError(f"{self.name}: then is one of {self.ends.words}")
        becomes = wanted.get("becomes")
        if becomes is not None:
            if becomes not in self.truths:
                raise BadRequestError(f"{self.name}: there is no state {becomes!r}")
            order.later(str(becomes), now + float(wanted.get("in", 0.0)))
        elif state == "cancelling":
            after = order.then if order.then in self.truths else "cancelled"
            order.later(after, now + self.settings.settle)
        order.seeded = True
        self.furnish(order, wanted)
        self.world.orders[self.name][name] = order

    def furnish(self, order: Order, wanted: Mapping[str, Any]) -> None:
        """Take from the seed what only this provider's orders have."""

    def truth(self, order: Order, now: float) -> str:
        return self.truths[order.now(now)]

    def exists(self, name: str) -> bool:
        """Whether an order of this name could exist at all."""
        return bool(name)

    def chance(self, order: str, salt: str) -> int:
        return self.world.chance(self.name, order, salt)

    def _born(self, name: str) -> Order:
        if not self.settings.auto or not self.exists(name):
            return Order(name, "missing", self.ends.words[0])
        state = self.shares.pick(self.world.chance(self.name, name))
        return Order(name, state, self._end(name))

    def _end(self, name: str) -> str:
        return self.ends.pick(self.chance(name, "end"))


def not_found() -> Reply:
    """No simulated provider, or no such path."""
    return reply(404, {"error": "not found"})
