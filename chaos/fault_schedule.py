"""Draws from a seed what goes wrong in a run, and when.

The code is pure: it uses no clock and no process. Times are seconds from the first
submission.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from chaos.scales import INSIDE, Scale

KILL_EVERY = 3.0
MISDEED_EVERY = 1.5
FAILING = (*INSIDE, "committed")
"""Points at which a transaction can fail. At ``committed`` only its answer is lost."""
FAILURES = ("away", "fault")
"""How a transaction is made to fail: see ``chaos.points``."""
PROVIDER_FAULTS = (
    ("iletimerkezi", "late"),
    ("notpanel", "row_contradicted"),
    ("akinon", "late"),
)
"""Faults of a provider at one of its next cancels, beside its faults by rate.

The two providers that act late have no lag in their readings and no queue. A cancel
that a worker sends again too soon is therefore detected with certainty there.
"""


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """One fault of the plan."""

    at: float
    kind: str
    seconds: float = 0.0
    point: str = ""
    """The point where a worker dies or a transaction fails, or the faulty provider."""
    failure: str = ""
    """One of ``FAILURES`` for a transaction; a kind of fault for a provider."""


def faults(random: Random, scale: Scale) -> list[PlannedFault]:
    """All faults of a run, in order of time."""
    kills, failures = _kills(random, scale), _failures(random, scale)
    made = failures + _misdeeds(scale)
    if scale.outages:
        made += _outages(scale) + _freezes(scale) + kills
    return sorted(made, key=lambda fault: fault.at)


def _freezes(scale: Scale) -> list[PlannedFault]:
    at = scale.seconds
    return [PlannedFault(p * at, "freeze worker", scale.frozen) for p in scale.freezes]


def _outages(scale: Scale) -> list[PlannedFault]:
    """Each kind of outage once."""
    at = scale.seconds
    return [
        PlannedFault(0.06 * at, "kill redis"),
        PlannedFault(0.14 * at, "empty redis"),
        PlannedFault(0.20 * at, "half-open redis", scale.half_open),
        PlannedFault(0.42 * at, "kill beat"),
        PlannedFault(0.46 * at, "database away", scale.database_away),
        PlannedFault(0.60 * at, "second beat", scale.twin_beats),
        # Far apart in time: after each refusal Celery waits longer before it connects.
        PlannedFault(0.33 * at, "redis full", scale.refused),
        PlannedFault(0.52 * at, "redis cannot save", scale.refused),
        PlannedFault(0.66 * at, "redis demoted", scale.refused),
        PlannedFault(0.72 * at, "database read-only", scale.refused),
        PlannedFault(0.77 * at, "restart database"),
        PlannedFault(0.81 * at, "database failed over", scale.refused),
    ]


def _kills(random: Random, scale: Scale) -> list[PlannedFault]:
    """A kill every three seconds, at each point in turn."""
    if not scale.points:
        return []
    points = _in_turn(random, scale.points, _times(scale))
    return [
        PlannedFault(KILL_EVERY * (number + 1), "kill worker", point=point)
        for number, point in enumerate(points)
    ]


def _failures(random: Random, scale: Scale) -> list[PlannedFault]:
    """A failing transaction between each two kills, at each point in turn."""
    points = _in_turn(random, FAILING, _times(scale))
    return [
        PlannedFault(
            KILL_EVERY * (number + 0.5),
            "fail transaction",
            point=point,
            failure=FAILURES[number % len(FAILURES)],
        )
        for number, point in enumerate(points)
    ]


def _misdeeds(scale: Scale) -> list[PlannedFault]:
    """Faults of the providers, one after the other, each provider in turn."""
    made = []
    for number in range(int(scale.seconds / MISDEED_EVERY)):
        provider, fault = PROVIDER_FAULTS[number % len(PROVIDER_FAULTS)]
        at = MISDEED_EVERY * number
        made.append(PlannedFault(at, "provider fault", point=provider, failure=fault))
    return made


def _times(scale: Scale) -> int:
    return int(scale.seconds / KILL_EVERY)


def _in_turn(random: Random, points: Sequence[str], count: int) -> list[str]:
    """``count`` of the points, shuffled, each about as often as the others."""
    drawn = [*points] * (count // len(points) + 1)
    random.shuffle(drawn)
    return drawn[:count]
