"""Reads groups: their names from an index, and how many are in each state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, select, text

from rescind.ledger.access_limits import EVERYTHING, Limits
from rescind.ledger.reading.index_walk import lanes_in
from rescind.ledger.reading.limited import within
from rescind.ledger.states import State
from rescind.ledger.storage.tables import CANCELLATION, GROUPED, LOOKED_AT

C = CANCELLATION.c
LISTED_ONES = tuple(state for state in State if state is not State.SENDING)
COUNTED = 1_000
"""Rows of each state of a group that are counted at most."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How many of a group are in each state; ``COUNTED`` + 1 means more."""

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
    """One group's counts; ``None`` if it is empty."""
    counts = _counts(connection, name)
    return Standing(name, counts) if counts else None


def _counts(connection: Connection, name: str) -> dict[State, int]:
    asked = {"its_group": name, "most": COUNTED + 1}
    found: dict[State, int] = {State.SENDING: under_way(connection, name)}
    for state in LISTED_ONES:
        found[state] = connection.execute(_count(state), asked).scalar_one()
    return {state: found[state] for state in State if found[state]}


def under_way(connection: Connection, name: str, limits: Limits = EVERYTHING) -> int:
    """How many of a group, within ``limits``, are being sent."""
    # The index of groups does not hold ``sending`` rows. There are few, for a moment.
    chosen = select(func.count()).where(
        text(LOOKED_AT),
        C.provider == bindparam("its_provider"),
        C.account == bindparam("its_account"),
        text(f"state = '{State.SENDING}'"),
        C.group_name == name,
        *within(limits),
    )
    lanes = lanes_in(connection, LOOKED_AT)
    named = ({"its_provider": p, "its_account": a} for p, a in lanes)
    return sum(connection.execute(chosen, lane).scalar_one() for lane in named)


@cache
def _next() -> Select[Any]:
    after = C.group_name > bindparam("after")
    chosen = select(C.group_name).where(text(GROUPED), after)
    return chosen.order_by(C.group_name).limit(1)


@cache
def _count(state: State) -> Select[Any]:
    its = C.group_name == bindparam("its_group")
    few = select(C.id).where(text(GROUPED), text(f"state = '{state}'"), its)
    return select(func.count()).select_from(few.limit(bindparam("most")).subquery())
