"""Reads a scenario file (TOML): settings, orders, and what becomes of which call."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rescind.sandbox.faults import OPS
from rescind.sandbox.sandbox_scenario import Rule, Scenario, Seed
from rescind.sandbox.sandbox_settings import PLAIN, Settings
from rescind.sandbox.scenario_checks import (
    Place,
    flag,
    known_keys,
    needed,
    one_of,
    tables,
    text,
)
from rescind.sandbox.scenario_steps import steps_of
from rescind.sandbox.simulation import Simulation

TABLES = ("settings", "orders", "calls")
SETTINGS = (*PLAIN, "latency_ms", "token_prefix", "hang")
OF_RULE = ("provider", "account", "call", "order", "steps", "repeat")
OF_ORDER = ("provider", "id", "ids", "state")
NAMING = ("cancel", "read", "refill")
"""The calls that name orders."""
ACCOUNT = re.compile(r"[A-Za-z0-9_-]{1,64}")
LARGEST = 4_000_000
"""Bytes of a scenario file."""
Simulations = Mapping[str, Simulation]


def load_scenario(path: Path, simulations: Simulations) -> Scenario:
    """The scenario of a file. Raises ``ScenarioError``."""
    place = Place(str(path))
    try:
        with path.open("rb") as file:
            written = file.read(LARGEST + 1)
    except OSError as error:
        raise place.wrong(f"cannot be read: {error.strerror}") from None
    if len(written) > LARGEST:
        raise place.wrong(f"has more than {LARGEST} bytes")
    try:
        return read_scenario(written.decode(), str(path), simulations)
    except UnicodeDecodeError:
        raise place.wrong("is not UTF-8") from None


def read_scenario(written: str, name: str, simulations: Simulations) -> Scenario:
    """The scenario of a text in TOML. Raises ``ScenarioError``."""
    try:
        document = tomllib.loads(written)
    except tomllib.TOMLDecodeError as error:
        raise Place(name).wrong(f"is not TOML: {error}") from None
    known_keys(Place(name), document, TABLES)
    return Scenario(
        name,
        _settings(Place(name, "[settings]"), document.get("settings", {})),
        _seeds(name, document, simulations),
        [
            _rule(place, one, simulations)
            for place, one in tables(name, document, "calls")
        ],
    )


def _settings(place: Place, values: Any) -> Mapping[str, Any]:
    if not isinstance(values, dict):
        raise place.wrong("must be a table")
    known_keys(place, values, SETTINGS)
    for name, value in values.items():
        try:
            Settings().change({name: value})
        except (ValueError, TypeError) as error:
            raise place.wrong(str(error)) from None
    return values


def _seeds(name: str, document: Any, simulations: Simulations) -> list[Seed]:
    found: dict[tuple[str, str], Seed] = {}
    for place, one in tables(name, document, "orders"):
        for seed in _orders(place, one, simulations):
            if (seed.provider, seed.id) in found:
                raise place.wrong(f"order {seed.id} of {seed.provider} is there twice")
            found[seed.provider, seed.id] = seed
    return list(found.values())


def _orders(place: Place, one: Any, simulations: Simulations) -> list[Seed]:
    simulation = _simulation(place, one, simulations)
    options = {k: v for k, v in one.items() if k not in OF_ORDER}
    known_keys(place, one, (*OF_ORDER, *simulation.order_options))
    state = needed(place, one, "state")
    one_of(place.at("state"), state, tuple(simulation.truths))
    for key, value in options.items():
        option = simulation.order_options[key]
        if not option.accepts(value):
            raise place.at(key).wrong(f"must be {option.allowed}")
    ids = _ids(place, one, simulation)
    return [Seed(simulation.name, order_id, state, options) for order_id in ids]


def _ids(place: Place, one: Any, simulation: Simulation) -> list[str]:
    if ("id" in one) == ("ids" in one):
        raise place.wrong("must have id or ids, and not both")
    if "id" in one:
        return [_id(place.at("id"), one["id"], simulation)]
    if not isinstance(one["ids"], list) or not one["ids"]:
        raise place.at("ids").wrong("must be a list with one id or more")
    return [_id(place.at("ids"), value, simulation) for value in one["ids"]]


def _id(place: Place, value: object, simulation: Simulation) -> str:
    words = f"{simulation.id_form}, as a text in quotation marks"
    written = text(place, value, words)
    if not simulation.id_pattern.fullmatch(written):
        raise place.wrong(f"{written!r} must be {simulation.id_form}")
    return simulation.key(written)


def _rule(place: Place, one: Any, simulations: Simulations) -> Rule:
    known_keys(place, one, OF_RULE)
    simulation = _simulation(place, one, simulations)
    order = _id(place.at("order"), one["order"], simulation) if "order" in one else None
    op = one_of(place.at("call"), one["call"], OPS) if "call" in one else None
    if order is not None and op not in (None, *NAMING):
        says = f"a {op} call names no order; allowed with order: {', '.join(NAMING)}"
        raise place.at("call").wrong(says)
    steps = needed(place, one, "steps")
    return Rule(
        simulation.name,
        steps_of(place.at("steps"), steps, simulation, order),
        _account(place.at("account"), one.get("account")),
        op,
        order,
        flag(place.at("repeat"), one.get("repeat", False)),
    )


def _simulation(place: Place, one: Any, simulations: Simulations) -> Simulation:
    value = needed(place, one, "provider")
    return simulations[one_of(place.at("provider"), value, tuple(simulations))]


def _account(place: Place, value: object) -> str | None:
    if value is None:
        return None
    words = "1 to 64 letters, digits, - and _"
    if not ACCOUNT.fullmatch(text(place, value, words)):
        raise place.wrong(f"must be {words}")
    return str(value)
