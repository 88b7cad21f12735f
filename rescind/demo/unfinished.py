"""What was accepted and has not ended: lost, or not finished."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from rescind.demo.facts import LedgerRow, Offence, Wish
from rescind.ledger.states import FINAL, State

LAPSED = timedelta(seconds=30)
"""The sweep runs every second: a lease that it has not found by then, it never will."""


def missing(accepted: Collection[Wish], rows: Sequence[LedgerRow]) -> Iterator[Offence]:
    """Lost: accepted, and not in the ledger."""
    found = {(row["provider"], row["account"], row["key"]) for row in rows}
    for provider, account, key in sorted(set(accepted) - found):
        yield Offence(provider, key, f"accepted for {account}, and not in the ledger")


def abandoned(rows: Sequence[LedgerRow], at: datetime) -> Iterator[Offence]:
    """Lost: open at ``at``, and nothing will ever move it."""
    for row in rows:
        if _is_abandoned(row, at):
            why = f"its lease ended at {row['due_at']}, and nothing has freed it"
            yield Offence(row["provider"], row["order"], why)


def unfinished(rows: Sequence[LedgerRow], at: datetime) -> Iterator[Offence]:
    """Not finished: open at ``at``, and waiting for a step that is still to come."""
    for row in rows:
        if row["state"] not in FINAL and not _is_abandoned(row, at):
            why = f"still {row['state']} at the end, due at {row['due_at']}"
            yield Offence(row["provider"], row["order"], why)


def _is_abandoned(row: LedgerRow, at: datetime) -> bool:
    """Held by a worker that is gone: only the sweep could free it, and has not.

    In every other open state it is due again by itself.
    """
    if row["state"] != State.SENDING:
        return False
    return datetime.fromisoformat(row["due_at"]) < at - LAPSED
