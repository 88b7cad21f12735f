"""Judges plans: what was sent, what was skipped, and what waits for ever.

It goes by what was submitted, by when each cancellation ended, and by the providers'
own record; not by the ledger's dependencies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rescind.demo.facts import LedgerRow, Offence, Wish
from rescind.ledger.states import FINAL, State
from rescind.provider.outcomes import Reason

GRACE = 0.05
"""Seconds by which the provider's clock reading may differ from the ledger's."""
ANY, LATE, CANCELLED = "any", "late", "cancelled"
DEFAULT = "cancelled"
End = tuple[str, str | None]
"""A final state and its reason."""
Ended = tuple[float, End | None]
"""The time of a change (epoch), and the end that it made; ``None`` if it made none."""


@dataclass(frozen=True, slots=True)
class Step:
    """A cancellation that waits for others. Each of them must end as ``wanted``."""

    wish: Wish
    before: Sequence[Wish]
    wanted: frozenset[str]


def steps_of(
    messages: Iterable[Sequence[tuple[Mapping[str, Any], Wish]]],
) -> Iterator[Step]:
    """The steps in these messages, whose entries come with their wishes."""
    for entries in messages:
        # A ref may come again: it names the nearest entry before.
        refs: dict[str, Wish] = {}
        for entry, wish in entries:
            if "after" in entry:
                wanted = frozenset(entry.get("only_if", DEFAULT).split())
                yield Step(wish, [refs[one] for one in entry["after"]], wanted)
            if "ref" in entry:
                refs[entry["ref"]] = wish


def ends_of(history: Iterable[Mapping[str, Any]]) -> list[Ended]:
    """The changes of a cancellation, oldest first, from its history."""
    return [
        (_epoch(one["at"]), (one["to"], one["reason"]) if one["to"] in FINAL else None)
        for one in history
    ]


@dataclass(frozen=True, slots=True)
class Plans:
    """The plans of a run, and what became of them."""

    steps: Sequence[Step]
    rows: Mapping[Wish, LedgerRow]
    ends: Mapping[Wish, Sequence[Ended]]
    """For each cancellation that is in a plan."""
    records: Sequence[Mapping[str, Any]]
    """The sandbox's."""
    decided: Collection[str] = ()
    """The ids of those for which an operator has decided, or may have."""

    def untrue(self) -> Iterator[Offence]:
        """Steps that were sent before the others had ended as they want, and steps that
        were not wanted although none had ended otherwise."""
        calls = _cancels(self.records)
        number = Counter((one["provider"], one["order"]) for one in self.rows.values())
        for step, row in self._bound():
            path = (row["provider"], row["order"])
            # A cancel of an order with several cancellations may be another one's.
            times = [t for t, _ in calls.get(path, ())] if number[path] == 1 else []
            for why in (*self._too_soon(step, times, calls), *self._skipped(step, row)):
                yield Offence(*path, why)

    def waiting(self) -> Iterator[Offence]:
        """Steps that wait, although what they wait for has ended in a way that decides.

        A failed one decides nothing, unless it is wanted: people are shown such steps.
        """
        for step, row in self._bound():
            waits = row["state"] == State.SCHEDULED and row["due_at"] is None
            ends = [self._now(one) for one in step.before]
            refused = any(_refuses(end, step.wanted) for end in ends)
            if waits and (refused or all(_met(end, step.wanted) for end in ends)):
                shown = ", ".join(
                    f"{one[2]} is {self._now(one)}" for one in step.before
                )
                why = f"it still waits, and {shown}"
                yield Offence(row["provider"], row["order"], why)

    def _bound(self) -> Iterator[tuple[Step, LedgerRow]]:
        for step in self.steps:
            row = self.rows.get(step.wish)
            if row is not None and row["id"] not in self.decided:
                yield step, row

    def _now(self, wish: Wish) -> End | None:
        row = self.rows.get(wish)
        if row is None or row["state"] not in FINAL:
            return None
        return row["state"], row["reason"]

    def _too_soon(
        self, step: Step, times: Sequence[float], calls: Calls
    ) -> Iterator[str]:
        for at in times:
            for one in step.before:
                # If it wants any end, a later round of the other does not concern it.
                ends = self._until(one, at)
                shown = ends if ANY in step.wanted else ends[-1:]
                if not any(_met(end, step.wanted) for end in shown):
                    end = ends[-1] if ends else None
                    yield f"a cancel was sent when {one[2]} had ended as {end}"
                elif _is_confirmed(ends[-1]) and not (
                    _has_acted(calls, one, at) or self._was_cancelled(one)
                ):
                    yield f"a cancel was sent before one of {one[2]} had arrived"

    def _was_cancelled(self, wish: Wish) -> bool:
        """Whether somebody else had cancelled the order before.

        If the answer to our first cancel is lost, nobody can know whose cancel it was.
        """
        its = (one for one in self.records if one["id"] == wish[2])
        return any(
            one["provider"] == wish[0] and one.get("was") == State.CANCELLED
            for one in its
        )

    def _skipped(self, step: Step, row: LedgerRow) -> Iterator[str]:
        if row["reason"] != Reason.NOT_WANTED:
            return
        at = _epoch(row["finished_at"])
        last = [self._until(one, at)[-1:] for one in step.before]
        if not any(_refuses(end, step.wanted) for ends in last for end in ends):
            yield f"it was not wanted, and the others had ended as {last}"

    def _until(self, wish: Wish, at: float) -> list[End | None]:
        return [end for when, end in self.ends.get(wish, ()) if when <= at + GRACE]


Calls = Mapping[tuple[str, str], Sequence[tuple[float, bool]]]
"""The cancels of each order: when each arrived, and whether the provider acted."""


def _cancels(records: Sequence[Mapping[str, Any]]) -> Calls:
    return {
        (record["provider"], record["id"]): [
            # A late one acts after its arrival, and its event does not say so. None
            # has to act on an order that someone else had cancelled.
            (
                event["t"],
                event["acted"] or event["fault"] == LATE or record["was"] == CANCELLED,
            )
            for event in record["events"]
            if event["op"] == "cancel"
        ]
        for record in records
    }


def _has_acted(calls: Calls, wish: Wish, at: float) -> bool:
    """Whether the provider had acted on a cancel of the order by then.

    True for a key that is not the order itself.
    """
    its = calls.get((wish[0], wish[2]))
    return its is None or any(acted and t <= at + GRACE for t, acted in its)


def _is_confirmed(end: End | None) -> bool:
    return end == (State.CANCELLED, Reason.CONFIRMED)


def _met(end: End | None, wanted: Collection[str]) -> bool:
    return end is not None and bool({ANY, end[0], "/".join(map(str, end))} & {*wanted})


def _refuses(end: End | None, wanted: Collection[str]) -> bool:
    """Whether it has ended in a way that decides, and is not wanted."""
    return end is not None and end[0] != State.FAILED and not _met(end, wanted)


def _epoch(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()
