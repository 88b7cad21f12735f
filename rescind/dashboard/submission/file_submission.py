"""Submits the rows of a file that a preview showed, and says what became of each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from rescind.dashboard.page_context import Dashboard
from rescind.dashboard.sessions import Session
from rescind.dashboard.submission.file_columns import cells_of
from rescind.dashboard.submission.file_verdicts import AT_ONCE, Judged, Verdict, judge
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
``state``, and ``cells``, which is the row as a file has it."""


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
    results = [
        _accepted(one, next(taken)) if one.verdict is Verdict.NEW else as_result(one)
        for one in judged
    ]
    return with_cells(results, rows)


def with_cells(results: Sequence[Result], rows: Sequence[Row]) -> list[Result]:
    """The results of these rows, which know how a file has each of them."""
    pairs = zip(results, rows, strict=True)
    return [{**one, "cells": cells_of(row.entry)} for one, row in pairs]


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
