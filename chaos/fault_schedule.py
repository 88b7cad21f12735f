"""What goes wrong in a run, and when: drawn from a seed, before anything runs.

Pure: no clock, no process. Times are seconds from the first submission.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from chaos.scales import INSIDE, Scale

KILL_EVERY = 3.0
MISDEED_EVERY = 1.5
FAILING = (*INSIDE, "committed")
"""Where a transaction can be made to fail: at the last one its answer is lost."""
FAILURES = ("away", "fault")
"""How a transaction is made to fail: see ``chaos.points``."""
PROVIDER_FAULTS = (
    ("iletimerkezi", "late"),
    ("notpanel", "row_contradicted"),
    ("akinon", "late"),
)
"""What a provider does to one of its next cancels, beside its faults by rate. The
readings of the two that act late neither lag nor hold a queue: there, a cancel that is
sent again too soon is seen for certain."""


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """Something that goes wrong."""

    at: float
    kind: str
    seconds: float = 0.0
    point: str = ""
    """Where a worker dies or a transaction fails; or which provider misbehaves."""
    failure: str = ""
    """Of a transaction: one of ``FAILURES``. Of a provider: a kind of fault."""


def faults(random: Random, scale: Scale) -> list[PlannedFault]:
    """All that goes wrong, in the order of its times."""
    at = scale.seconds
    once = [
        PlannedFault(0.06 * at, "kill redis"),
        PlannedFault(0.14 * at, "empty redis"),
        PlannedFault(0.20 * at, "half-open redis", scale.half_open),
        PlannedFault(0.42 * at, "kill beat"),
        PlannedFault(0.46 * at, "database away", scale.database_away),
        PlannedFault(0.60 * at, "second beat", scale.twin_beats),
        # Far from each other: after each refusal Celery waits longer to connect.
        PlannedFault(0.33 * at, "redis full", scale.refused),
        PlannedFault(0.52 * at, "redis cannot save", scale.refused),
        PlannedFault(0.66 * at, "redis demoted", scale.refused),
        PlannedFault(0.72 * at, "database read-only", scale.refused),
        PlannedFault(0.77 * at, "restart database"),
        PlannedFault(0.81 * at, "database failed over", scale.refused),
    ]
    once += [
        PlannedFault(part * at, "freeze worker", scale.frozen) for part in scale.freezes
    ]
    often = _kills(random, scale) + _failures(random, scale) + _misdeeds(scale)
    return sorted(once + often, key=lambda fault: fault.at)


def _kills(random: Random, scale: Scale) -> list[PlannedFault]:
    """Every three seconds, at each point in turn."""
    points = _in_turn(random, scale.points, _times(scale))
    return [
        PlannedFault(KILL_EVERY * (number + 1), "kill worker", point=point)
        for number, point in enumerate(points)
    ]


def _failures(random: Random, scale: Scale) -> list[PlannedFault]:
    """A transaction fails between each two kills, at each point in turn."""
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
    """One after the other, each provider in turn."""
    made = []
    for number in range(int(scale.seconds / MISDEED_EVERY)):
        provider, fault = PROVIDER_FAULTS[number % len(PROVIDER_FAULTS)]
        at = MISDEED_EVERY * number
        made.append(PlannedFault(at, "provider fault", point=provider, failure=fault))
    return made


def _times(scale: Scale) -> int:
    return int(scale.seconds / KILL_EVERY)


def _in_turn(random: Random, points: Sequence[str], count: int) -> list[str]:
    """So many of them, each about as often as the others."""
    drawn = [*points] * (count // len(points) + 1)
    random.shuffle(drawn)
    return drawn[:count]
