"""The newest calls and orders of a world, for the live page and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from rescind.sandbox.orders import Order
from rescind.sandbox.simulation import Simulation
from rescind.sandbox.world import World

LIMIT = 50
"""The most calls, and the most orders, that are shown at once."""


def recent(world: World, order: str = "", provider: str = "") -> dict[str, Any]:
    """The newest calls and orders, without credentials and personal data.

    ``order`` is a part of an order's id, in any case; ``provider`` is a name. Both are
    empty for all.
    """
    part, log = order.strip().lower(), world.exchange.log
    calls = log.newest(LIMIT, part, provider)
    found = islice(_orders(world, part, provider), LIMIT)
    return {
        "total": log.total,
        "calls": [one.shown() for one in calls],
        "orders": [_shown(simulation, one, world) for simulation, one in found],
        "providers": list(world.simulations),
        "known": sum(len(one.orders) for one in world.simulations.values()),
        "scenario": Path(world.scenario.name).name or None,
        "steps_left": world.exchange.script.left(),
    }


def _orders(
    world: World, part: str, provider: str
) -> Iterator[tuple[Simulation, Order]]:
    """The orders of the newest calls first, then the others, the newest first."""
    seen: set[tuple[str, str]] = set()
    for name, order_id in _called(world):
        simulation = world.simulations[name]
        found = simulation.orders.get(order_id)
        if found is None or provider not in ("", name):
            continue
        if part in order_id.lower() and (name, order_id) not in seen:
            seen.add((name, order_id))
            yield simulation, found
    for name, simulation in world.simulations.items():
        if provider in ("", name):
            for found in reversed(simulation.orders.values()):
                if part in found.id.lower() and (name, found.id) not in seen:
                    yield simulation, found


def _called(world: World) -> Iterator[tuple[str, str]]:
    for entry in world.exchange.log.newest(LIMIT):
        for order_id in entry.events:
            yield entry.provider, order_id


def _shown(simulation: Simulation, order: Order, world: World) -> dict[str, Any]:
    record = simulation.record(order, world.exchange.timing.now())
    events = record.pop("events")
    last = events[-1] if events else None
    return {
        **record,
        "calls": len(events),
        "last": {"at": last["t"], "op": last["op"]} if last else None,
        "cancels": sum(one["op"] == "cancel" and one["acted"] for one in events),
    }
