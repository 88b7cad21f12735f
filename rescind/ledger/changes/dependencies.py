"""New cancellations that wait for others, and the rows that say for which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from sqlalchemy import BigInteger, Connection, Insert, Text, insert, select

from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.storage.dependency_table import DEPENDENCY
from rescind.ledger.storage.row_sets import Columns, Rows, incoming

_EDGE: Columns = {
    "successor_id": Text,
    "predecessor_id": Text,
    "condition": Text,
    "depth": BigInteger,
}


# Not frozen, as ``NewCancellation``.
@dataclass(slots=True)
class Waiting:
    """A new cancellation and the ids of its predecessors, none of them twice.

    ``new.progress`` is ``new_cancellation.waiting``. The predecessors are in the ledger
    and locked, or come before it in the same insertion.
    """

    new: NewCancellation
    predecessors: Sequence[str]
    condition: str
    depth: int
    judged: bool = True
    """Whether a predecessor may have ended already, so that it has to be judged."""


Dependents = Mapping[str, Sequence[Waiting]]
"""New cancellations that wait for others of the same submission. Each is listed under
the id of the last one of those that waits for nothing itself."""
NO_DEPENDENTS: Dependents = MappingProxyType({})


def mark_waiting(waiting: Sequence[Waiting]) -> None:
    """Note in each for how many it waits, and whether another one waits for it."""
    before = {each for one in waiting for each in one.predecessors}
    for one in waiting:
        one.new.waits_for = len(one.predecessors)
        one.new.followed = one.new.id in before


def write_dependencies(connection: Connection, kept: Sequence[Waiting]) -> None:
    """Write for which cancellations these wait, whose rows were just inserted."""
    edges = Rows([row for one in kept for row in _edges(one)], _EDGE)
    dialect = connection.dialect.name
    connection.execute(_insert(dialect, edges.differing), edges.parameters(dialect))


def _edges(one: Waiting) -> list[dict[str, Any]]:
    return [
        {
            "successor_id": one.new.id,
            "predecessor_id": before,
            "condition": one.condition,
            "depth": one.depth,
        }
        for before in one.predecessors
    ]


@cache
def _insert(dialect: str, differing: tuple[str, ...]) -> Insert:
    rows = incoming(dialect, _EDGE, differing)
    return insert(DEPENDENCY).from_select(list(_EDGE), select(rows))
