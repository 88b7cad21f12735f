"""Why a run did not submit all that it found, and what to do about it."""

from __future__ import annotations

from datetime import timedelta

from rescind.ledger.scheduling.schedule_runs import Counts


def too_many(name: str, most: int) -> str:
    command = f"`rescind schedule run {name}"
    return (
        f"it found more than {most}, and may submit no more: nothing was. Look at them"
        f" with {command} --dry-run`; {command} --max N` lets up to N go"
    )


def too_long(name: str, counts: Counts, limit: timedelta) -> str:
    done = counts.accepted + counts.duplicates + counts.refused
    return (
        f"it was ended after {limit.seconds} s, when {done} of the {counts.found} that"
        " it found were submitted, and those stay. `rescind schedule run"
        f" {name}` submits the others, for as long as that takes, and none twice. Then"
        " let the rule find less at a time: more often, or from a narrower source"
    )


def died(name: str, attempts: int) -> str:
    return (
        f"it was begun {attempts} times, and each time its worker died at it: the"
        " workers' logs say of what. What it had submitted stays; `rescind schedule"
        f" run {name}` submits the others, and none twice"
    )


def unforeseen(error: Exception) -> str:
    """What ended it that no rule is to blame for."""
    # Its text might hold what was found: the kind must do.
    return f"it cannot be run: {type(error).__name__}"
