"""A simulated provider without sockets, whose clock stands until a call waits.

It loses answers as the sandbox does: see ``rescind.sandbox.faults``.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from typing import Any

from rescind.provider.connection import Head
from rescind.provider.http_messages import Reply
from rescind.provider.replies import LARGEST_BODY
from rescind.provider.response_reader import LostError, Patience, read_bytes
from rescind.sandbox.faults import Scripted
from rescind.sandbox.raw_http import Connection
from rescind.sandbox.sandbox_settings import Settings
from rescind.sandbox.simulation import Simulation
from rescind.sandbox.world import World

log = logging.getLogger("rescind.sandbox")

BEGIN = 1_605_895_740.0
"""Seconds since the epoch when the model begins: in 2020."""
ADDRESS = "https://model.invalid"


class ModelTime:
    """A clock and timer: time passes only in ``advance``."""

    def __init__(self) -> None:
        self._now = BEGIN
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    def now(self) -> float:
        return self._now

    def later(self, seconds: float, do: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self._now + seconds, next(self._numbers), do))

    def advance(self, seconds: float, until: Callable[[], bool] = bool) -> None:
        """Let time pass, with all that is due in it, or until ``until`` holds."""
        end = self._now + seconds
        while self._due and self._due[0][0] <= end and not until():
            at, _, do = heapq.heappop(self._due)
            self._now = max(self._now, at)
            do()
        self._now = self._now if until() else end


class ModelProvider:
    """One simulated provider. It is a ``rescind.provider.wire.Wire``, too."""

    def __init__(self, kind: type[Simulation]) -> None:
        self.time = ModelTime()
        self.settings = Settings()
        self.world = World(self.settings, refuse=self._refuse, timing=self.time)
        self.simulation = self.world.simulations[kind.name] = kind(self.settings)
        self._refused_until = BEGIN

    @property
    def base_url(self) -> str:
        return f"{ADDRESS}/{self.simulation.name}"

    def fail_next(self, op: str, kind: str) -> None:
        """Give the next call of this operation this kind of fault."""
        fault = Scripted(self.simulation.name, op, kind, 1)
        self.world.exchange.faults.script.append(fault)

    def truth(self, order_id: str) -> str:
        """The order's true state, in the words that all simulations share."""
        order = self.simulation.orders[self.simulation.key(order_id)]
        return self.simulation.truth(order, self.time.now())

    def changed_to(self, order_id: str) -> str | None:
        """The order's true state, if it differs from the one in which it began."""
        order = self.simulation.orders.get(self.simulation.key(order_id))
        if order is None:
            return None
        truth = self.simulation.truth(order, self.time.now())
        return None if truth == order.was else truth

    def acted(self, order_id: str) -> bool:
        """Whether the provider processed a cancel of this order."""
        order = self.simulation.orders[self.simulation.key(order_id)]
        return any(event.op == "cancel" and event.acted for event in order.events)

    def shown_active(self, order_id: str) -> bool | None:
        """Whether the last call of this order showed it as active, as noted."""
        order = self.simulation.orders[self.simulation.key(order_id)]
        return order.events[-1].active if order.events else None

    def drop(self, order_id: str) -> bool:
        """Let the provider forget a change that it has taken on, without a word.
        Returns whether there was one."""
        order = self.simulation.orders[self.simulation.key(order_id)]
        order.settle(self.time.now())
        taken_on, order.dues = bool(order.dues), None
        return taken_on

    # --- the wire ---

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time.now(), UTC)

    def earliest(self) -> datetime:
        return self.now()

    def monotonic(self) -> float:
        return self.time.now()

    def connect(self, head: Head, seconds: float, verify: bool | str) -> Any:
        del seconds, verify
        if self.time.now() < self._refused_until:
            raise ConnectionRefusedError(111, "Connection refused")
        return _Line(head, self)

    def forget(self) -> None:
        """Nothing to forget: each call has a connection of its own."""

    def _refuse(self, seconds: float) -> None:
        self._refused_until = self.time.now() + seconds


class _Line:
    """One connection, for one call."""

    def __init__(self, head: Head, model: ModelProvider) -> None:
        self._head, self._model = head, model

    def prepare(self, patience: Patience) -> None:
        del patience

    def leave(self) -> None:
        """Nothing to give back."""

    def ask(self, body: bytes, patience: Patience) -> Reply:
        model, far = self._model, _Far()
        connection = Connection(model.world.exchange.handle)
        connection.connection_made(far)
        try:
            connection.data_received(self._head.data + body)
        except Exception:
            # A test that fails shows it; the caller only sees that no answer came.
            log.exception("the simulation %s has a fault", model.simulation.name)
            raise
        left = min(patience.silence, patience.end_by - model.monotonic())
        model.time.advance(left, lambda: bool(far.closed or far.received))
        connection.connection_lost(None)
        if not far.received and not far.closed:
            raise LostError(f"no answer within {left:g} s")
        return read_bytes(bytes(far.received), LARGEST_BODY)


class _Far(asyncio.Transport):
    """The provider's end of a connection."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False
        self.received = bytearray()

    def is_closing(self) -> bool:
        return self.closed

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.received += data

    def close(self) -> None:
        self.closed = True
