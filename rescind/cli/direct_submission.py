"""Submits entries directly to the ledger, 1,000 at a time, then notifies the lanes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from rescind.cli import connections
from rescind.config.actors import command_actor
from rescind.config.settings import settings
from rescind.config.times import utc_now
from rescind.errors import messages
from rescind.errors.exit_statuses import DONE, WRONG
from rescind.intake.files.file_rows import Row
from rescind.intake.receipts import Receipt
from rescind.intake.references import Refs
from rescind.intake.repeats import remark
from rescind.intake.submissions import MOST, take_in
from rescind.ledger.changes.submission_actions import SubmissionActions


@dataclass
class Submitted:
    """The result of each row, in the order of the rows."""

    ids: list[str] = field(default_factory=list)
    """The ids of the rows in the ledger, including refused and duplicate rows."""
    counts: dict[Receipt, int] = field(default_factory=dict)
    wrong: list[tuple[int, str]] = field(default_factory=list)
    """The line number of each wrong row, and its fault."""
    remarks: list[tuple[int, str]] = field(default_factory=list)
    """The line number of each repeat of which there is something to say, and that."""
    unread: int = 0
    """The number of rows that could not be read, and are not in the ledger."""

    @property
    def status(self) -> int:
        return WRONG if self.wrong else DONE

    def count(self, receipt: Receipt) -> int:
        return self.counts.get(receipt, 0)


class Submission:
    """One submission; opens all services before it writes anything."""

    def __init__(self) -> None:
        connections.need_redis()
        self.engine = connections.need_ledger(create=True)
        self.accounts = connections.need_accounts()
        self.seal = settings().seal()
        # The command prints refused entries, so no callback is sent for them.
        self.callbacks = replace(settings().callbacks, of_refused=False)
        self.by = command_actor()
        self.listed = SubmissionActions()
        self.result = Submitted()
        self.refs = Refs()

    def run(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Submit ``rows``, 1,000 at a time; yields the last row of each chunk."""
        source = iter(rows)
        while chunk := list(islice(source, MOST)):
            try:
                self._take(chunk)
            except Exception:
                self._stopped()
                raise
            yield chunk[-1]

    def _stopped(self) -> None:
        if self.result.ids:
            messages.say(
                f"stopped after {len(self.result.ids)} were accepted: submit the same"
                " again, and those are not submitted twice"
            )

    def _take(self, chunk: Sequence[Row]) -> None:
        readable = [row for row in chunk if row.wrong is None]
        entries = [self.refs.resolve(row.entry) for row in readable]
        known = (self.engine, self.accounts, self.seal)
        more = (utc_now(), self.callbacks)
        taken = take_in(*known, entries, *more, by=self.by, listed=self.listed)
        wrong = {row.line: row.wrong for row in chunk if row.wrong is not None}
        self.result.unread += len(wrong)
        for row, one in zip(readable, taken, strict=True):
            self.result.ids.append(one.id)
            counts = self.result.counts
            counts[one.receipt] = counts.get(one.receipt, 0) + 1
            if one.wrong is not None:
                wrong[row.line] = one.wrong
            if (said := remark(one.state, one.differs)) is not None:
                self.result.remarks.append((row.line, said))
        self.result.wrong += sorted(wrong.items())
        connections.notify_lanes(one.lane for one in taken if one.lane is not None)
