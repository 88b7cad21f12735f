"""Draws the plan of a run from a seed: what is submitted and what goes wrong, and when.

The code is pure: it uses no clock and no process. Times are seconds from the first
submission.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from chaos.fault_schedule import PlannedFault, faults
from chaos.plan_drawing import with_plans
from chaos.scales import Scale

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
ITEMS = (101, 102, 103)
"""The items that each of the sandbox's Akinon orders has."""
TENTH = 10


@dataclass(frozen=True, slots=True)
class Message:
    """One ``rescind.submit``: sent at ``first``, and once more at ``second``."""

    first: float
    second: float
    entries: tuple[Mapping[str, Any], ...]

    @property
    def mark(self) -> str:
        """The name of this message: its first order."""
        return str(self.entries[0]["order"])


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is submitted in a run, and all that goes wrong in it."""

    seed: int
    scale: Scale
    messages: tuple[Message, ...]
    faults: tuple[PlannedFault, ...]
    doomed: tuple[str, ...]
    """Marks of messages whose first two deliveries kill the worker before intake."""


def plan(seed: int, scale: Scale) -> Plan:
    """Draw a plan; the same seed and scale give the same plan."""
    random = Random(seed)  # noqa: S311  (a plan, not a secret)
    # Another source: whatever is in plans, all else of a seed stays as it was.
    planning = Random(f"plans {seed}")  # noqa: S311
    messages = tuple(_messages(random, planning, scale))
    return Plan(
        seed, scale, messages, tuple(faults(random, scale)), _doomed(messages, scale)
    )


def _messages(random: Random, planning: Random, scale: Scale) -> list[Message]:
    entries = [_entry(random, number) for number in range(scale.orders)]
    # Another producer cancels some of these orders too, under a key of its own.
    entries += [_again(random, one) for one in entries[::TENTH]]
    random.shuffle(entries)
    made = []
    size = max(2, round(scale.orders / (scale.seconds * 4)))
    for start in range(0, len(entries), size):
        first = scale.seconds * start / len(entries)
        # Two producers send half of the messages at the same moment. The second copy
        # of the others comes later: the first may then be queued, under way or over.
        later = random.uniform(0.2, scale.seconds / 3)
        second = first if random.random() < 0.5 else min(first + later, scale.seconds)
        some = with_plans(planning, entries[start : start + size])
        made.append(Message(first, second, tuple(some)))
    return made


def _entry(random: Random, number: int) -> dict[str, Any]:
    """One entry; its times, if it has any, are seconds from its first submission."""
    provider, order, params = _wish(random, number)
    entry: dict[str, Any] = {"provider": provider, "order": order, "params": params}
    drawn = random.random()
    if drawn < 0.04:
        entry["cancel_before"] = random.choice((1, 4, 15))
    elif drawn < 0.07:
        entry["not_before"] = random.choice((1, 3))
    return entry


def _again(random: Random, entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry for the same order under another key, without times."""
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
    """Marks of some messages that are first sent after Redis was emptied."""
    late = [m for m in messages if m.first > 0.5 * scale.seconds]
    return tuple(message.mark for message in late[:: max(1, len(late) // 4)][:4])
