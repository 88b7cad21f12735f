"""How much a run has in it, and for how long: the scales that there are."""

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
"""Where a worker is made to die: see ``chaos.placement``."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much, and for how long."""

    orders: int
    seconds: float
    """From the first submission to the last."""
    half_open: float
    database_away: float
    refused: float
    """For so long Redis, and then the database, refuses what it is asked."""
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


LONG = Scale(5000, 190, 20, 10, 6, 20, 17, 8, 60)
SHORT = Scale(500, 30, 8, 4, 3, 6, 17, 6, 12)
PROOF = replace(
    SHORT,
    points=("answered", "writing", "calling"),
    freezes=(0.3, 0.56, 0.8),
    drain=90,
)
"""To notice mutations soon: workers die where it hurts, and stand still more than once.
What is broken may never end."""
SEED = 20261121
