"""The control API under ``/_sandbox/``, which no simulated fault or delay affects."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from rescind.sandbox.faults import OPS, Scripted, known_kinds, known_rate
from rescind.sandbox.raw_http import Reply, Request, json_reply
from rescind.sandbox.recent import recent
from rescind.sandbox.sandbox_settings import PROVIDERS, known_provider
from rescind.sandbox.scenario_file import read_scenario
from rescind.sandbox.world import World

ROOT = "/_sandbox/"


class Control:
    """Answers the control API: seeds, reads and changes a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._routes = {
            ("POST", "orders"): self._seed,
            ("GET", "orders"): self._orders,
            ("GET", "calls"): self._calls,
            ("GET", "call-times"): self._call_times,
            ("GET", "recent"): self._recent,
            ("POST", "scenario"): self._scenario,
            ("POST", "faults"): self._faults,
            ("GET", "faults"): self._show_faults,
            ("POST", "settings"): self._change,
            ("GET", "settings"): self._settings,
            ("POST", "expire-tokens"): self._expire,
            ("POST", "reset"): self._reset,
            ("GET", "health"): self._health,
        }

    def handle(self, request: Request) -> Reply:
        name = request.path.removeprefix(ROOT).rstrip("/")
        route = self._routes.get((request.method, name))
        if route is None:
            return json_reply(404, {"error": f"no such call: {request.method} {name}"})
        try:
            return json_reply(200, route(request))
        except (ValueError, TypeError, KeyError) as error:
            return json_reply(400, {"error": str(error)})

    def _seed(self, request: Request) -> dict[str, Any]:
        """Each entry seeds the order ``id``, or all of ``ids``."""
        count = 0
        for entry in request.json()["orders"]:
            options = dict(entry)
            simulation = self._world.simulations[
                known_provider(options.pop("provider"))
            ]
            state = options.pop("state")
            ids = options.pop("ids", None) or [options.pop("id")]
            for order_id in map(str, ids):
                simulation.seed(order_id, state, options)
                count += 1
        return {"seeded": count}

    def _orders(self, request: Request) -> dict[str, Any]:
        asked, now = parse_qs(request.query), time.time()
        names = asked.get("provider", list(self._world.simulations))
        wanted = [known_provider(name) for name in names]
        found = []
        for simulation in map(self._world.simulations.__getitem__, wanted):
            chosen: Any = simulation.orders.values()
            if "id" in asked:
                keys = dict.fromkeys(map(simulation.key, asked["id"]))
                chosen = [simulation.orders[k] for k in keys if k in simulation.orders]
            found += [simulation.record(order, now) for order in chosen]
        return {"orders": found}

    def _recent(self, request: Request) -> dict[str, Any]:
        asked = {name: values[0] for name, values in parse_qs(request.query).items()}
        return recent(self._world, asked.get("order", ""), asked.get("provider", ""))

    def _scenario(self, request: Request) -> dict[str, Any]:
        """The body is a scenario file; without one, there is no scenario any more."""
        written = request.body.decode()
        name = "scenario" if written.strip() else ""
        scenario = read_scenario(written, name, self._world.simulations)
        self._world.play(scenario)
        return {"orders": len(scenario.seeds), "rules": len(scenario.rules)}

    def _calls(self, request: Request) -> dict[str, Any]:
        del request
        exchange = self._world.exchange
        calls: dict[str, dict[str, int]] = {name: {} for name in PROVIDERS}
        for (provider, op), count in exchange.calls.items():
            calls[provider][op] = count
        fired = [
            {"provider": provider, "op": op, "kind": kind, "count": count}
            for (provider, op, kind), count in exchange.faults.fired.items()
        ]
        return {
            "calls": calls,
            "faults": fired,
            "throttled": {name: exchange.throttled[name] for name in PROVIDERS},
            "logins": self._world.logins(),
        }

    def _call_times(self, request: Request) -> dict[str, Any]:
        del request
        return {"times": self._world.exchange.times.tolist()}

    def _faults(self, request: Request) -> dict[str, Any]:
        body, faults = request.json(), self._world.exchange.faults
        script = [_scripted(entry) for entry in body.get("script", ())]
        named = body.get("provider")
        chosen = [known_provider(named)] if named is not None else PROVIDERS
        changes: dict[str, Any] = {}
        if "rate" in body:
            changes["rates"] = dict.fromkeys(chosen, known_rate(body["rate"]))
        if "kinds" in body:
            changes["kinds"] = dict.fromkeys(chosen, known_kinds(body["kinds"]))
        for name, change in changes.items():
            getattr(faults, name).update(change)
        faults.script += script
        return self._show_faults(request)

    def _show_faults(self, request: Request) -> dict[str, Any]:
        del request
        faults = self._world.exchange.faults
        script = [
            {"provider": s.provider, "op": s.op, "kind": s.kind, "times": s.times}
            for s in faults.script
        ]
        return {"rates": faults.rates, "kinds": faults.kinds, "script": script}

    def _change(self, request: Request) -> dict[str, Any]:
        self._world.settings.change(request.json())
        self._world.exchange.release()
        return self._world.settings.shown()

    def _settings(self, request: Request) -> dict[str, Any]:
        del request
        return self._world.settings.shown()

    def _expire(self, request: Request) -> dict[str, Any]:
        del request
        return {"expired": self._world.expire_tokens()}

    def _reset(self, request: Request) -> dict[str, Any]:
        del request
        self._world.reset()
        return {"reset": True}

    def _health(self, request: Request) -> dict[str, Any]:
        del request
        kept = self._world.simulations.values()
        return {"ok": True, "orders": sum(len(one.orders) for one in kept)}


def _scripted(entry: Mapping[str, Any]) -> Scripted:
    (kind,) = known_kinds([entry["kind"]])
    op, times = entry["op"], entry.get("times", 1)
    if op not in OPS:
        raise ValueError(f"op must be one of {', '.join(OPS)}")
    if not isinstance(times, int) or isinstance(times, bool) or times < 1:
        raise ValueError("times must be a whole number above 0")
    return Scripted(known_provider(entry["provider"]), op, kind, times)
