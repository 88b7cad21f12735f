"""The index ranges that hold the rows of a list, for each order of a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, bindparam, text

from rescind.browse.wanted import Wanted, Where, period_in
from rescind.ledger.access_limits import EVERYTHING, Limits
from rescind.ledger.reading.index_walk import lanes_in
from rescind.ledger.states import FINAL, OPEN, State
from rescind.ledger.storage.tables import (
    CANCELLATION,
    ENDED,
    GROUPED,
    LISTED,
    LOOKED_AT,
    OTHER_KEY,
)

C = CANCELLATION.c
BY_STATE: Mapping[str, frozenset[State]] = {
    "newest": frozenset(State),
    "oldest": frozenset(State),
    "ended": FINAL,
    "due": OPEN - {State.QUEUED},
}
"""The states that a list in this order can have."""
MOST_LANES = 200
"""With more lanes than this, a list reads rows instead of many index ranges."""
LIMITED = ("provider", "account", "group_name")
"""The columns that limits are about."""


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
    states = [s for s in wanted.asked_states or list(State) if s in BY_STATE[sort]]
    period = period_in(wanted, sort)
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
    if wanted.order is not None:
        return _of_order(connection, wanted, wanted.order, period)
    if wanted.group is not None:
        return _of_group(connection, wanted, states, period)
    if wanted.within.unlimited and not wanted.rest("reason", "submitted_by"):
        return [Range(period, rest=wanted.rest())]
    found = lanes_in(connection, LISTED, MOST_LANES + 1)
    lanes = [one for one in found if wanted.fits(one)]
    # One range is read much further than a share of many that hold all rows, too.
    whole = not wanted.asked_states and len(lanes) == len(found)
    if whole or len(found) > MOST_LANES:
        return [Range(period, rest=wanted.rest(), within=wanted.within)]
    listed = [s for s in states if s != State.SENDING]
    ranges = [_of_lane(LISTED, one, s, wanted, period) for one in lanes for s in listed]
    return ranges + _under_way(connection, wanted, states, period)


def _of_order(
    connection: Connection, wanted: Wanted, order: str, period: list[Where]
) -> list[Range]:
    """Ranges for one order. Its key is mostly the order: one row at most per lane."""
    its = {"its_order": order}
    named = [text(OTHER_KEY), C.order_id == bindparam("its_order"), *period]
    other = Range(named, its, wanted.rest("order_id"), within=wanted.within)
    keyed = [C.key == bindparam("its_order"), *period]
    held = (_lanes(connection, wanted, one) for one in (LISTED, LOOKED_AT))
    lanes = sorted(set().union(*held))
    return [other, *(_of_key(lane, keyed, its, wanted) for lane in lanes)]


def _of_key(
    lane: tuple[str, str], keyed: list[Where], its: Mapping[str, str], wanted: Wanted
) -> Range:
    values = {**its, "its_provider": lane[0], "its_account": lane[1]}
    return Range([*_its_lane(), *keyed], values, wanted.rest(), False, wanted.within)


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
    its = [*_its_lane(), C.state == bindparam("its_state")]
    values = {"its_provider": lane[0], "its_account": lane[1], "its_state": str(state)}
    rest = wanted.rest("provider", "account", "state")
    within = EVERYTHING if wanted.within.allows_lane(*lane) else wanted.within
    return Range([text(held), *its, *period], values, rest, ordered, within)


def _its_lane() -> list[Where]:
    return [
        C.provider == bindparam("its_provider"),
        C.account == bindparam("its_account"),
    ]
