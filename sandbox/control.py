"""The control API, under ``/_sandbox/``. It is never faulted, and never slow."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl

from sandbox.akinon import Akinon
from sandbox.http import Reply, Request, dumps, reply
from sandbox.options import BadRequestError, change
from sandbox.provider import Provider
from sandbox.simulation import Simulation
from sandbox.world import Order

JSON_LINES = "application/x-ndjson"


class Control:
    """Seeds orders, shows the truth, sets faults."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._doors: dict[tuple[str, str], Callable[[Request], Reply]] = {
            ("GET", "health"): self._health,
            ("GET", "orders"): self._show,
            ("POST", "orders"): self._seed,
            ("GET", "calls"): self._calls,
            ("POST", "faults"): self._faults,
            ("POST", "settings"): self._settings,
            ("POST", "reset"): self._reset,
            ("POST", "expire-tokens"): self._expire,
        }

    def answer(self, name: str, request: Request) -> Reply:
        door = self._doors.get((request.method, name))
        if door is None:
            return reply(404, {"error": f"no {request.method} /_sandbox/{name}"})
        try:
            return door(request)
        except (BadRequestError, ValueError, TypeError) as wrong:
            return reply(400, {"error": str(wrong)})

    def _health(self, request: Request) -> Reply:
        del request
        simulation = self._simulation
        orders = {name: len(kept) for name, kept in simulation.world.orders.items()}
        return reply(200, {"status": "ok", "orders": orders})

    def _seed(self, request: Request) -> Reply:
        body = request.json()
        wanted = body.get("orders") if isinstance(body, dict) else None
        if not isinstance(wanted, list):
            raise BadRequestError('orders: {"orders": [...]} is needed')
        now = time.time()
        for one in wanted:
            self._provider(one).seed(one, now)
        return reply(200, {"seeded": len(wanted)})

    def _show(self, request: Request) -> Reply:
        query = dict(parse_qsl(request.query))
        provider = query.get("provider")
        if provider is not None:
            self._provider({"provider": provider})
        lines = map(dumps, self._records(provider, query.get("order")))
        text = "".join(f"{line}\n" for line in lines)
        return Reply(200, text.encode("utf-8", "surrogatepass"), JSON_LINES)

    def _records(
        self, provider: str | None, order: str | None
    ) -> Iterator[dict[str, Any]]:
        now = time.time()
        for name, one in self._simulation.world.each(provider):
            if order is None or one.id == order:
                yield _record(self._simulation.providers[name], one, now)

    def _calls(self, request: Request) -> Reply:
        query = parse_qsl(request.query)
        windows = [float(value) for name, value in query if name == "window"]
        report = self._simulation.tally.report(windows or (1.0, 60.0))
        return reply(200, {"providers": report})

    def _faults(self, request: Request) -> Reply:
        self._simulation.faults.change(request.json())
        return reply(200, {})

    def _settings(self, request: Request) -> Reply:
        simulation = self._simulation
        change(simulation.settings, simulation.lanes, request.json())
        simulation.release()
        return reply(200, {})

    def _reset(self, request: Request) -> Reply:
        simulation = self._simulation
        simulation.reset()
        change(simulation.settings, simulation.lanes, request.json() or {})
        simulation.reseed()
        return reply(200, {})

    def _expire(self, request: Request) -> Reply:
        del request
        for provider in self._simulation.providers.values():
            provider.expire_tokens()
        return reply(200, {})

    def _provider(self, wanted: object) -> Provider:
        name = wanted.get("provider") if isinstance(wanted, dict) else None
        found = self._simulation.providers.get(str(name))
        if found is None:
            raise BadRequestError(f"provider {name!r} is not known")
        return found


def _record(provider: Provider, order: Order, now: float) -> dict[str, Any]:
    record = {
        "provider": provider.name,
        "order": order.id,
        "truth": provider.truth(order, now),
        "state": order.state,
        "events": [call.event(order.id) for call in order.calls],
    }
    if isinstance(provider, Akinon):
        record["items"] = provider.items(order, now)
    return record
