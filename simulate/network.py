"""Connections of a simulated machine to the simulated providers.

They carry the same bytes as sockets, and both ends read them with the same code. The
scenario says, for each call, how long the bytes take and whether they arrive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from rescind.provider.connection import Head
from rescind.provider.http_messages import Reply
from rescind.provider.replies import LARGEST_BODY
from rescind.provider.response_reader import LostError, Patience, read_bytes
from rescind.provider.system_clock import Times
from rescind.provider.wire import Connected
from rescind.sandbox.raw_http import Connection, Request
from rescind.sandbox.world import World
from simulate.hub import Hub
from simulate.machine import Machine

SOON = 0.02
"""Seconds that bytes take by default."""


@dataclass(frozen=True, slots=True)
class Delays:
    """How long the steps of one call take, in seconds."""

    connecting: float = SOON
    there: float = SOON
    back: float = SOON


Asked = tuple[str, str, int]
"""A provider, an order, and the number of a request about that order, from 0 on."""


class Network:
    """All calls of a world, by number, and the time at which each was sent."""

    def __init__(
        self,
        hub: Hub,
        sandbox: World,
        delays: Mapping[int, Delays],
        note: Callable[[str], None],
    ) -> None:
        self.hub = hub
        self.sandbox = sandbox
        self.calls = 0
        self.sent: dict[Asked, float] = {}
        """When each request about an order was sent."""
        self._delays = delays
        self._note = note
        self._refused_until = 0.0

    def next(self) -> tuple[int, Delays]:
        """The number of a new call, and how long its steps take."""
        self.calls += 1
        return self.calls, self._delays.get(self.calls, Delays())

    def refuse(self, seconds: float) -> None:
        """Make providers refuse connections for so many seconds."""
        self._refused_until = self.hub.time + seconds

    @property
    def refused(self) -> bool:
        return self.hub.time < self._refused_until

    def handle(
        self, number: int, sent: float, request: Request, connection: Connection
    ) -> None:
        """Let a request arrive. ``sent``: the time at which it was sent."""
        before = self._asked()
        self.sandbox.exchange.handle(request, connection)
        new = dict.fromkeys(self._asked() - before, sent)
        self.sent |= new
        for provider, order, place in sorted(new):
            event = self.sandbox.simulations[provider].orders[order].events[place]
            acts = " and acts" if event.acted else ""
            fault = f" ({event.fault})" if event.fault else ""
            self._note(f"call {number}: {provider} has {event.op} {order}{acts}{fault}")

    def _asked(self) -> set[Asked]:
        return {
            (provider, order.id, place)
            for provider, simulation in self.sandbox.simulations.items()
            for order in simulation.orders.values()
            for place in range(len(order.events))
        }


class MachineWire:
    """A ``rescind.provider.wire.Wire``: the connections of one machine."""

    def __init__(self, machine: Machine, network: Network, times: Times) -> None:
        self._machine = machine
        self._network = network
        self._times = times

    def now(self) -> datetime:
        return self._times.now()

    def earliest(self) -> datetime:
        return self._times.earliest()

    def monotonic(self) -> float:
        return self._times.monotonic()

    def connect(self, head: Head, seconds: float, verify: bool | str) -> Connected:
        number, delays = self._network.next()
        self._machine.passes("connecting")
        self._machine.sleep(min(delays.connecting, seconds))
        if delays.connecting > seconds:
            raise TimeoutError("no connection in time")
        if self._network.refused:
            raise ConnectionRefusedError(111, "Connection refused")
        return _Line(head, self._machine, self._network, number, delays)

    def forget(self) -> None:
        """Nothing to forget: each call has a connection of its own."""


class _Line:
    """One connection, for one call."""

    def __init__(
        self,
        head: Head,
        machine: Machine,
        network: Network,
        number: int,
        delays: Delays,
    ) -> None:
        self._number = number
        self._head = head
        self._machine = machine
        self._network = network
        self._delays = delays

    def prepare(self, patience: Patience) -> None:
        self._machine.passes("connected")

    def leave(self) -> None:
        pass

    def ask(self, body: bytes, patience: Patience) -> Reply:
        hub, machine = self._network.hub, self._machine
        task = machine.current()
        far = _Far(task.resume, lambda do: hub.later(self._delays.back, do))
        handle = partial(self._network.handle, self._number, hub.time)
        connection = Connection(handle)
        connection.connection_made(far)
        data = self._head.data + body
        # A request on its way arrives, even if this machine dies.
        hub.later(self._delays.there, lambda: connection.data_received(data))
        machine.passes("sent")
        left = min(patience.silence, patience.end_by - machine.monotonic())
        while not far.closed and not far.received:
            if not task.park(left):
                break
        machine.passes("answered")
        far.gone = True
        connection.connection_lost(None)
        if not far.received and not far.closed:
            raise LostError(f"no answer within {patience.silence:g} s")
        return read_bytes(bytes(far.received), LARGEST_BODY)


class _Far(asyncio.Transport):
    """The provider's end. Its bytes arrive at our end a little later."""

    def __init__(
        self, resume: Callable[[], None], later: Callable[[Callable[[], None]], None]
    ) -> None:
        super().__init__()
        self._resume = resume
        self._later = later
        self._closing = False
        self.gone = False
        """Whether our end has closed the connection."""
        self.closed = False
        """Whether our end has seen that the provider closed the connection."""
        self.received = bytearray()

    def is_closing(self) -> bool:
        return self._closing or self.gone

    def write(self, data: bytes | bytearray | memoryview) -> None:
        whole = bytes(data)
        self._later(lambda: self._arrive(whole))

    def close(self) -> None:
        self._closing = True
        self._later(self._end)

    def _arrive(self, data: bytes) -> None:
        self.received += data
        self._resume()

    def _end(self) -> None:
        self.closed = True
        self._resume()
