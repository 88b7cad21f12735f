"""Answers that came while the ledger could not be written: none may be dropped.

A worker has them in its hand, and records them once it can. Those that it drops are
only seen by the providers: they are asked again about an order that they have answered
for. That is no lie, and is no second cancel; but where they tell too little, it is how
orders end as unresolved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from rescind.demo.facts import Offence

HELD = ("iletimerkezi", "ithink")
"""Providers whose yes to a cancel is final, and asks for no reading."""
HELD_SECONDS = 0.5
"""How long they take to answer meanwhile: less than their callers wait."""
BACK_SECONDS = 2.0
"""Until a worker has written what it had, once the ledger takes it."""
LEASE_SECONDS = 12.0
"""For so long a worker may keep an answer: 10 s, and what a call may take."""

Interval = tuple[float, float]
"""From and to these moments (time since the epoch)."""


def dropped(
    records: Sequence[Mapping[str, Any]],
    refusals: Sequence[Interval],
    troubles: Sequence[float],
) -> Iterator[Offence]:
    """Orders that were asked about again, though a clear yes came for them while the
    ledger refused to be written.

    ``records`` are the sandbox's. ``troubles`` are when a worker was killed or frozen:
    what came shortly before may have been in its hand.
    """
    for record in records:
        if record["provider"] not in HELD:
            continue
        events = record["events"]
        for event, later in pairwise(events):
            if _was_dropped(event, refusals, troubles):
                passed = later["t"] - event["t"]
                why = (
                    "a yes came while the ledger could not be written, and"
                    f" {passed:.1f} s later it was asked about again ({later['op']})"
                )
                yield Offence(record["provider"], record["id"], why)


def _was_dropped(
    event: Mapping[str, Any], refusals: Sequence[Interval], troubles: Sequence[float]
) -> bool:
    if event["op"] != "cancel" or event["fault"] is not None:
        return False
    if not (event["acted"] and event["answered"]):
        return False
    asked = event["t"]
    for began, ended in refusals:
        if began <= asked + HELD_SECONDS <= ended:
            written = ended + BACK_SECONDS
            in_time = written - asked <= LEASE_SECONDS
            return in_time and not any(asked <= at <= written for at in troubles)
    return False
