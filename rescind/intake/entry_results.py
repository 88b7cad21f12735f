"""The result of an entry: accepted, a duplicate of a row that is there, or refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import Row

from rescind.intake.entry_records import is_refused
from rescind.intake.key_conflicts import conflict_of
from rescind.intake.receipts import Receipt, Taken, refused
from rescind.intake.repeated_dependencies import RepeatedDependencies
from rescind.intake.repeats import differences
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.seal import Seal


def settled(
    one: NewCancellation,
    inserted: frozenset[str],
    row: Row[Any] | None,
    seal: Seal,
    known: RepeatedDependencies | None = None,
) -> Taken:
    """The result of ``one``; ``row`` has its key if ``one`` was not inserted. Without
    ``known``, its dependencies are not compared."""
    lane = (one.provider, one.account)
    if not one.kept:
        return refused(one.refusal, "")
    if one.id in inserted:
        if is_refused(one):
            return refused(one.refusal, one.id)
        return Taken(Receipt.ACCEPTED, one.id, lane)
    if row is None:
        raise LookupError(f"{one.path} was neither inserted nor found")
    if is_refused(one):
        return refused(one.refusal, row.id)
    conflict = conflict_of(one, row, seal)
    if conflict is None:
        more = known.differing(one, row.id) if known else ()
        differs = (*differences(one, row), *more)
        return Taken(Receipt.DUPLICATE, row.id, lane, state=row.state, differs=differs)
    return replace(refused(conflict, one.id), conflicts=True)
