"""The check of `rescind doctor` that old cancellations are deleted in time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import Engine

from rescind.ledger.changes.deletion import is_behind
from rescind.ledger.storage.transactions import reading
from rescind.ledger.storage.unreachable import LedgerUnreachableError
from rescind.operations.findings import Check, Level

LATE = timedelta(days=1)


def retention_checks(
    engine: Engine, age: timedelta | None, now: datetime
) -> Iterator[Check]:
    """One check if a retention is set and the ledger can be read."""
    if age is None:
        return
    try:
        with reading(engine) as connection:
            behind = is_behind(connection, now - age - LATE)
    except LedgerUnreachableError:
        return  # the check of the ledger says so
    if not behind:
        yield Check("retention", Level.OK, "old cancellations are deleted in time")
        return
    says = (
        f"most of the oldest cancellations ended more than {age.days + LATE.days} days"
        " ago, and are still there: see that a worker runs, or run `rescind prune`"
    )
    yield Check("retention", Level.WARNING, says, "retention-behind")
