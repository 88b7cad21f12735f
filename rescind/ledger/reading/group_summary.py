"""A group as a whole: how many have ended and how, and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, func, select, text

from rescind.ledger.access_limits import EVERYTHING, Limits
from rescind.ledger.reading.groups import under_way
from rescind.ledger.reading.limited import within
from rescind.ledger.reading.queries import stamp
from rescind.ledger.states import FINAL, State
from rescind.ledger.storage.tables import CANCELLATION, GROUPED

C = CANCELLATION.c


@dataclass(frozen=True)
class GroupSummary:
    """The counts of one group, and its times in ms."""

    name: str
    counts: Mapping[tuple[State, str], int]
    """By state and reason."""
    created_at: int | None = None
    """When the first was submitted, of those that are not being sent right now."""
    last_created_at: int | None = None
    finished_at: int | None = None
    """When the last one that has ended did so."""

    @cached_property
    def states(self) -> Mapping[State, int]:
        found = Counter[State]()
        for (state, _reason), number in self.counts.items():
            found[state] += number
        return found

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def ended(self) -> int:
        return sum(n for state, n in self.states.items() if state in FINAL)

    @property
    def percent(self) -> int:
        """How much of the group has ended; 100 only if all of it has."""
        return 100 * self.ended // self.total if self.total else 0

    def document(self) -> dict[str, Any]:
        """What is told at the end of the group."""
        reasons: dict[str, dict[str, int]] = {}
        for (state, reason), number in sorted(self.counts.items()):
            if state in FINAL:
                reasons.setdefault(str(state), {})[reason] = number
        return {
            "group": self.name,
            "total": self.total,
            "ended": self.ended,
            "percent": self.percent,
            "states": {str(state): self.states.get(state, 0) for state in State},
            "reasons": reasons,
            "created_at": stamp(self.created_at),
            "finished_at": stamp(self.finished_at),
        }


def summary_of(
    connection: Connection, name: str, limits: Limits = EVERYTHING
) -> GroupSummary:
    """The summary of a group, within ``limits``. Reads all of its cancellations."""
    times = (func.min(C.created_at), func.max(C.created_at), func.max(C.finished_at))
    chosen = select(C.state, func.coalesce(C.reason, ""), func.count(), *times)
    chosen = chosen.where(text(GROUPED), C.group_name == name, *within(limits))
    rows = connection.execute(chosen.group_by(C.state, C.reason)).all()
    counts = {(State(row[0]), row[1]): row[2] for row in rows}
    if sending := under_way(connection, name, limits):
        counts[State.SENDING, ""] = sending
    return GroupSummary(
        name,
        counts,
        min((row[3] for row in rows), default=None),
        max((row[4] for row in rows), default=None),
        max((row[5] for row in rows if row[5] is not None), default=None),
    )
