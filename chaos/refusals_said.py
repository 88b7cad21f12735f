"""Finds in the workers' log which refusals they have met.

A fault that no worker has met proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

SAID: Mapping[str, tuple[str, ...]] = {
    "OOM": ("Redis is full", "(OOM)"),
    "MISCONF": ("MISCONF",),
    # redis-py leaves this code out of the text.
    "READONLY": ("(READONLY)", "read only replica"),
    "UNBLOCKED": ("UNBLOCKED",),
    "ledger read-only": ("it is read-only, as a standby is",),
    "ledger locked": ("is locked by another program",),
    "ledger not reached": ("cannot be reached: ",),
}
"""By refusal: words of the log; a line with one of them reports the refusal."""

MUST_BE_MET: Mapping[str, frozenset[str]] = {
    "redis full": frozenset({"OOM"}),
    "redis cannot save": frozenset({"MISCONF"}),
    "redis demoted": frozenset({"READONLY", "UNBLOCKED"}),
    "database read-only": frozenset({"ledger read-only", "ledger locked"}),
    "database failed over": frozenset({"ledger read-only", "ledger locked"}),
}
"""By outage: the refusals of which some worker has to log at least one."""


def never_met(outages: Iterable[str], said: Mapping[str, int]) -> list[str]:
    """The outages that no worker has met. ``said`` counts the lines of each refusal."""
    return [
        what
        for what in outages
        if what in MUST_BE_MET and not any(map(said.get, MUST_BE_MET[what]))
    ]


def refusals_in(lines: Iterable[str]) -> dict[str, int]:
    """How many lines name each refusal; a refusal that no line names is left out."""
    lines = list(lines)
    found = {
        what: sum(any(one in line for one in words) for line in lines)
        for what, words in SAID.items()
    }
    return {what: count for what, count in found.items() if count}
