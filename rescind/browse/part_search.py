"""Searches for a part of an order, a key, a group or a metadata value, by an index.

The index follows some seconds behind. The rows that it does not have yet are read
directly, up to a bound.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select, text

from rescind.browse.browsing import Found, Place
from rescind.browse.search_words import (
    LEAST,
    folded,
    foldings,
    trigrams,
    words_of,
)
from rescind.browse.wanted import Wanted
from rescind.ledger.id_times import time_of_id
from rescind.ledger.reading.queries import rows_of
from rescind.ledger.storage.postgres_statements import BY_BITMAP, LOCALLY
from rescind.ledger.storage.search_tables import (
    FULL_TEXT,
    SEARCH_ENTRY,
    SEARCH_PROGRESS,
    TRIGRAMS,
)
from rescind.ledger.storage.tables import CANCELLATION

C, S, P = CANCELLATION.c, SEARCH_ENTRY.c, SEARCH_PROGRESS.c
RECENT = 2_000
"""Rows without an entry that are read directly, the newest first."""
CANDIDATES = 2_000
"""Entries of one page that are compared with the other fields of the filter."""
NEWEST = 20_000
"""PostgreSQL's newest entries, which are read before the index: a part that many have
is found here, and is slow to find by the index."""
END = 2**62


@dataclass(frozen=True, slots=True)
class Unsearched:
    """The times in ms between which orders were accepted that have no entry yet, and
    were not read directly."""

    first: int
    last: int


def find_part(
    connection: Connection,
    words: str,
    wanted: Wanted,
    limit: int,
    after: Place | None = None,
) -> Found:
    """The newest ``limit`` matches behind ``after``. In a ``Place``, ``at`` is the
    position of an entry; 0 stands for rows without one."""
    part, parts = folded(words), foldings(words)
    if len(part) < LEAST:
        return Found([], None)
    if after is not None and after.at > 0:
        return _by_index(connection, parts, wanted, limit, after.at)
    last = after.id if after is not None else None
    recent = _without_entry(connection, part, wanted, last)
    if len(recent) > limit:
        shown = recent[:limit]
        return Found(shown, Place(0, shown[-1].id))
    # What had no entry on the page before may have one now.
    rest = _by_index(connection, parts, wanted, limit - len(recent), END, last)
    return Found([*recent, *rest.rows], rest.next, rest.partial)


def unsearched(connection: Connection) -> Unsearched | None:
    """What ``find_part`` leaves out, while the index is being built."""
    behind = _indexed_to(connection)
    chosen = select(C.id).where(C.id > behind).order_by(C.id.desc())
    last = connection.execute(chosen.offset(RECENT).limit(1)).scalar()
    if last is None:
        return None
    oldest = select(C.id).where(C.id > behind).order_by(C.id).limit(1)
    times = time_of_id(connection.execute(oldest).scalar_one()), time_of_id(last)
    return Unsearched(times[0] or 0, times[1] or 0)


def _indexed_to(connection: Connection) -> str:
    """The id up to which every row had its entry, or was committed later."""
    first = select(P.last_id).order_by(P.lag_seconds).limit(1)
    return connection.execute(first).scalar() or ""


def _without_entry(
    connection: Connection, part: str, wanted: Wanted, before: str | None
) -> list[Row[Any]]:
    chosen = select(CANCELLATION).where(C.id > _indexed_to(connection))
    if before is not None:
        chosen = chosen.where(C.id < before)
    rows = connection.execute(chosen.order_by(C.id.desc()).limit(RECENT))
    return [row for row in rows if part in words_of(row) and wanted.holds(row)]


# --- by the index ---------------------------------------------------------------------


def _by_index(
    connection: Connection,
    parts: Sequence[str],
    wanted: Wanted,
    limit: int,
    before: int,
    below: str | None = None,
) -> Found:
    """The newest matches whose entry has a position below ``before``, and whose id is
    below ``below``."""
    bare = wanted == Wanted() and below is None
    most = limit + 1 if bare else CANDIDATES
    places = _candidates(connection, parts, before, most)
    fitting = [
        one
        for one in _fitting(connection, places, wanted)
        if below is None or one.id < below
    ]
    shown = fitting[:limit]
    rows = rows_of(connection, [one.id for one in shown])
    if len(fitting) > limit:
        at = shown[-1].at if shown else before
        return Found(rows, Place(at, ""))
    if len(places) == most:
        return Found(rows, Place(places[-1].at, ""), partial=True)
    return Found(rows, None)


def _fitting(
    connection: Connection, places: Sequence[Place], wanted: Wanted
) -> list[Place]:
    rows = rows_of(connection, [one.id for one in places])
    fits = {row.id for row in rows if wanted.holds(row)}
    return [one for one in places if one.id in fits]


def _candidates(
    connection: Connection, parts: Sequence[str], before: int, most: int
) -> list[Place]:
    """The entries that have one of the parts, the newest first."""
    given: dict[str, Any] = {"before": before, "most": most}
    if connection.dialect.name == "sqlite":
        given |= _numbered("part", parts)
        given["grams"] = " OR ".join(f"({_all_of(part)})" for part in parts)
        return _places(connection, _sqlite(len(parts)), given)
    given |= {"newest": NEWEST, **_numbered("like", map(_like, parts))}
    found = _places(connection, _among_newest(len(parts)), given)
    if len(found) == most:
        return found
    given |= _numbered("grams", map(trigrams, parts))
    for statement in BY_BITMAP:
        connection.execute(text(statement))
    found = _places(connection, _postgresql(parts), given)
    connection.execute(text(LOCALLY))
    return found


def _places(
    connection: Connection, statement: str, given: dict[str, Any]
) -> list[Place]:
    rows = connection.execute(text(statement), given)
    return [Place(row.position, row.cancellation_id) for row in rows]


def _numbered(name: str, values: Iterable[Any]) -> dict[str, Any]:
    return {f"{name}{number}": one for number, one in enumerate(values)}


def _all_of(part: str) -> str:
    """FTS5's expression for the texts that have all trigrams of ``part``."""
    grams = (gram.replace('"', '""') for gram in trigrams(part))
    return " AND ".join(f'"{gram}"' for gram in grams)


