"""Sentences that say why a run did not submit all entries, and what to do."""

from __future__ import annotations

from datetime import timedelta

from rescind.ledger.scheduling.schedule_runs import Counts


def too_many(name: str, most: int) -> str:
    command = f"`rescind schedule run {name}"
    return (
        f"it found more than {most}, its max, so nothing was submitted. {command}"
        f" --dry-run` shows the entries; {command} --max N` submits up to N"
    )


def too_long(name: str, counts: Counts, limit: timedelta) -> str:
    done = counts.accepted + counts.duplicates + counts.refused
    return (
        f"it was ended after {limit.seconds} s, when {done} of the {counts.found} that"
        " it found were submitted; those stay submitted. `rescind schedule run"
        f" {name}` submits the others without a time limit, and none twice. Then change"
        " the rule so that it finds fewer at a time: run it more often, or narrow its"
        " source"
    )


def died(name: str, attempts: int) -> str:
    return (
        f"it was begun {attempts} times, and its worker died each time: see the"
        " workers' logs for the cause. Entries that it submitted stay submitted;"
        f" `rescind schedule run {name}` submits the others, and none twice"
    )


def unforeseen(error: Exception) -> str:
    """The sentence for an error that is not the rule's fault."""
    # Only the kind of error: its text might contain data of the rows.
    return f"it cannot be run: {type(error).__name__}"
