"""Prints the result of a submission, and sets the exit status."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import typer
from sqlalchemy import Engine

from rescind.cli import output
from rescind.cli.direct_submission import Submission, Submitted
from rescind.cli.wait import wait, worst
from rescind.errors import messages
from rescind.errors.exit_statuses import DONE
from rescind.intake.receipts import Receipt
from rescind.intake.submissions import MOST
from rescind.ledger.reading.queries import as_record, rows_of
from rescind.ledger.storage.transactions import reading

MOST_SHOWN = 20
"""The number of wrong rows that are printed, and of repeats with other values."""
LONGEST_ORDER = 60


def finish_few(
    submission: Submission,
    orders: Sequence[str],
    seconds: float | None,
    *,
    as_json: bool,
) -> None:
    """Print the result of ``rescind cancel``: one line for each order."""
    for number, why in (*submission.result.wrong, *submission.result.remarks):
        messages.say(f"order {_short(orders[number])}: {why}")
    _say_where(submission.result)
    status = _waited(submission, seconds)
    found = records(submission.engine, submission.result.ids)
    if as_json:
        _emit_all(found)
    else:
        output.table(
            ("id", "lane", "order", "state", "reason", "message"), map(_line, found)
        )
    _end(status)


def finish_many(
    submission: Submission, seconds: float | None, *, as_json: bool
) -> None:
    """Print the result of ``rescind submit``: the records, or counts by result."""
    _say_wrong(submission.result)
    _say_remarks(submission.result)
    if not as_json:
        output.emit(_summary(submission.result))
    status = _waited(submission, seconds)
    if as_json:
        _emit_all(records(submission.engine, submission.result.ids))
    elif seconds is not None:
        _outcomes(submission)
    _end(status)


def records(engine: Engine, ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The current records of ``ids``, in the same order."""
    for start in range(0, len(ids), MOST):
        with reading(engine) as connection:
            found = rows_of(connection, ids[start : start + MOST])
        yield from (as_record(row) for row in found)


def _waited(submission: Submission, seconds: float | None) -> int:
    result = submission.result
    if seconds is None or not result.ids:
        return result.status
    return worst(result.status, wait(submission.engine, result.ids, seconds))


def _end(status: int) -> None:
    if status != DONE:
        raise typer.Exit(status)


def _emit_all(found: Iterator[dict[str, Any]]) -> None:
    for record in found:
        output.emit_json(record)


def _line(record: dict[str, Any]) -> tuple[object, ...]:
    lane = f"{record['provider']}/{record['account']}"
    names = ("order", "state", "reason", "provider_message")
    return (record["id"], lane, *(record[name] for name in names))


def _short(order: str) -> str:
    return order if len(order) <= LONGEST_ORDER else f"{order[:LONGEST_ORDER]}…"


def _say_wrong(result: Submitted) -> None:
    for line, why in result.wrong[:MOST_SHOWN]:
        messages.say(f"line {line}: {why}")
    more = len(result.wrong) - MOST_SHOWN
    if more > 0:
        messages.say(
            f"and {more} more; those that could be read are kept:"
            " rescind list --state rejected"
        )
    _say_where(result)


def _say_remarks(result: Submitted) -> None:
    for line, said in result.remarks[:MOST_SHOWN]:
        messages.say(f"line {line}: {said}")
    more = len(result.remarks) - MOST_SHOWN
    if more > 0:
        messages.say(f"and {more} more were submitted before with other values")


def _say_where(result: Submitted) -> None:
    if result.wrong:
        messages.see("invalid-request")


def _summary(result: Submitted) -> str:
    words = [
        f"{result.count(Receipt.ACCEPTED)} accepted",
        f"{result.count(Receipt.DUPLICATE)} submitted before",
        f"{result.count(Receipt.REFUSED)} refused",
    ]
    if result.unread:
        words.append(f"{result.unread} that could not be read")
    size = len(result.ids) + result.unread
    return f"{size} {'row' if size == 1 else 'rows'}: {', '.join(words)}"


def _outcomes(submission: Submission) -> None:
    """Print the number of orders by provider, state and reason."""
    counts: dict[tuple[str, str, str], int] = {}
    for one in records(submission.engine, list(dict.fromkeys(submission.result.ids))):
        ended = (one["provider"], one["state"], one["reason"] or "")
        counts[ended] = counts.get(ended, 0) + 1
    rows = [(*ended, count) for ended, count in sorted(counts.items())]
    output.table(("provider", "state", "reason", "orders"), rows)
