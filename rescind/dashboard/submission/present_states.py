"""What became, until now, of the cancellations that an uploaded file submitted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, Row

from rescind.dashboard.list_links import list_path
from rescind.dashboard.reason_phrases import because
from rescind.dashboard.submission.file_submission import Result
from rescind.dashboard.submission.file_verdicts import Verdict
from rescind.ledger.id_times import time_of_id
from rescind.ledger.reading.queries import rows_of, stamp
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading


@dataclass(frozen=True, slots=True)
class Present:
    """The results of a file as they are now."""

    results: list[Result]
    """Each with the present state of its cancellation, and why it ended so."""
    submitted: tuple[Row[Any], ...]
    """The cancellations that the file submitted, as far as they are in the ledger."""

    @property
    def counts(self) -> list[tuple[State, int]]:
        """How many of the submitted ones are in each state, in the states' order."""
        found = Counter(row.state for row in self.submitted)
        return [(state, found[state]) for state in State if found[state]]

    @property
    def group(self) -> str | None:
        """The group that all submitted ones are in, if there is one."""
        groups = {row.group_name for row in self.submitted}
        return groups.pop() if len(groups) == 1 else None

    def path(self, state: str = "") -> str | None:
        """The address of the list of the submitted ones; ``None`` if there is none."""
        if not self.submitted:
            return None
        # The list compares the times in the ids.
        times = [time_of_id(row.id) or row.created_at for row in self.submitted]
        # The list ends before ``until``.
        period = {"since": stamp(min(times)), "until": stamp(max(times) + 1)}
        known = {name: str(text) for name, text in period.items()}
        return list_path(state=state, by=self.submitted[0].submitted_by, **known)


def present(engine: Engine, results: Sequence[Result]) -> Present:
    """The present states of what these results name."""
    with reading(engine) as connection:
        ids = [one["id"] for one in results if one["id"]]
        rows = {row.id: row for row in rows_of(connection, ids)}
    accepted = [one["id"] for one in results if one["verdict"] == Verdict.NEW]
    return Present(
        [_now(one, rows) for one in results],
        tuple(rows[id_] for id_ in accepted if id_ in rows),
    )


def _now(one: Result, rows: Mapping[str, Row[Any]]) -> Result:
    row = rows.get(one["id"])
    if row is None:
        return one
    why = because(row.state, row.reason) if row.reason else ""
    return {**one, "state": row.state, "ended": why}
