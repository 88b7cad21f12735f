"""Reads all cancellations that match a filter, or the newest of them, by merging index
ranges. Lists for people and programs, page by page, are in ``browsing``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from heapq import nlargest
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    TextClause,
    bindparam,
    select,
    text,
)

from rescind.ledger.reading.index_walk import lanes_in
from rescind.ledger.reading.queries import rows_of
from rescind.ledger.states import State
from rescind.ledger.storage.tables import (
    CANCELLATION,
    GROUPED,
    LISTED,
    LOOKED_AT,
)

C = CANCELLATION.c
MOST_LANES = 200
"""With more lanes than this, a list reads rows instead of many index ranges."""

MOST = "most"

Where = ColumnElement[bool] | TextClause
Range = tuple[Select[Any], dict[str, str]]
"""An index range: the statement that reads its newest ids, and its parameters."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which cancellations to list; an empty filter matches all."""

    states: Sequence[str] = ()
    provider: str | None = None
    account: str | None = None
    group: str | None = None

    def conditions(self) -> list[Where]:
        """The conditions on every row, without the one on its state."""
        given = {
            C.provider: self.provider,
            C.account: self.account,
            C.group_name: self.group,
        }
        return [column == one for column, one in given.items() if one is not None]

    def fits(self, lane: tuple[str, str]) -> bool:
        """Whether rows of this lane may match."""
        asked = (self.provider, self.account)
        return all(one in (None, its) for one, its in zip(asked, lane, strict=True))


def list_rows(connection: Connection, wanted: Filter, limit: int) -> list[Row[Any]]:
    """The newest ``limit`` rows that match, newest first."""
    ranges = _ranges(connection, wanted)
    if ranges is None:
        asked = [*wanted.conditions(), C.state.in_(_states(wanted))]
        return list(connection.execute(_newest(CANCELLATION, *asked), {MOST: limit}))
    ids: list[str] = []
    for chosen, values in ranges:
        ids += connection.execute(chosen, {**values, MOST: limit}).scalars()
    return rows_of(connection, nlargest(limit, ids))


def _newest(what: Any, *where: Where) -> Select[Any]:
    return select(what).where(*where).order_by(C.id.desc()).limit(bindparam(MOST))


def _ranges(connection: Connection, wanted: Filter) -> list[Range] | None:
    """Index ranges, each in the order of ids, that together hold all matches.

    ``None`` if reading all rows, the newest first, is as good or better.
    """
    asked, states = wanted.conditions(), _states(wanted)
    if wanted.group is not None:
        return _ranges_of_group(connection, wanted, asked, states)
    if not asked and not wanted.states:
        return None
    found = lanes_in(connection, LISTED, MOST_LANES + 1)
    lanes = {*found, *lanes_in(connection, LOOKED_AT)}
    if len(lanes) > MOST_LANES:
        return None
    return [
        _range(lane, state) for lane in lanes if wanted.fits(lane) for state in states
    ]


def _ranges_of_group(
    connection: Connection, wanted: Filter, asked: list[Where], states: Sequence[str]
) -> list[Range]:
    chosen = _newest(C.id, text(GROUPED), *asked, C.state == bindparam("its_state"))
    listed = [(chosen, {"its_state": s}) for s in states if s != State.SENDING]
    if State.SENDING not in states:
        return listed
    lanes = filter(wanted.fits, lanes_in(connection, LOOKED_AT))
    under_way = [_range(lane, State.SENDING) for lane in lanes]
    return [*listed, *((its.where(*asked), values) for its, values in under_way)]


def _states(wanted: Filter) -> Sequence[str]:
    return wanted.states or list(State)


def _range(lane: tuple[str, str], state: str) -> Range:
    its = {"its_provider": lane[0], "its_account": lane[1], "its_state": state}
    return _under_way() if state == State.SENDING else _listed(), its


@cache
def _listed() -> Select[Any]:
    return _newest(C.id, text(LISTED), *_its())


@cache
def _under_way() -> Select[Any]:
    # All of them, unordered: there are few, and no index has their ids in order.
    return select(C.id).where(text(LOOKED_AT), *_its())


def _its() -> list[Where]:
    named = {C.provider: "its_provider", C.account: "its_account", C.state: "its_state"}
    return [column == bindparam(name) for column, name in named.items()]
