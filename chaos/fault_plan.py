"""What is submitted and what goes wrong when: drawn from a seed, before anything runs.

Pure: no clock, no process. Times are seconds from the first submission.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ITEMS = (101, 102, 103)
"""The items that each of the sandbox's Akinon orders has."""
KILL_EVERY = 3.0
FAULT_RATE = 0.15
TENTH = 10

INSIDE = ("writing", "inserting", "claiming", "committing")
"""Points inside the engine's transaction."""
FAILING = (*INSIDE, "committed")
"""Where that can be made to fail as well: at the last one its answer is lost."""
POINTS = (
    "received",
    "taking-in",
    "checked",
    "arrived",
    *INSIDE,
    "recorded",
    "inserted",
    "claimed",
    "granted",
    "calling",
    "answered",
    "come-home",
    "taken-in",
    "done",
    "sweeping",
    "swept",
)
"""Where a worker is made to die: see ``chaos.placement``."""
FAILURES = ("away", "fault")
"""How a transaction is made to fail: see ``chaos.points``."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much, and for how long."""

    orders: int
    seconds: float
    """From the first submission to the last."""
    half_open: float
    database_away: float
    twin_beats: float
    frozen: float
    retry_every: float
    patience: float
    """After so long what the provider will not tell is given up as unresolved."""
    points: tuple[str, ...] = POINTS
    """Where workers are made to die."""
    freezes: tuple[float, ...] = (0.56,)
    """When a worker stands still, as parts of the time until the last submission."""
    drain: float = math.inf
    """So long after the last submission the run is over, whatever still moves."""


LONG = Scale(5000, 190, 20, 10, 20, 17, 8, 60)
SHORT = Scale(500, 30, 8, 4, 6, 17, 6, 12)
PROOF = replace(
    SHORT,
    points=("answered", "writing", "calling"),
    freezes=(0.3, 0.56, 0.8),
    drain=90,
)
"""To notice mutations soon: workers die where it hurts, and stand still more than once.
What is broken may never end."""
SEED = 20261121


@dataclass(frozen=True, slots=True)
class Message:
    """One ``rescind.submit``: sent at ``first``, and once more at ``second``."""

    first: float
    second: float
    entries: tuple[Mapping[str, Any], ...]

    @property
    def mark(self) -> str:
        """What it is known by: its first order."""
        return str(self.entries[0]["order"])


@dataclass(frozen=True, slots=True)
class Blow:
    """Something that goes wrong."""

    at: float
    kind: str
    seconds: float = 0.0
    point: str = ""
    failure: str = ""
    """Of a transaction: one of ``FAILURES``."""


@dataclass(frozen=True, slots=True)
class Plan:
    seed: int
    scale: Scale
    messages: tuple[Message, ...]
    blows: tuple[Blow, ...]
    doomed: tuple[str, ...]
    """Marks of messages whose first two deliveries die before they are taken in."""


def plan(seed: int, scale: Scale) -> Plan:
    """The same for the same seed and scale."""
    random = Random(seed)  # noqa: S311  (a plan, not a secret)
    messages = tuple(_messages(random, scale))
    return Plan(
        seed, scale, messages, tuple(_blows(random, scale)), _doomed(messages, scale)
    )


# --- what is submitted --------------------------------------------------------------


def _messages(random: Random, scale: Scale) -> list[Message]:
    entries = [_entry(random, number) for number in range(scale.orders)]
    # Another producer's wish for some of these orders, under a key of its own.
    entries += [_again(random, one) for one in entries[::TENTH]]
    random.shuffle(entries)
    made = []
    size = max(2, round(scale.orders / (scale.seconds * 4)))
    for start in range(0, len(entries), size):
        first = scale.seconds * start / len(entries)
        # Half of them at the same moment, by two producers; half of them some time
        # later, when the first may be queued, under way or long over.
        later = random.uniform(0.2, scale.seconds / 3)
        second = first if random.random() < 0.5 else min(first + later, scale.seconds)
        made.append(Message(first, second, tuple(entries[start : start + size])))
    return made


