"""Submits the rows of a file that a preview showed, and says what became of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from rescind.dashboard.csv_export import BOM, as_csv, cell
from rescind.dashboard.export_columns import headings
from rescind.dashboard.known_sentences import known
from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.sessions import Session
from rescind.dashboard.submission.file_verdicts import AT_ONCE, Judged, Verdict, judge
from rescind.dashboard.submission.row_fields import LABELS, columns_in
from rescind.intake.files.file_rows import Row
from rescind.intake.limited_entries import limited
from rescind.intake.receipts import Receipt, Taken, lanes_to_notify
from rescind.intake.submissions import take_in
from rescind.ledger.changes.submission_actions import SubmissionActions

RECEIPTS = {
    Receipt.ACCEPTED: Verdict.NEW,
    Receipt.DUPLICATE: Verdict.KNOWN,
    Receipt.REFUSED: Verdict.WRONG,
}
"""What became of a row that the preview would accept: others may have been first."""

Result = dict[str, Any]
"""What became of one row: its ``line``, ``fields``, ``verdict``, ``why``, ``id`` and
``state``."""


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
        _accepted(one, next(taken)) if one.verdict is Verdict.NEW else as_result(one)
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
    verdict = Verdict.CONFLICT if taken.conflicts else RECEIPTS[taken.receipt]
    found = {"verdict": verdict, "why": taken.wrong or one.why, "id": taken.id}
    return {"line": one.line, "fields": one.fields, "state": "", **found}


def as_result(one: Judged) -> Result:
    """What the preview says of a row, which was left out or is not submitted yet."""
    found = {"verdict": one.verdict, "why": one.why, "id": one.id, "state": one.state}
    return {"line": one.line, "fields": one.fields, **found}


# --- the result as a file -------------------------------------------------------------


def columns_of(results: Sequence[Result]) -> list[str]:
    """The columns of the result: those of the file, and what became of each row."""
    given = columns_in(one["fields"] for one in results)
    named = ("line", "provider", "account", "order", *given)
    return [*named, "verdict", "why", "state", "id"]


def result_rows(results: Sequence[Result]) -> Iterator[list[Any]]:
    """The values of the columns of each row."""
    columns = columns_of(results)
    for one in results:
        whole = {**one["fields"], **one, "why": known(one["why"])}
        yield [whole.get(name, "") for name in columns]


def result_csv(results: Sequence[Result]) -> str:
    """The results as CSV for spreadsheet programs."""
    rows = ([cell(one) for one in row] for row in result_rows(results))
    return BOM + as_csv([headings(columns_of(results), LABELS), *rows])
