"""One request's way: which provider, what it suffers, what it is answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from sandbox.akinon import Akinon
from sandbox.dukkango import Dukkango
from sandbox.faults import AFTER, Faults, garbage
from sandbox.http import Connection, Reply, Request
from sandbox.iletimerkezi import Iletimerkezi
from sandbox.ithink import Ithink
from sandbox.notpanel import Notpanel
from sandbox.options import Lane, Settings
from sandbox.provider import Asked, Provider, not_found
from sandbox.tally import Tally
from sandbox.world import World

KINDS_OF = (Iletimerkezi, Dukkango, Akinon, Ithink, Notpanel)
GATEWAY_GAVE_UP = 503
"""What a call that was slow and not acted on is answered, late."""


@dataclass(slots=True)
class Visit:
    """One call under way, with the answer it would get if nothing befell it."""

    provider: Provider
    asked: Asked
    request: Request
    connection: Connection
    now: float
    delay: float
    answer: Reply


class Simulation:
    """The five providers, their orders, and what befalls their callers."""

    def __init__(self, settings: Settings, faults: Faults, latency_ms: float) -> None:
        self._started = replace(settings)
        self._latency_ms = latency_ms
        self.settings = settings
        self.faults = faults
        self.world = World(settings, [kind.name for kind in KINDS_OF])
        self.providers: dict[str, Provider] = {
            kind.name: kind(settings, self.world) for kind in KINDS_OF
        }
        self.lanes = {name: Lane(latency_ms) for name in self.providers}
        self.tally = Tally()
        self.refuse: Callable[[], None] = lambda: None
        """Closes the listening socket for a while; the server sets it."""
        self._held: list[tuple[Provider, Request, Connection]] = []
        self._effects = self._known_effects()

    def handle(self, name: str, request: Request, connection: Connection) -> None:
        """Serve a request to the provider ``name``; its path has no prefix any more."""
        provider = self.providers.get(name)
        if provider is None:
            connection.answer(not_found())
        elif self.lanes[name].hang:
            self._hold(provider, request, connection)
        else:
            self._serve(provider, request, connection)

    def release(self) -> None:
        """Serve what hung at providers that hang no more."""
        held, self._held = self._held, []
        for provider, request, connection in held:
            connection.on_close = None
            if connection.is_open:
                self.handle(provider.name, request, connection)

    def reset(self) -> None:
        """Forget everything, and be set as at the start."""
        for name in Settings.__slots__:
            setattr(self.settings, name, getattr(self._started, name))
        for lane in self.lanes.values():
            lane.latency_ms, lane.hang = self._latency_ms, False
        self.release()
        self.reseed()

    def reseed(self) -> None:
        self.world.clear()
        self.tally.clear()
        self.faults.reset(self.settings.seed)
        for provider in self.providers.values():
            provider.reset()

    def _hold(
        self, provider: Provider, request: Request, connection: Connection
    ) -> None:
        """Never answer, until released. What its caller gives up was not acted on."""
        held = (provider, request, connection)
        self._held.append(held)
        connection.on_close = partial(self._given_up, held)

    def _given_up(self, held: tuple[Provider, Request, Connection]) -> None:
        provider, request, _ = held
        if held in self._held:
            self._held.remove(held)
            asked = provider.read(request)
            self._record(provider, asked, time.time())
            self._fired(provider, asked, "hang")

    def _serve(
        self, provider: Provider, request: Request, connection: Connection
    ) -> None:
        now = time.time()
        asked = provider.read(request)
        self._record(provider, asked, now)
        name = provider.name
        kind = self.faults.plans[name].choose(asked.operation)
        delay = self.lanes[name].latency_ms / 1000
        if kind is None:
            answer = provider.act(asked, request, now)
            self._deliver(connection, asked, answer, delay)
            return
        answer = provider.act(asked, request, now) if kind in AFTER else not_found()
        visit = Visit(provider, asked, request, connection, now, delay, answer)
        self._fired(provider, asked, kind)
        self._effects[kind](visit)

    def _record(self, provider: Provider, asked: Asked, now: float) -> None:
        call = asked.call = self.world.call(now, asked.operation)
        orders = asked.orders = [provider.order(name) for name in asked.ids]
        self.tally.add(provider.name, asked.operation, now, len(orders))
        for order in orders:
            if not order.calls or order.calls[-1] is not call:
                order.calls.append(call)

    def _fired(self, provider: Provider, asked: Asked, kind: str) -> None:
        asked.call.fault = kind
        self.tally.fault(provider.name, asked.operation, kind)

    def _deliver(
        self, connection: Connection, asked: Asked, answer: Reply, delay: float
    ) -> None:
        if not delay:
            self._send(connection, asked, answer)
            return
        loop = asyncio.get_running_loop()
        loop.call_later(delay, self._send, connection, asked, answer)

    def _send(self, connection: Connection, asked: Asked, answer: Reply) -> None:
        # First the record: whoever has the answer may ask for it at once.
        asked.call.status = answer.status if connection.is_open else None
        asked.call.answered = connection.is_open
        connection.answer(answer)

    # What may befall a call

    def _known_effects(self) -> dict[str, Callable[[Visit], None]]:
        errors = {
            f"error_{status}_{when}": partial(self._error, status)
            for status in (500, 502, 503)
            for when in ("before", "after")
        }
        return {
            **errors,
            "drop_before": self._drop_before,
            "drop_after": self._drop_after,
            "garbage": self._garbage,
            "throttle": self._throttle,
            "slow_before": partial(self._slow, acted=False),
            "slow_after": partial(self._slow, acted=True),
            "row_missing": self._row_missing,
            "refuse": self._refuse,
        }

    def _finish(self, visit: Visit, answer: Reply, more: float = 0.0) -> None:
        self._deliver(visit.connection, visit.asked, answer, visit.delay + more)

    def _chance(self, visit: Visit) -> float:
        return self.faults.plans[visit.provider.name].random.random()

    def _error(self, status: int, visit: Visit) -> None:
        self._finish(visit, visit.provider.failed(status))

    def _drop_before(self, visit: Visit) -> None:
        visit.connection.cut(reset=self._chance(visit) < 0.5)

    def _drop_after(self, visit: Visit) -> None:
        """Reset, closed, or closed in the middle of the answer."""
        chance = self._chance(visit)
        raw = visit.answer.raw(keep_alive=True)
        part = raw[: len(raw) - max(1, len(visit.answer.body) // 2)]
        visit.connection.cut(part if chance < 0.3 else b"", reset=chance < 0.6)

    def _garbage(self, visit: Visit) -> None:
        plan = self.faults.plans[visit.provider.name]
        self._finish(visit, garbage(visit.answer, plan.random))

    def _throttle(self, visit: Visit) -> None:
        self._finish(visit, visit.provider.throttled(visit.now, visit.request))

    def _slow(self, visit: Visit, *, acted: bool) -> None:
        late = visit.answer if acted else visit.provider.failed(GATEWAY_GAVE_UP)
        self._finish(visit, late, self.settings.slow_seconds)

    def _row_missing(self, visit: Visit) -> None:
        number = int(self._chance(visit) * 1_000_000)
        rest = None
        if len(visit.asked.ids) > 1:
            rest = visit.provider.without_row(visit.answer, number)
        if rest is None:
            self.tally.unfault(
                visit.provider.name, visit.asked.operation, "row_missing"
            )
            visit.asked.call.fault = None
        self._finish(visit, rest or visit.answer)

    def _refuse(self, visit: Visit) -> None:
        visit.connection.cut(reset=True)
        self.refuse()
