"""Finds answers that workers dropped while the ledger could not be written.

A worker has to keep such an answer in memory, and record it once the ledger takes
writes again. Only the providers can see a dropped answer: the worker asks again about
an order for which the provider has already answered. That makes no statement untrue and
sends no second cancel. But where a provider's readings say too little, the order then
ends as unresolved.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from rescind.demo.facts import Offence

HELD = ("iletimerkezi", "ithink")
"""Providers whose success answer to a cancel is final: no reading has to follow."""
HELD_SECONDS = 0.5
"""Latency of these providers during a refusal: below the workers' read timeout."""
BACK_SECONDS = 2.0
"""Time in which a worker writes its kept answers once the ledger takes writes."""
LEASE_SECONDS = 12.0
"""How long a worker may keep an answer: 10 s, and the time that a call may take."""

Interval = tuple[float, float]
"""Start and end, in seconds since the epoch."""


def dropped(
    records: Sequence[Mapping[str, Any]],
    refusals: Sequence[Interval],
    troubles: Sequence[float],
    several: Collection[tuple[str, str]] = (),
) -> Iterator[Offence]:
    """Orders about which a worker asked again, although the provider had answered
    with a clear success while the ledger refused writes.

    ``records`` are the sandbox's. ``refusals`` are the intervals in which the ledger
    refused writes. ``troubles`` are the moments at which a worker was killed or frozen:
    that worker may have lost an answer that came shortly before. ``several`` are the
    orders (provider, order) with several cancellations: the later question may belong
    to another one than the answer.
    """
    for record in records:
        if (record["provider"], record["id"]) in several:
            continue
        if record["provider"] not in HELD:
            continue
        events = record["events"]
        for event, later in pairwise(events):
            if _was_dropped(event, refusals, troubles):
                passed = later["t"] - event["t"]
                why = (
                    "a success came while the ledger could not be written, and"
                    f" {passed:.1f} s later a worker asked again ({later['op']})"
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
