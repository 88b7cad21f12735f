"""Which call suffers what: by rate, at random but seeded, or by script."""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from sandbox.http import HTML, JSON, Reply
from sandbox.options import PROVIDERS, BadRequestError

BEFORE = (
    "drop_before",
    "error_500_before",
    "error_502_before",
    "error_503_before",
    "throttle",
    "slow_before",
    "refuse",
)
"""Kinds that keep the provider from acting."""
AFTER = (
    "drop_after",
    "error_500_after",
    "error_502_after",
    "error_503_after",
    "garbage",
    "slow_after",
    "row_missing",
)
"""Kinds that spoil the answer of a call that was acted on."""
KINDS = BEFORE + AFTER
OPERATIONS = ("cancel", "read", "login", "balance", "other")
NONE = "none"
"""In a script: this call suffers nothing."""


@dataclass(slots=True)
class Step:
    """The next ``times`` calls of an operation (of any, if empty) suffer ``kind``."""

    kind: str
    operation: str = ""
    times: int = 1


@dataclass(slots=True)
class Plan:
    """One provider's faults."""

    random: Random
    rate: float = 0.0
    kinds: Sequence[str] = KINDS
    operations: Sequence[str] = OPERATIONS
    script: deque[Step] = field(default_factory=deque)

    def choose(self, operation: str) -> str | None:
        """What this call suffers. A script goes before the rate."""
        if self.script:
            for step in self.script:
                if step.operation in {"", operation}:
                    return self._use(step)
        if self.rate and operation in self.operations:
            if self.random.random() < self.rate:
                return self.random.choice(self.kinds)
        return None

    def _use(self, step: Step) -> str | None:
        step.times -= 1
        if step.times < 1:
            self.script.remove(step)
        return None if step.kind == NONE else step.kind


class Faults:
    """Every provider's plan."""

    def __init__(self, seed: str, rate: float, kinds: Sequence[str]) -> None:
        self._rate, self._kinds = rate, _known(kinds or KINDS, KINDS, "kind")
        self.plans: dict[str, Plan] = {}
        self.reset(seed)

    def reset(self, seed: str) -> None:
        """Back to how it was started."""
        for name in PROVIDERS:
            # Of its own, so that the order of calls elsewhere changes nothing.
            chance = Random(f"{seed}/{name}")  # noqa: S311 - must be repeatable
            self.plans[name] = Plan(chance, self._rate, self._kinds)

    def change(self, wanted: object) -> None:
        """Apply what the control API was given, or nothing of it."""
        if not isinstance(wanted, dict):
            raise BadRequestError("faults: a JSON object is needed")
        unknown = set(wanted) - {"provider", "rate", "kinds", "operations", "script"}
        if unknown - {"clear"}:
            raise BadRequestError(f"faults: {sorted(unknown)} is not known")
        names = _known([wanted["provider"]] if wanted.get("provider") else PROVIDERS)
        changes = _changes(wanted)
        for name in names:
            self._apply(self.plans[name], changes, wanted)

    def _apply(
        self, plan: Plan, changes: Mapping[str, Any], wanted: Mapping[str, Any]
    ) -> None:
        if wanted.get("clear"):
            plan.rate = 0.0
            plan.script.clear()
        for name, value in changes.items():
            setattr(plan, name, value)
        plan.script.extend(_step(one) for one in wanted.get("script", ()))


def _changes(wanted: Mapping[str, Any]) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if "rate" in wanted:
        changes["rate"] = _rate(wanted["rate"])
    if "kinds" in wanted:
        changes["kinds"] = _known(wanted["kinds"] or KINDS, KINDS, "kind")
    if "operations" in wanted:
        named = wanted["operations"] or OPERATIONS
        changes["operations"] = _known(named, OPERATIONS, "operation")
    for one in wanted.get("script", ()):
        _step(one)
    return changes


def _rate(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequestError(f"faults: {value!r} is no rate")
    if not 0 <= value <= 1:
        raise BadRequestError(f"faults: a rate is from 0 to 1, not {value}")
    return float(value)


def _step(wanted: object) -> Step:
    if not isinstance(wanted, dict) or set(wanted) - {"kind", "operation", "times"}:
        raise BadRequestError(f"faults: kind, operation, times; not {wanted!r}")
    _known([wanted.get("kind")], (*KINDS, NONE), "kind")
    _known([wanted.get("operation") or "cancel"], OPERATIONS, "operation")
    times = wanted.get("times", 1)
    if type(times) is not int or times < 1:
        raise BadRequestError(f"faults: times is 1 or more, not {times!r}")
    return Step(wanted["kind"], wanted.get("operation") or "", times)


def _known(
    given: Sequence[Any], known: Sequence[str] = PROVIDERS, what: str = "provider"
) -> list[str]:
    wrong = [one for one in given if one not in known]
    if wrong or isinstance(given, str):
        raise BadRequestError(f"{what} {wrong or given!r}: not one of {tuple(known)}")
    return list(given)


def garbage(answer: Reply, chance: Random) -> Reply:
    """A 2xx that cannot be read, made of the answer that was due."""
    half = answer.body[: max(1, len(answer.body) // 2)]
    text = answer.body.decode("utf-8", "replace")
    foreign = codecs.encode(text, "cp037", "replace")
    return chance.choice(
        (
            Reply(200, half, JSON),
            Reply(200, b"<html><body>Please wait...</body></html>", HTML),
            Reply(200, b"", JSON),
            # Not UTF-8, whatever it says, nor anything a client would guess.
            Reply(200, foreign, "application/json; charset=utf-8"),
        )
    )
