"""Finds groups whose end is to be told: watched, quiet, and with no member open.

All is read in one transaction, which sees one moment of the ledger: so what is told was
true at that moment, whatever is inserted or retried meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, select, text

from rescind.ledger.reading.group_summary import GroupSummary, summary_of
from rescind.ledger.reading.groups import under_way
from rescind.ledger.states import FINAL, OPEN, State
from rescind.ledger.storage.group_end_table import GROUP_END, PENDING
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.tables import CANCELLATION, GROUPED

C, G = CANCELLATION.c, GROUP_END.c
QUIET = timedelta(seconds=10)
"""How long nothing must have been added: a file is submitted in several messages."""
MOST_REQUESTS = 1_000
"""Requests of one group that one look reads."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A group with pending requests to be told, and what follows from this look."""

    name: str
    asked: Sequence[Row[Any]] = field(repr=False)
    """One pending request for each address."""
    repeated: Sequence[str] = ()
    """The ids of further ones for the same addresses."""
    summary: GroupSummary | None = None
    """The group as it has ended; ``None`` while its end is not to be told."""
    last: str | None = None
    """The cancellation that ended last; ``None`` if the group is empty."""


def watched_groups(connection: Connection, after: str, most: int) -> Sequence[str]:
    """The groups with pending requests whose names come after ``after``, in order."""
    its = select(G.group_name).distinct().where(text(PENDING), G.group_name > after)
    return connection.execute(its.order_by(G.group_name).limit(most)).scalars().all()


def look_at(connection: Connection, name: str, now: datetime) -> Watched:
    """Look at one group of ``watched_groups``."""
    its = select(GROUP_END).where(text(PENDING), G.group_name == name)
    ordered = its.order_by(G.group_name, G.id).limit(MOST_REQUESTS)
    rows = connection.execute(ordered).all()
    first = {row.url: row for row in reversed(rows)}
    kept = {row.id for row in first.values()}
    repeated = [row.id for row in rows if row.id not in kept]
    seen = Watched(name, list(first.values()), repeated)
    newest = max((row.created_at for row in rows), default=0)
    if repeated or newest > in_ms(now - QUIET) or _is_open(connection, name):
        return seen
    summary = summary_of(connection, name)
    if summary.last_created_at and summary.last_created_at > in_ms(now - QUIET):
        return seen
    return Watched(name, seen.asked, (), summary, _last(connection, summary))


def _is_open(connection: Connection, name: str) -> bool:
    found = connection.execute(_open(), {"its_group": name}).first()
    return found is not None or under_way(connection, name) > 0


@cache
def _open() -> Select[Any]:
    states = _listed(sorted(OPEN - {State.SENDING}))
    its = C.group_name == bindparam("its_group")
    return select(C.id).where(text(GROUPED), its, text(f"state IN {states}")).limit(1)


def _last(connection: Connection, summary: GroupSummary) -> str | None:
    its = (C.group_name == summary.name, C.finished_at == summary.finished_at)
    chosen = select(C.id).where(text(GROUPED), *its, _ended())
    last: str | None = connection.execute(
        chosen.order_by(C.id.desc()).limit(1)
    ).scalar()
    return last


@cache
def _ended() -> Any:
    return text(f"state IN {_listed(sorted(FINAL))}")


def _listed(states: Sequence[State]) -> str:
    each = ", ".join(f"'{state}'" for state in states)
    return f"({each})"
