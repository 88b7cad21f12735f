"""Lists cancellations page by page, in an order that an index has.

One page reads a bounded number of rows, whatever the filter and the ledger's size. If
the rows that match are too far apart, the page says how far it has read, and the next
one continues there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, literal_column, select, text, tuple_

from rescind.browse.browse_ranges import Range, ranges_of
from rescind.browse.wanted import Wanted
from rescind.ledger.reading.limited import within
from rescind.ledger.reading.queries import rows_of
from rescind.ledger.storage.tables import CANCELLATION

C = CANCELLATION.c
SCANNED = 20_000
"""Rows that one page reads at most, over all index ranges."""
LEAST = 200
"""Rows that are read of each range at least."""


class Place(NamedTuple):
    """A place in a list: the sorted time in ms (0 if ids are the order), and an id."""

    at: int
    id: str


class Sort(StrEnum):
    """The orders of a list. The period of a filter is of the same time."""

    NEWEST = "newest"
    """Accepted last first."""
    OLDEST = "oldest"
    """Accepted first first."""
    ENDED = "ended"
    """Ended last first; only final ones."""
    DUE = "due"
    """Next step due first; only open ones, without those that wait for their lane."""

    @property
    def falls(self) -> bool:
        return self in (Sort.NEWEST, Sort.ENDED)

    @property
    def key(self) -> Any:
        """The column before the id by which the list is sorted; 0 if there is none."""
        columns = {Sort.ENDED: C.finished_at, Sort.DUE: C.due_at}
        return columns.get(self, literal_column("0"))


@dataclass(frozen=True, slots=True)
class Found:
    """One page of a list."""

    rows: Sequence[Row[Any]]
    next: Place | None
    """Where the next page begins; ``None`` at the end of the list."""
    partial: bool = False
    """Whether the page ended because it had read enough rows, not because it is full:
    no row up to ``next`` is left out."""


def browse(
    connection: Connection,
    wanted: Wanted,
    sort: Sort,
    limit: int,
    after: Place | None = None,
    scanned: int = SCANNED,
) -> Found:
    """The first ``limit`` matches behind ``after``."""
    ranges = ranges_of(connection, wanted, sort.value)
    if any(one.compared for one in ranges):
        _plan_by_values(connection)
    each = max(LEAST, scanned // max(1, len(ranges)))
    places: list[Place] = []
    stops: list[Place] = []
    for one in ranges:
        some, stop = _read(connection, one, sort, limit + 1, after, each)
        places += some
        stops += [] if stop is None else [stop]
    return _page(connection, sort, places, stops, limit)


def list_rows(
    connection: Connection, wanted: Wanted, limit: int = sys.maxsize
) -> list[Row[Any]]:
    """The newest ``limit`` matches, newest first, from as many pages as they need."""
    rows: list[Row[Any]] = []
    after: Place | None = None
    while len(rows) < limit:
        most = min(limit - len(rows), SCANNED)
        page = browse(connection, wanted, Sort.NEWEST, most, after)
        rows += page.rows
        after = page.next
        if after is None:
            break
    return rows


def _plan_by_values(connection: Connection) -> None:
    """Have PostgreSQL plan the statements of this transaction by their values.

    Its plan for any value reads the whole table for a lane or a state that few have.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL plan_cache_mode = force_custom_plan"))


def _page(
    connection: Connection,
    sort: Sort,
    places: Iterable[Place],
    stops: Sequence[Place],
    limit: int,
) -> Found:
    """The first matches up to the nearest place at which a range was left."""
    ordered = sorted(places, reverse=sort.falls)
    edge = sorted(stops, reverse=sort.falls)[0] if stops else None
    if edge is not None:
        ordered = [p for p in ordered if (p >= edge if sort.falls else p <= edge)]
    full = len(ordered) > limit
    shown = ordered[:limit]
    rows = rows_of(connection, [place.id for place in shown])
    return Found(rows, shown[-1] if full else edge, partial=not full and bool(edge))


def _read(
    connection: Connection,
    one: Range,
    sort: Sort,
    limit: int,
    after: Place | None,
    each: int,
) -> tuple[list[Place], Place | None]:
    """Up to ``limit`` matches of a range, and where it was left if it was not read to
    its end before ``limit`` matches were found."""
    columns = (C[name] for name in one.compared)
    chosen = select(sort.key.label("at"), C.id, *columns)
    chosen = chosen.where(*one.where)
    if after is not None:
        chosen = chosen.where(_behind(sort, after))
    if not one.sorted:
        # Few rows, and no index has them in this order.
        rows = connection.execute(_fitting(chosen, one), one.values)
        found = sorted((Place(at, id_) for at, id_ in rows), reverse=sort.falls)
        return found[:limit], None
    chosen = _ordered(chosen, sort)
    if not one.compared:
        return _places(connection, chosen.limit(limit), one), None
    found = _places(connection, _fitting(chosen.limit(each), one).limit(limit), one)
    if len(found) == limit:
        return found, None
    last = _places(connection, chosen.offset(each - 1).limit(1), one)
    return found, last[0] if last else None


def _fitting(chosen: Select[Any], one: Range) -> Select[Any]:
    rows = chosen.subquery()
    fits = (rows.c[name].in_(values) for name, values in one.rest.items())
    return select(rows.c.at, rows.c.id).where(*fits, *within(one.within, rows.c))


def _places(connection: Connection, chosen: Select[Any], one: Range) -> list[Place]:
    return [Place(row[0], row[1]) for row in connection.execute(chosen, one.values)]


def _behind(sort: Sort, after: Place) -> Any:
    if sort in (Sort.NEWEST, Sort.OLDEST):
        return C.id < after.id if sort.falls else C.id > after.id
    place = tuple_(sort.key, C.id)
    return place < tuple(after) if sort.falls else place > tuple(after)


def _ordered(chosen: Select[Any], sort: Sort) -> Select[Any]:
    ids_alone = sort in (Sort.NEWEST, Sort.OLDEST)
    columns = [C.id] if ids_alone else [sort.key, C.id]
    return chosen.order_by(*(c.desc() if sort.falls else c.asc() for c in columns))
