"""Which refusals the workers have met: they say so in their log.

A fault that reached no worker would prove nothing.
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
"""Words of the log, by what was refused."""

MUST_BE_MET: Mapping[str, frozenset[str]] = {
    "redis full": frozenset({"OOM"}),
    "redis cannot save": frozenset({"MISCONF"}),
    "redis demoted": frozenset({"READONLY", "UNBLOCKED"}),
    "database read-only": frozenset({"ledger read-only", "ledger locked"}),
    "database failed over": frozenset({"ledger read-only", "ledger locked"}),
}
"""By outage: of these some worker has to say at least one."""


def never_met(outages: Iterable[str], said: Mapping[str, int]) -> list[str]:
    """The outages that no worker has noticed."""
    return [
        what
        for what in outages
        if what in MUST_BE_MET and not any(map(said.get, MUST_BE_MET[what]))
    ]


def refusals_in(lines: Iterable[str]) -> dict[str, int]:
    """How many lines name each; none that no line names."""
    lines = list(lines)
    found = {
        what: sum(any(one in line for one in words) for line in lines)
        for what, words in SAID.items()
    }
    return {what: count for what, count in found.items() if count}
