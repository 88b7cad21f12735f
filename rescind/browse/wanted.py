"""The filter of a list of cancellations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, TextClause

from rescind.ledger.access_limits import EVERYTHING, Limits
from rescind.ledger.conditions import states_with
from rescind.ledger.id_times import first_id
from rescind.ledger.reading.limited import sees, within
from rescind.ledger.storage.tables import CANCELLATION

C = CANCELLATION.c
Where = ColumnElement[bool] | TextClause


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cancellations to list; an empty one matches all."""

    states: Sequence[str] = ()
    provider: str | None = None
    account: str | None = None
    group: str | None = None
    order: str | None = None
    reason: str | None = None
    by: Sequence[str] = ()
    """Actors: one of them submitted the row. If it is empty, all actors count."""
    since: int | None = None
    """The first ms of the period, of the time by which the list is sorted."""
    until: int | None = None
    """The first ms after the period."""
    within: Limits = EVERYTHING
    """The limits of the caller who asks."""

    @property
    def asked_states(self) -> Sequence[str]:
        """The states that a row may have; empty if it may have any.

        A reason is of one final state, which has far fewer rows to compare.
        """
        return self.states or ([] if self.reason is None else states_with(self.reason))

    def rest(self, *held: str) -> dict[str, Sequence[str]]:
        """The values that a row must have, by column; without the columns ``held``."""
        given = {
            "provider": self.provider,
            "account": self.account,
            "group_name": self.group,
            "order_id": self.order,
            "reason": self.reason,
        }
        found: dict[str, Sequence[str]] = {
            name: [value] for name, value in given.items() if value is not None
        }
        if self.by:
            found["submitted_by"] = list(self.by)
        if self.asked_states:
            found["state"] = list(self.asked_states)
        return {name: values for name, values in found.items() if name not in held}

    def holds(self, row: Row[Any]) -> bool:
        """Whether a row matches; its period is of acceptance."""
        if not sees(self.within, row):
            return False
        rest = all(getattr(row, n) in given for n, given in self.rest().items())
        begun = self.since is None or row.id >= first_id(self.since)
        return rest and begun and (self.until is None or row.id < first_id(self.until))

    def conditions(self) -> list[Where]:
        """The conditions on every row; its period is of acceptance."""
        rest = (C[name].in_(values) for name, values in self.rest().items())
        return [*rest, *within(self.within), *period_in(self, "newest")]

    def fits(self, lane: tuple[str, str]) -> bool:
        """Whether rows of this lane may match."""
        asked = (self.provider, self.account)
        named = all(one in (None, its) for one, its in zip(asked, lane, strict=True))
        return named and self.within.touches(*lane)


def period_in(wanted: Wanted, sort: str) -> list[Where]:
    """The period, in the column by which the list is sorted."""
    column: Any = {"ended": C.finished_at, "due": C.due_at}.get(sort, C.id)
    as_key = first_id if column is C.id else int
    found: list[Where] = []
    if wanted.since is not None:
        found.append(column >= as_key(wanted.since))
    if wanted.until is not None:
        found.append(column < as_key(wanted.until))
    return found
