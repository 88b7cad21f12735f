"""The sizes of a run: how many orders it has, and how long its parts take."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

INSIDE = ("writing", "inserting", "claiming", "committing")
"""Points inside the engine's transaction."""
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
"""Points at which a worker can be killed: see ``chaos.placement``."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How many orders a run has, and how long its parts take, in seconds."""

    orders: int
    seconds: float
    """From the first submission to the last."""
    half_open: float
    database_away: float
    refused: float
    """How long each refusal of Redis and of the database lasts."""
    twin_beats: float
    frozen: float
    retry_every: float
    patience: float
    """Time after which an order whose outcome the provider hides becomes unresolved."""
    points: tuple[str, ...] = POINTS
    """Points at which workers are killed."""
    freezes: tuple[float, ...] = (0.56,)
    """When a worker is frozen, as fractions of ``seconds``."""
    outages: bool = True
    """Whether workers die, and services are away or refuse requests."""
    drain: float = math.inf
    """Maximum time of the drain; the run then ends even if it makes progress."""


LONG = Scale(5000, 190, 20, 10, 6, 20, 17, 8, 60)
SHORT = Scale(500, 30, 8, 4, 3, 6, 17, 6, 45)
PROOF = replace(
    SHORT,
    points=("answered", "writing", "calling"),
    freezes=(0.3, 0.56, 0.8),
    drain=90,
)
"""A scale to notice mutations soon: workers die at the most harmful points and freeze
more than once. The drain is limited, because a broken run may never end."""
CALM = replace(PROOF, outages=False)
"""Like ``PROOF``, but only providers misbehave and transactions fail. A reading
misleads only for some seconds after a late cancel. During an outage, and until the
lease of a dead worker ends, no order is read."""
STEADY = replace(PROOF, points=(), freezes=(), refused=LONG.refused)
"""Like ``PROOF``, but no worker dies or freezes: it may lose an answer then, which is
not counted as dropped. With a kill every three seconds, none ever counts. Refusals last
longer than a worker waits for SQLite's lock."""
SEED = 20261121