def _like(part: str) -> str:
    escaped = part.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


def _any(condition: str, count: int) -> str:
    """``condition`` for each number below ``count``, of which one must hold."""
    return " OR ".join(condition.replace("#", str(n)) for n in range(count))


def _sqlite(count: int) -> str:
    return f"""
SELECT e.position, e.cancellation_id
FROM {FULL_TEXT} AS t JOIN search_entry AS e ON e.position = t.rowid
WHERE {FULL_TEXT} MATCH :grams AND t.rowid < :before
  AND ({_any("instr(e.words, :part#) > 0", count)})
ORDER BY t.rowid DESC LIMIT :most
"""  # noqa: S608


def _among_newest(count: int) -> str:
    return f"""
SELECT position, cancellation_id FROM (
  SELECT position, cancellation_id, words FROM search_entry
  WHERE position < :before ORDER BY position DESC LIMIT :newest
) AS newest
WHERE {_any("words LIKE :like#", count)} ORDER BY position DESC LIMIT :most
"""  # noqa: S608


def _postgresql(parts: Sequence[str]) -> str:
    fits = " OR ".join(_fits(number, part) for number, part in enumerate(parts))
    # "+ 0", or the index of positions might be read to its end. Each process of a
    # parallel plan sorts its own rows, and hands on only the newest.
    return f"""
SELECT position, cancellation_id FROM search_entry
WHERE ({fits}) AND position + 0 < :before
ORDER BY position + 0 DESC LIMIT :most
"""  # noqa: S608


def _fits(number: int, part: str) -> str:
    grams = f"{TRIGRAMS}(words) @> CAST(:grams{number} AS text[])"
    # A part that is one trigram needs no second look at the words.
    alone = len(part) == LEAST
    return grams if alone else f"({grams} AND words LIKE :like{number})"
