"""Ledgers filled by Hypothesis, to compare queries with the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete

from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.states import State
from rescind.ledger.storage.tables import CANCELLATION, TRANSITION
from rescind.ledger.storage.transactions import writing
from tests.ledger.build import HOUR, NOW, new, progress

LANES = [("akinon", "a"), ("akinon", "b"), ("ithink", "a")]
GROUPS = [None, "g", "h"]
ORDERS = ["x", "y"]
ON_ONE_LEDGER = settings(
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)


@dataclass(frozen=True)
class One:
    """A cancellation: its lane, state, group and times in hours.

    Its order is also its key, unless another row of the lane has that key.
    """

    lane: tuple[str, str]
    state: State
    group: str | None
    accepted: int
    waited: int
    order: str
    is_key: bool

    @property
    def opened(self) -> int:
        """Hours before ``NOW``; negative means in the future."""
        return self.accepted - self.waited


ones = st.builds(
    One,
    st.sampled_from(LANES),
    # Many in one state, or no page would ever be full.
    st.sampled_from([State.QUEUED] * 9 + list(State)),
    st.sampled_from(GROUPS),
    st.integers(0, 50),
    st.integers(0, 60),
    st.sampled_from(ORDERS),
    st.booleans(),
)


def fill(engine: Engine, given_ones: Sequence[One]) -> list[tuple[str, One]]:
    """Fill a ledger with these; returns their ids, the newest first."""
    with writing(engine) as connection:
        for table in (TRANSITION, CANCELLATION):
            connection.execute(delete(table))
        kept, taken = [], set()
        for number, one in enumerate(sorted(given_ones, key=lambda one: -one.accepted)):
            opened = NOW - one.opened * HOUR
            path = (*one.lane, one.order)
            row = new(
                one.order,
                key=one.order if one.is_key and path not in taken else str(number),
                lane=one.lane,
                group=one.group,
                opened_at=opened,
                progress=progress(one.state),
            )
            insert_new(connection, [row], NOW - one.accepted * HOUR)
            taken.add(row.path)
            kept.append((row.id, one))
    return kept[::-1]
