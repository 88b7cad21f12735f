"""Finds cancellations that were accepted and have not ended: lost or unfinished."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from rescind.demo.facts import LedgerRow, Offence, Wish
from rescind.ledger.states import FINAL, State

LAPSED = timedelta(seconds=30)
"""How long an expired lease may stay: the sweep, which frees it, runs every second."""


def missing(accepted: Collection[Wish], rows: Sequence[LedgerRow]) -> Iterator[Offence]:
    """Lost cancellations that were accepted and are not in the ledger."""
    found = {(row["provider"], row["account"], row["key"]) for row in rows}
    for provider, account, key in sorted(set(accepted) - found):
        yield Offence(provider, key, f"accepted for {account}, and not in the ledger")


def abandoned(rows: Sequence[LedgerRow], at: datetime | None) -> Iterator[Offence]:
    """Lost cancellations that are open at ``at`` and that no worker will move.

    None if ``at`` is ``None``: then the run may have ended before a sweep came.
    """
    for row in rows:
        if _is_abandoned(row, at):
            why = f"its lease ended at {row['due_at']}, and nothing has freed it"
            yield Offence(row["provider"], row["order"], why)


def unfinished(rows: Sequence[LedgerRow], at: datetime | None) -> Iterator[Offence]:
    """Cancellations that are open at ``at`` and wait for a later step.

    All open ones if ``at`` is ``None``.
    """
    for row in rows:
        if row["state"] not in FINAL and not _is_abandoned(row, at):
            why = f"still {row['state']} at the end, due at {row['due_at']}"
            yield Offence(row["provider"], row["order"], why)


def _is_abandoned(row: LedgerRow, at: datetime | None) -> bool:
    """Whether a dead worker holds the row, and the sweep has not freed it in time.

    In every other open state, a row becomes due again by itself.
    """
    if at is None or row["state"] != State.SENDING:
        return False
    return datetime.fromisoformat(row["due_at"]) < at - LAPSED
