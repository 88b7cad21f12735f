"""Reads for whom cancellations wait, and which wait for one that has failed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    Text,
    any_,
    bindparam,
    cast,
    func,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from rescind.ledger.conditions import Predecessor, allows
from rescind.ledger.states import State
from rescind.ledger.storage.dependency_table import DEPENDENCY
from rescind.ledger.storage.row_sets import Columns, incoming, parameters
from rescind.ledger.storage.tables import CANCELLATION, FAILED_PREDECESSOR
from rescind.provider.outcomes import Reason

C, D = CANCELLATION.c, DEPENDENCY.c
_IDS: Columns = {"id": Text}


def predecessors_of(
    connection: Connection, ids: Collection[str]
) -> dict[str, list[Predecessor]]:
    """The predecessors of each, as they are now, in the order of their ids."""
    if not ids:
        return {}
    chosen = _predecessors(connection.dialect.name)
    found: dict[str, list[Predecessor]] = {}
    for successor, id_, condition, state, reason in connection.execute(
        chosen, ids_given(connection, ids)
    ):
        its = Predecessor(id_, condition, _state(state), _reason(reason))
        found.setdefault(successor, []).append(its)
    return found


@cache
def _predecessors(dialect: str) -> Select[Any]:
    return (
        select(D.successor_id, D.predecessor_id, D.condition, C.state, C.reason)
        .select_from(DEPENDENCY.outerjoin(CANCELLATION, D.predecessor_id == C.id))
        .where(among(dialect, D.successor_id))
        .order_by(D.successor_id, D.predecessor_id)
    )


# Cached: an enumeration takes several times as long to find a member.
@cache
def _state(value: str | None) -> State | None:
    return State(value) if value else None


@cache
def _reason(value: str | None) -> Reason | None:
    return Reason(value) if value else None


def among(dialect: str, column: Any) -> Any:
    """Whether the column has one of the ids of ``ids_given``."""
    if dialect == "sqlite":
        return column.in_(select(incoming(dialect, _IDS, ("id",)).c.id))
    # As an array: joined with ``unnest``, PostgreSQL was seen to compare a thousand ids
    # with each row.
    return column == any_(cast(bindparam("given_id", type_=Text), ARRAY(Text)))


def in_these(dialect: str, column: Any, ids: Select[Any]) -> Any:
    """Whether the column has one of the ids that ``ids`` selects."""
    if dialect == "sqlite":
        return column.in_(ids)
    return column == any_(func.array(ids.scalar_subquery(), type_=ARRAY(Text)))


def ids_given(connection: Connection, ids: Collection[str]) -> dict[str, Any]:
    """The parameters of ``among``."""
    listed = [(one,) for one in sorted(ids)]
    return parameters(connection.dialect.name, {}, ("id",), listed)


def waiting_for_failed(connection: Connection, most: int) -> dict[str, list[str]]:
    """Cancellations that have failed, and those that wait for each until a person
    decides: up to ``most`` of them."""
    failed, successor = CANCELLATION.alias("failed"), CANCELLATION.alias("successor")
    # A list of ids: joined, SQLite reads all dependencies first.
    those = select(C.id).where(text(FAILED_PREDECESSOR))
    chosen = (
        select(D.successor_id, D.predecessor_id, D.condition, failed.c.reason)
        .join_from(DEPENDENCY, failed, D.predecessor_id == failed.c.id)
        .join(successor, D.successor_id == successor.c.id)
        .where(D.predecessor_id.in_(those))
        .where(successor.c.state == State.SCHEDULED, successor.c.waits_for > 0)
        .order_by(D.predecessor_id, D.successor_id)
    )
    found: dict[str, list[str]] = {}
    for row in connection.execute(chosen.limit(most)):
        if not allows(row.condition, State.FAILED, Reason(row.reason)):
            found.setdefault(row.predecessor_id, []).append(row.successor_id)
    return found


def waiting_for_missing(connection: Connection, most: int) -> dict[str, list[str]]:
    """Predecessors that are not in the ledger any more, and those that wait for each:
    up to ``most``. Reads all that wait."""
    missing = CANCELLATION.alias("missing")
    chosen = (
        select(D.predecessor_id, D.successor_id)
        .join_from(CANCELLATION, DEPENDENCY, D.successor_id == C.id)
        .outerjoin(missing, D.predecessor_id == missing.c.id)
        .where(C.state == State.SCHEDULED, C.waits_for > 0)
        .where(C.finished_at.is_(None))
        .where(missing.c.id.is_(None))
        .limit(most)
    )
    found: dict[str, list[str]] = {}
    for predecessor, successor in connection.execute(chosen):
        found.setdefault(predecessor, []).append(successor)
    return found


def as_after(
    predecessors: Sequence[Predecessor], hidden: Collection[str] = ()
) -> list[dict[str, Any]]:
    """The predecessors as users get them in a record: the ``hidden`` ones without their
    ids."""
    return [
        {
            "id": None if one.id in hidden else one.id,
            "only_if": one.condition.split(),
            "state": one.state,
            "reason": one.reason,
            "met": one.met,
        }
        for one in predecessors
    ]
