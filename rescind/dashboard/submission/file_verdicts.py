"""What would happen to each row of a file if it were submitted now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from rescind.config.accounts import Lane
from rescind.dashboard.known_sentences import JOINED, known
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.submission.order_notes import (
    order_of,
    same_order_notes,
    spelling_note,
)
from rescind.dashboard.submission.row_fields import Fields, fields_of
from rescind.dashboard.submission.single_form import begins_at_once, why_late
from rescind.dashboard.translation import _
from rescind.intake.files.file_rows import Row
from rescind.intake.limited_entries import limited
from rescind.intake.preview import preview
from rescind.intake.receipts import Receipt, Taken
from rescind.intake.references import Refs
from rescind.intake.repeats import remark
from rescind.ledger.access_limits import Limits
from rescind.ledger.changes.same_order import OrderOf
from rescind.ledger.reading.queries import rows_of
from rescind.ledger.storage.transactions import reading

AT_ONCE = 1000
"""Rows that one statement looks up."""


class Verdict(StrEnum):
    """What submitting a row would do, and then did."""

    NEW = "accepted"
    """It would be accepted, or was. A remark beside it is a warning."""
    KNOWN = "known"
    """The ledger has it: nothing would change."""
    REPEATED = "repeated"
    """An earlier row of the file is the same: nothing more would happen."""
    CONFLICT = "conflict"
    """Its key stands for something else."""
    WRONG = "wrong"
    """It is not valid."""


FAULTY = (Verdict.CONFLICT, Verdict.WRONG)
"""The verdicts of rows that are not submitted because something is wrong with them."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A row, and what would happen to it."""

    line: int
    entry: object
    verdict: Verdict
    why: str = ""
    id: str = ""
    """The id of the cancellation that the ledger has."""
    state: str = ""
    begins_at_once: bool = False
    """Whether its start time has passed."""

    @property
    def order(self) -> OrderOf | None:
        """The order of a row that would be accepted."""
        new = self.verdict is Verdict.NEW and isinstance(self.entry, Mapping)
        return order_of(self.entry) if new else None  # type: ignore[arg-type]

    @property
    def lane(self) -> Lane | None:
        """The lane of a row that would be accepted."""
        order = self.order
        return None if order is None else order[:2]

    @property
    def fields(self) -> Fields:
        """What the row says, by column."""
        return fields_of(self.entry)


def judge(
    dashboard: Dashboard, rows: Sequence[Row], now: datetime, within: Limits
) -> list[Judged]:
    """The verdict on each row for a session with these limits; writes nothing.

    May raise ``SealError``.
    """
    refs = Refs()
    rows = [replace(row, entry=refs.resolve(row.entry)) for row in rows]
    readable = [row for row in rows if row.wrong is None]
    context = dashboard.context
    known = (dashboard.engine, dashboard.accounts, context.seal)
    entries = limited([row.entry for row in readable], within)
    taken = preview(*known, entries, now, context.callbacks)
    states = _states(dashboard, taken)
    found = dict(zip([row.line for row in readable], taken, strict=True))
    judged = [_judged(row, found.get(row.line), states, now) for row in rows]
    return _with_notes(dashboard, judged, within)


def _with_notes(
    dashboard: Dashboard, judged: Sequence[Judged], within: Limits
) -> list[Judged]:
    orders = [order for one in judged if (order := one.order)]
    with reading(dashboard.engine) as connection:
        others = same_order_notes(connection, orders, within)
    return [_with_note(one, others) for one in judged]


def _with_note(one: Judged, others: Mapping[OrderOf, str]) -> Judged:
    entry, new = one.entry, one.verdict is Verdict.NEW
    if one.verdict in FAULTY or not isinstance(entry, Mapping):
        return one
    order = one.order
    known_of = others.get(order) if order else None
    notes = [known(one.why), spelling_note(entry, new=new), known_of]
    return replace(one, why=JOINED.join(filter(None, notes)))


def _states(dashboard: Dashboard, taken: Iterable[Taken]) -> dict[str, str]:
    """The states of the cancellations that the ledger has already, by id."""
    ids = [one.id for one in taken if one.receipt is Receipt.DUPLICATE]
    found: dict[str, str] = {}
    with reading(dashboard.engine) as connection:
        for start in range(0, len(ids), AT_ONCE):
            some = rows_of(connection, ids[start : start + AT_ONCE])
            found |= {row.id: row.state for row in some}
    return found


def _judged(
    row: Row, taken: Taken | None, states: Mapping[str, str], now: datetime
) -> Judged:
    if taken is None:
        return Judged(row.line, row.entry, Verdict.WRONG, row.wrong or "")
    if taken.receipt is Receipt.REFUSED:
        verdict = Verdict.CONFLICT if taken.conflicts else Verdict.WRONG
        return Judged(row.line, row.entry, verdict, taken.wrong or "")
    if taken.receipt is Receipt.DUPLICATE:
        state = states.get(taken.id, "")
        if not state:
            return Judged(row.line, row.entry, Verdict.REPEATED)
        why = remark(state, taken.differs) or ""
        return Judged(row.line, row.entry, Verdict.KNOWN, why, taken.id, state)
    entry = row.entry if isinstance(row.entry, dict) else {}
    late = why_late(entry, now)
    if late is not None:
        return Judged(row.line, row.entry, Verdict.WRONG, late)
    passed = begins_at_once(entry, now)
    why = _("not_before has passed: it is sent at once") if passed else ""
    return Judged(row.line, row.entry, Verdict.NEW, why, begins_at_once=passed)
