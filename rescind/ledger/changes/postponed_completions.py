"""Bounds how many plans one transaction completes; leaves the rest to later ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, bindparam, select

from rescind.ledger.changes.postponement import take_due
from rescind.ledger.reading.predecessors import among, ids_given
from rescind.ledger.storage.completion_table import COMPLETION
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.plan_tables import PLAN_STEP
from rescind.ledger.storage.upsert import insert_into

N, S = COMPLETION.c, PLAN_STEP.c
MOST_COMPLETED = 250
"""Plans of ended steps that one transaction looks at: each may have an end to tell."""


@dataclass(slots=True)
class Concerned:
    """The plans that some ends concern."""

    plans: set[str] = field(default_factory=set)
    ended: set[str] = field(default_factory=set)
    """Those cancellations whose ends concern them."""
    left: dict[str, str] = field(default_factory=dict)
    """Ended cancellations with more plans, each with the last plan of it that is in
    ``plans``; an empty text if none is."""


def concerned(connection: Connection, ended: Collection[str]) -> Concerned:
    """The plans of these cancellations: ``MOST_COMPLETED`` at most."""
    given = {"most": MOST_COMPLETED + 1, **ids_given(connection, ended)}
    rows = connection.execute(_steps(connection.dialect.name), given).all()
    found = Concerned({row.plan_id for row in rows[:MOST_COMPLETED]}, set(ended))
    if len(rows) > MOST_COMPLETED:
        last = rows[MOST_COMPLETED - 1]
        found.left = {one: "" for one in ended if one > last.cancellation_id}
        found.left[last.cancellation_id] = last.plan_id
    return found


@cache
def _steps(dialect: str) -> Select[Any]:
    chosen = select(S.cancellation_id, S.plan_id)
    its = chosen.where(among(dialect, S.cancellation_id))
    most = bindparam("most", type_=BigInteger())
    return its.order_by(S.cancellation_id, S.plan_id).limit(most)


def postpone(connection: Connection, left: Mapping[str, str], now: datetime) -> None:
    """Have the plans of these looked at later, from the one after the given one on. The
    rows of the cancellations are locked."""
    if not left:
        return
    # Sorted: two transactions that write the same rows must not deadlock.
    rows = [
        {"cancellation_id": one, "after_plan": plan, "due_at": in_ms(now)}
        for one, plan in sorted(left.items())
    ]
    added = insert_into(connection, COMPLETION)
    # It ended once more: its first plans may have been looked at before that.
    new = {name: added.excluded[name] for name in ("after_plan", "due_at")}
    key = [N.cancellation_id]
    connection.execute(added.on_conflict_do_update(index_elements=key, set_=new), rows)


def some_due(at: Any) -> ColumnElement[bool]:
    """Whether plans are to be looked at now: ``at`` is in ms."""
    return select(N.due_at).where(N.due_at <= at).exists()


def take(connection: Connection, now: datetime) -> Concerned | None:
    """Take up some of the plans that earlier transactions have left; ``None`` if there
    are none. What begins again ends once more, and is forgotten here."""
    taken = take_due(connection, COMPLETION, now)
    found = Concerned()
    for note, has_ended in taken:
        if has_ended:
            _add(connection, found, note.cancellation_id, note.after_plan)
    return found if taken else None


def _add(connection: Connection, found: Concerned, id_: str, after: str) -> None:
    """Add the plans of this cancellation for which there is room."""
    room = MOST_COMPLETED - len(found.plans)
    its = select(S.plan_id).where(S.cancellation_id == id_, S.plan_id > after)
    chosen = its.order_by(S.plan_id).limit(room + 1)
    plans = connection.execute(chosen).scalars().all()
    found.ended.add(id_)
    found.plans.update(plans[:room])
    if len(plans) > room:
        found.left[id_] = plans[room - 1] if room else after
