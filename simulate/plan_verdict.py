"""Judges plans: what was sent, and what waits, by the ends of the others.

It goes by the scenario and by the providers' record, not by the ledger's dependencies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rescind.demo.facts import Offence
from rescind.ledger.states import FINAL, State
from rescind.provider.outcomes import Reason
from simulate.planned_entries import complete
from simulate.producers import BEGAN
from simulate.scenario import Scenario
from simulate.simulated_withdrawals import path_of

Rows = Sequence[Mapping[str, Any]]
Row = Mapping[str, Any]
GRACE = 0.05
"""Seconds by which a worker's clock may differ from the ledger's."""


class Plans:
    """The rows of entries that wait for others, each with those and the ends wanted."""

    def __init__(self, plan: Scenario, rows: Rows, at: datetime) -> None:
        by_path = {(row["provider"], row["account"], row["key"]): row for row in rows}
        self._plans: dict[str, tuple[Row, list[Row], set[str]]] = {}
        self._number = Counter((row["provider"], row["order"]) for row in rows)
        self._restored_at = max(
            (
                each.at + each.seconds
                for each in plan.troubles
                if each.kind == "ledger-restored"
            ),
            default=0.0,
        )
        for message in plan.messages:
            refs: dict[str, Row] = {}
            for entry in complete(message.entries):
                row = by_path.get(path_of(entry, at))
                if row is None:
                    continue
                before = [refs[ref] for ref in entry.get("after", ()) if ref in refs]
                if before:
                    wanted = set((entry.get("only_if") or "cancelled").split())
                    self._plans.setdefault(row["id"], (row, before, wanted))
                if "ref" in entry:
                    refs[entry["ref"]] = row

    def offences(self, records: Rows) -> Iterator[Offence]:
        # The restored ledger does not know the ends before which it was sent.
        sent = _first_cancels(records, BEGAN.timestamp() + self._restored_at)
        for row, before, wanted in self._plans.values():
            path = (row["provider"], row["order"])
            first = sent.get(path) if self._number[path] == 1 else None
            for why in self._wrong(row, before, wanted, first):
                yield Offence(*path, why)

    def _wrong(
        self, row: Row, before: Sequence[Row], wanted: set[str], first: float | None
    ) -> Iterator[str]:
        met = [one for one in before if _met(one, wanted)]
        unmet = [one for one in before if one not in met]
        if row["attempts"]:
            for one in unmet:
                yield f"it was sent, and {one['order']} is {one['state']}"
            for one in met if first is not None else ():
                ended = datetime.fromisoformat(one["finished_at"]).timestamp()
                if first is not None and first < ended - GRACE:
                    early = f"{ended - first:.2f} s before {one['order']} ended"
                    yield f"it was sent {early}"
        ended_otherwise = [
            one
            for one in unmet
            if one["state"] in FINAL and one["state"] != State.FAILED
        ]
        if row["reason"] == Reason.NOT_WANTED and not ended_otherwise:
            yield "it was not wanted, and no other one ended otherwise"
        if self.waits(row) and (ended_otherwise or not self._is_shown(row)):
            yield "it waits for ever, and nothing that it waits for has failed"

    def waits(self, row: Row) -> bool:
        """Whether it waits for others at the end of the world."""
        planned = row["id"] in self._plans
        return planned and row["state"] == State.SCHEDULED and row["due_at"] is None

    def _is_shown(self, row: Row) -> bool:
        """Whether it waits for one that has failed, perhaps through others."""
        _, before, wanted = self._plans[row["id"]]
        return any(
            (one["state"] == State.FAILED and not _met(one, wanted))
            or (self.waits(one) and self._is_shown(one))
            for one in before
        )


def _met(row: Row, wanted: set[str]) -> bool:
    end = {"any", row["state"], f"{row['state']}/{row['reason']}"}
    return row["state"] in FINAL and bool(end & wanted)


def _first_cancels(records: Rows, since: float) -> dict[tuple[str, str], float]:
    """When the first cancel of each order was sent; without those sent before
    ``since``."""
    found: dict[tuple[str, str], float] = {}
    for record in records:
        times = [each["t"] for each in record["events"] if each["op"] == "cancel"]
        if times and min(times) >= since:
            found[record["provider"], record["id"]] = min(times)
    return found