def _entry(random: Random, number: int) -> dict[str, Any]:
    """Its times, where it has any, are seconds from its first submission."""
    provider, order, params = _wish(random, number)
    entry: dict[str, Any] = {"provider": provider, "order": order, "params": params}
    drawn = random.random()
    if drawn < 0.04:
        entry["cancel_before"] = random.choice((1, 4, 15))
    elif drawn < 0.07:
        entry["not_before"] = random.choice((1, 3))
    return entry


def _again(random: Random, entry: Mapping[str, Any]) -> dict[str, Any]:
    """The same order once more, whenever it may come."""
    kept = {name: entry[name] for name in ("provider", "order", "params")}
    return {**kept, "key": f"second-{random.getrandbits(40):010x}"}


def _wish(random: Random, number: int) -> tuple[str, str, dict[str, Any]]:
    match random.choices(range(5), (30, 22, 16, 12, 20))[0]:
        case 0:
            letters = "".join(random.choices(CROCKFORD, k=20))
            return "notpanel", f"ord_01HG9X{letters}", {}
        case 1:
            return "ithink", str(86_300_000_000 + number), {}
        case 2:
            return "iletimerkezi", str(400_000_000 + number), {}
        case 3:
            key = uuid.UUID(int=random.getrandbits(128), version=4)
            return "dukkango", str(key), {"reason_id": 1 + number % 8}
        case _:
            return "akinon", str(2_000_000 + number), _akinon_params(random)


def _akinon_params(random: Random) -> dict[str, Any]:
    items = ITEMS if random.random() < 0.7 else random.sample(ITEMS, 2)
    which: dict[str, Any] = (
        {"is_all": True} if items == ITEMS else {"cancel_items": sorted(items)}
    )
    return {**which, "reasons": {str(item): 2 for item in items}}


def _doomed(messages: tuple[Message, ...], scale: Scale) -> tuple[str, ...]:
    """Some that are sent after Redis was emptied, and while all else is well."""
    late = [m for m in messages if m.first > 0.5 * scale.seconds]
    return tuple(message.mark for message in late[:: max(1, len(late) // 4)][:4])


# --- what goes wrong ----------------------------------------------------------------


def _blows(random: Random, scale: Scale) -> list[Blow]:
    at = scale.seconds
    once = [
        Blow(0.06 * at, "kill redis"),
        Blow(0.14 * at, "empty redis"),
        Blow(0.20 * at, "half-open redis", scale.half_open),
        Blow(0.42 * at, "kill beat"),
        Blow(0.46 * at, "database away", scale.database_away),
        Blow(0.60 * at, "second beat", scale.twin_beats),
        Blow(0.64 * at, "restart database"),
    ]
    once += [Blow(part * at, "freeze worker", scale.frozen) for part in scale.freezes]
    often = _kills(random, scale) + _failures(random, scale)
    return sorted(once + often, key=lambda blow: blow.at)


def _kills(random: Random, scale: Scale) -> list[Blow]:
    """Every three seconds, at each point in turn."""
    points = _in_turn(random, scale.points, _times(scale))
    return [
        Blow(KILL_EVERY * (number + 1), "kill worker", point=point)
        for number, point in enumerate(points)
    ]


def _failures(random: Random, scale: Scale) -> list[Blow]:
    """A transaction fails between each two kills, at each point in turn."""
    points = _in_turn(random, FAILING, _times(scale))
    return [
        Blow(
            KILL_EVERY * (number + 0.5),
            "fail transaction",
            point=point,
            failure=FAILURES[number % len(FAILURES)],
        )
        for number, point in enumerate(points)
    ]


def _times(scale: Scale) -> int:
    return int(scale.seconds / KILL_EVERY)


def _in_turn(random: Random, points: Sequence[str], count: int) -> list[str]:
    """So many of them, each about as often as the others."""
    drawn = [*points] * (count // len(points) + 1)
    random.shuffle(drawn)
    return drawn[:count]
