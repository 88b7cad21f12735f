"""Submits the rows of a file that a preview showed, and says what became of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from rescind.dashboard.csv_export import BOM, as_csv, cell
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.sessions import Session
from rescind.dashboard.submission.file_verdicts import AT_ONCE, Judged, Verdict, judge
from rescind.intake.files.file_rows import Row
from rescind.intake.limited_entries import limited
from rescind.intake.submissions import Taken, lanes_to_notify, take_in
from rescind.ledger.changes.submission_actions import SubmissionActions

COLUMNS = ("line", "provider", "account", "order", "id", "receipt", "state", "wrong")
"""The columns of the result as a file."""
RECEIPTS = {
    Verdict.KNOWN: "duplicate",
    Verdict.REPEATED: "duplicate",
    Verdict.CONFLICT: "refused",
    Verdict.WRONG: "refused",
}

Result = dict[str, Any]
"""What became of one row: a value for each of ``COLUMNS``."""


def submit_rows(
    dashboard: Dashboard, rows: Sequence[Row], now: datetime, who: Session
) -> list[Result]:
    """Submit the valid new rows; gives the result of every row, in order.

    Nothing of the other rows is written to the ledger. After an error, the rows that
    were accepted stay accepted, and submitting the file again changes nothing of them.
    """
    judged = judge(dashboard, rows, now, who.limits)
    new = [one for one in judged if one.verdict is Verdict.NEW]
    taken = iter(list(_taken(dashboard, new, now, who)))
    return [
        _accepted(one, next(taken)) if one.verdict is Verdict.NEW else _left_out(one)
        for one in judged
    ]


def _taken(
    dashboard: Dashboard, new: Sequence[Judged], now: datetime, who: Session
) -> Iterator[Taken]:
    context, listed = dashboard.context, SubmissionActions()
    for start in range(0, len(new), AT_ONCE):
        some = [one.entry for one in new[start : start + AT_ONCE]]
        entries = limited(some, who.limits)
        known = (dashboard.engine, dashboard.accounts, context.seal)
        more = (now, context.callbacks)
        taken = take_in(*known, entries, *more, by=who.actor, listed=listed)
        dashboard.notify({"cancel": lanes_to_notify(taken)})
        yield from taken


def _accepted(one: Judged, taken: Taken) -> Result:
    found = {"id": taken.id, "receipt": taken.receipt.value, "wrong": taken.wrong or ""}
    return {**_named(one), "state": "", **found}


def _left_out(one: Judged) -> Result:
    found = {"id": one.id, "receipt": RECEIPTS[one.verdict], "wrong": one.why}
    return {**_named(one), "state": one.state, **found}


def _named(one: Judged) -> Result:
    shown = {name: one.shown(name) for name in ("provider", "account", "order")}
    return {"line": one.line, **shown}


def result_csv(results: Iterable[Result]) -> str:
    """The results as CSV for spreadsheet programs."""
    rows = ([cell(one[name]) for name in COLUMNS] for one in results)
    return BOM + as_csv([COLUMNS, *rows])
