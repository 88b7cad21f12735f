"""Groups: their names off an index, and what became of what is in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select, text

from ledger.states import State
from ledger.tables import CANCELLATION, GROUPED, LOOKED_AT

C = CANCELLATION.c
COUNTED = 1_000
"""How far each state of a group is counted."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What became of a group: how many in each state; ``COUNTED`` + 1 means more."""

    name: str
    counts: Mapping[State, int]


def groups_from(connection: Connection, after: str, most: int) -> list[Standing]:
    """The groups whose names come after ``after``, in order."""
    found: list[Standing] = []
    while len(found) < most:
        name = connection.execute(_next(), {"after": after}).scalar()
        if name is None:
            break
        found.append(Standing(name, _counts(connection, name)))
        after = name
    return found


def standing(connection: Connection, name: str) -> Standing | None:
    """One group, if anything is in it."""
    counts = _counts(connection, name)
    return Standing(name, counts) if counts else None


def _counts(connection: Connection, name: str) -> dict[State, int]:
    asked = {"its_group": name, "most": COUNTED + 1}
    found = {s: connection.execute(_count(s), asked).scalar_one() for s in State}
    return {state: count for state, count in found.items() if count}


@cache
def _next() -> Select[Any]:
    after = C.group_name > bindparam("after")
    chosen = select(C.group_name).where(text(GROUPED), after)
    return chosen.order_by(C.group_name).limit(1)


@cache
def _count(state: State) -> Select[Any]:
    # What is under way is in no index of groups, and is few.
    held = LOOKED_AT if state is State.SENDING else GROUPED
    its = C.group_name == bindparam("its_group")
    few = select(C.id).where(text(held), text(f"state = '{state}'"), its)
    return select(func.count()).select_from(few.limit(bindparam("most")).subquery())
