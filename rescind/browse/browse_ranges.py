"""The index ranges that hold the rows of a list, for each order of a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, TextClause, bindparam, text

from rescind.browse.listing import MOST_LANES
from rescind.ledger.access_limits import EVERYTHING, Limits
from rescind.ledger.reading.index_walk import lanes_in
from rescind.ledger.reading.limited import sees
from rescind.ledger.states import FINAL, OPEN, State
from rescind.ledger.storage.tables import (
    CANCELLATION,
    ENDED,
    GROUPED,
    LISTED,
    LOOKED_AT,
)

C = CANCELLATION.c
Where = ColumnElement[bool] | TextClause
BY_STATE: Mapping[str, frozenset[State]] = {
    "newest": frozenset(State),
    "oldest": frozenset(State),
    "ended": FINAL,
    "due": OPEN - {State.QUEUED},
}
"""The states that a list in this order can have."""
LIMITED = ("provider", "account", "group_name")
"""The columns that limits are about."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which cancellations to list; an empty one matches all."""

    states: Sequence[str] = ()
    provider: str | None = None
    account: str | None = None
    group: str | None = None
    reason: str | None = None
    by: Sequence[str] = ()
    """Actors: one of them submitted the row. If it is empty, all actors count."""
    since: int | None = None
    """The first ms of the period, of the time by which the list is sorted."""
    until: int | None = None
    """The first ms after the period."""
    within: Limits = EVERYTHING
    """The limits of the caller who asks."""

    def rest(self, *held: str) -> dict[str, Sequence[str]]:
        """The values that a row must have, by column; without the columns ``held``."""
        given = {
            "provider": self.provider,
            "account": self.account,
            "group_name": self.group,
            "reason": self.reason,
        }
        found: dict[str, Sequence[str]] = {
            name: [value] for name, value in given.items() if value is not None
        }
        if self.by:
            found["submitted_by"] = list(self.by)
        if self.states:
            found["state"] = list(self.states)
        return {name: values for name, values in found.items() if name not in held}

    def holds(self, row: Row[Any]) -> bool:
        """Whether a row matches; its period is of acceptance."""
        if not sees(self.within, row):
            return False
        rest = all(getattr(row, n) in given for n, given in self.rest().items())
        begun = self.since is None or row.id >= first_id(self.since)
        return rest and begun and (self.until is None or row.id < first_id(self.until))

    def fits(self, lane: tuple[str, str]) -> bool:
        """Whether rows of this lane may match."""
        asked = (self.provider, self.account)
        named = all(one in (None, its) for one, its in zip(asked, lane, strict=True))
        return named and self.within.touches(*lane)


@dataclass(frozen=True, slots=True)
class Range:
    """A part of an index that is read in its order."""

    where: Sequence[Where]
    values: Mapping[str, str] = field(default_factory=dict)
    rest: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What the index cannot tell: the values that a row must have, by column."""
    sorted: bool = True
    """Whether the index has the order of the list."""
    within: Limits = EVERYTHING
    """Limits that the index cannot tell, either."""

    @property
    def compared(self) -> list[str]:
        """The columns that are compared beside the index."""
        limited = [] if self.within.unlimited else LIMITED
        return list(dict.fromkeys([*self.rest, *limited]))


def ranges_of(connection: Connection, wanted: Wanted, sort: str) -> list[Range]:
    """The ranges that together hold all matches of a list in this order."""
    states = [s for s in wanted.states or list(State) if s in BY_STATE[sort]]
    period = _period(wanted, sort)
    if sort == "ended":
        lanes = _lanes(connection, wanted, LISTED)
        return [
            _of_lane(ENDED, one, s, wanted, period) for one in lanes for s in states
        ]
    if sort == "due":
        lanes = _lanes(connection, wanted, LOOKED_AT)
        held = [(one, s) for one in lanes for s in states]
        return [_of_lane(LOOKED_AT, *one, wanted, period) for one in held]
    return _by_id(connection, wanted, states, period)


def _by_id(
    connection: Connection, wanted: Wanted, states: Sequence[str], period: list[Where]
) -> list[Range]:
    if wanted.group is not None:
        return _of_group(connection, wanted, states, period)
    if wanted.within.unlimited and not wanted.rest("reason", "submitted_by"):
        return [Range(period, rest=wanted.rest())]
    found = lanes_in(connection, LISTED, MOST_LANES + 1)
    if len(found) > MOST_LANES:
        return [Range(period, rest=wanted.rest(), within=wanted.within)]
    listed = [s for s in states if s != State.SENDING]
    lanes = [one for one in found if wanted.fits(one)]
    ranges = [_of_lane(LISTED, one, s, wanted, period) for one in lanes for s in listed]
    return ranges + _under_way(connection, wanted, states, period)


def _of_group(
    connection: Connection, wanted: Wanted, states: Sequence[str], period: list[Where]
) -> list[Range]:
    its = C.group_name == bindparam("its_group")
    where = [text(GROUPED), its, C.state == bindparam("its_state"), *period]
    rest = wanted.rest("group_name", "state")
    return [
        Range(
            where,
            {"its_group": str(wanted.group), "its_state": s},
            rest,
            within=wanted.within,
        )
        for s in states
        if s != State.SENDING
    ] + _under_way(connection, wanted, states, period)


def _under_way(
    connection: Connection, wanted: Wanted, states: Sequence[str], period: list[Where]
) -> list[Range]:
    """Rows being sent: few, and no index has their ids in order."""
    if State.SENDING not in states:
        return []
    lanes = _lanes(connection, wanted, LOOKED_AT)
    sending = str(State.SENDING)
    return [
        _of_lane(LOOKED_AT, one, sending, wanted, period, ordered=False)
        for one in lanes
    ]


def _lanes(connection: Connection, wanted: Wanted, held: str) -> list[tuple[str, str]]:
    return [one for one in lanes_in(connection, held) if wanted.fits(one)]


def _of_lane(
    held: str,
    lane: tuple[str, str],
    state: str,
    wanted: Wanted,
    period: list[Where],
    *,
    ordered: bool = True,
) -> Range:
    its: list[Any] = [
        C.provider == bindparam("its_provider"),
        C.account == bindparam("its_account"),
        C.state == bindparam("its_state"),
    ]
    values = {"its_provider": lane[0], "its_account": lane[1], "its_state": str(state)}
    rest = wanted.rest("provider", "account", "state")
    within = EVERYTHING if wanted.within.allows_lane(*lane) else wanted.within
    return Range([text(held), *its, *period], values, rest, ordered, within)


def _period(wanted: Wanted, sort: str) -> list[Where]:
    """The period, in the column by which the list is sorted."""
    column: Any = {"ended": C.finished_at, "due": C.due_at}.get(sort, C.id)
    as_key = first_id if column is C.id else int
    found: list[Where] = []
    if wanted.since is not None:
        found.append(column >= as_key(wanted.since))
    if wanted.until is not None:
        found.append(column < as_key(wanted.until))
    return found


def first_id(at: int) -> str:
    """What sorts before every id of this ms or later, and behind every earlier one."""
    digits = f"{max(at, 0):012x}"
    return f"{digits[:8]}-{digits[8:]}"


def time_of_id(id_: str) -> int | None:
    """The ms in which an id was made; ``None`` if the text is no id of ours."""
    digits = id_[:13].replace("-", "")
    try:
        return int(digits, 16) if len(digits) == 12 else None
    except ValueError:
        return None
