"""Submitting: straight into the ledger, by the thousand; then the lanes are woken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from worker.cli import output, services
from worker.cli.statuses import DONE, WRONG, CommandError
from worker.files import Row
from worker.intake import MOST, Receipt, take_in
from worker.settings import settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

MOST_SHOWN = 20
"""Sentences about wrong rows that are shown; the ledger keeps them all."""


@dataclass
class Submitted:
    """What became of each row, in order."""

    ids: list[str] = field(default_factory=list)
    """Of those that are in the ledger, refused ones and repeated ones among them."""
    counts: dict[Receipt, int] = field(default_factory=dict)
    wrong: list[tuple[str, str]] = field(default_factory=list)
    """Which row, and what is wrong with it."""
    unread: int = 0
    """Rows that could not be read, and are kept nowhere."""

    @property
    def status(self) -> int:
        return WRONG if self.wrong else DONE

    def count(self, receipt: Receipt) -> int:
        return self.counts.get(receipt, 0)


class Submission:
    """One run of submitting: opens what it needs before anything is taken in."""

    def __init__(self) -> None:
        services.need_redis()
        self.engine: Engine = services.need_ledger()
        self.accounts = services.need_accounts()
        self.seal = settings().seal()
        self.result = Submitted()

    def run(self, rows: Iterable[Row], label: str = "line") -> Iterator[Row]:
        """Take ``rows`` in, a thousand at a time; yields each thousand's last one."""
        source = iter(rows)
        while chunk := list(islice(source, MOST)):
            try:
                self._take(chunk, label)
            except Exception:
                self._stopped()
                raise
            yield chunk[-1]

    def _stopped(self) -> None:
        if self.result.ids:
            output.say(
                f"stopped after {len(self.result.ids)} were taken in: submit the same"
                " again, and what was taken in is not taken twice"
            )

    def _take(self, chunk: Sequence[Row], label: str) -> None:
        readable = [row for row in chunk if row.wrong is None]
        entries = [row.entry for row in readable]
        taken = take_in(
            self.engine, self.accounts, self.seal, entries, services.utc_now()
        )
        wrong = {row.line: row.wrong for row in chunk if row.wrong is not None}
        self.result.unread += len(wrong)
        for row, one in zip(readable, taken, strict=True):
            self.result.ids.append(one.id)
            counts = self.result.counts
            counts[one.receipt] = counts.get(one.receipt, 0) + 1
            if one.wrong is not None:
                wrong[row.line] = one.wrong
        self.result.wrong += [
            (_named(label, row), why)
            for row in chunk
            if (why := wrong.get(row.line)) is not None
        ]
        services.wake_up(one.lane for one in taken if one.lane is not None)


def _named(label: str, row: Row) -> str:
    if label == "line":
        return f"line {row.line}"
    order = row.entry.get("order") if isinstance(row.entry, dict) else None
    shown = str(order)
    return f"{label} {shown if len(shown) <= 60 else shown[:57] + '...'}"


def with_group(rows: Iterable[Row], group: str | None) -> Iterator[Row]:
    """``rows``, of which those that name no group belong to ``group``."""
    for row in rows:
        entry = row.entry
        if group is not None and isinstance(entry, dict) and not entry.get("group"):
            yield Row(row.line, {**entry, "group": group}, row.wrong)
        else:
            yield row


def say_wrong(result: Submitted, most: int = MOST_SHOWN) -> None:
    """Each wrong row, and what is wrong with it."""
    for where, why in result.wrong[:most]:
        output.say(f"{where}: {why}")
    more = len(result.wrong) - most
    if more > 0:
        output.say(
            f"and {more} more; what could be read of them is kept:"
            " rescind list --state rejected"
        )


def records(engine: Engine, ids: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The records of these ids as they stand now, in their order."""
    from ledger.database import reading
    from ledger.queries import as_record, rows_of

    for start in range(0, len(ids), MOST):
        with reading(engine) as connection:
            found = rows_of(connection, ids[start : start + MOST])
        yield from (as_record(row) for row in found)


def refuse_none(rows: int) -> None:
    if rows == 0:
        raise CommandError("there is nothing to submit")
