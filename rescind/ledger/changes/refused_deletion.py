"""Retention of refused entries: they were never valid, and nothing was ever sent.

Producers and attackers can send any number of them. They are kept for a time, so that
operators see the mistakes of producers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Engine, Select, bindparam, select

from rescind.ledger.changes.deletion import AT_ONCE, delete_ended
from rescind.ledger.changes.retries import REFUSED_KEY
from rescind.ledger.reading.index_walk import lanes_in
from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.tables import CANCELLATION, LISTED
from rescind.ledger.storage.transactions import reading, writing

C = CANCELLATION.c
_BEHIND = REFUSED_KEY[:-1] + chr(ord(REFUSED_KEY[-1]) + 1)
"""Sorts after all keys of refused entries, and before all others."""


@dataclass(frozen=True, slots=True)
class _Place:
    lane: tuple[str, str]
    key: str = REFUSED_KEY


class RefusedPruning:
    """One walk over the refused entries of each lane, in the order of their keys."""

    def __init__(self, engine: Engine, before: datetime) -> None:
        self._engine, self._before = engine, in_ms(before)
        self._places: deque[_Place] | None = None
        self.cancellations = 0
        """Refused entries deleted so far."""

    def step(self) -> bool:
        """Read one page, and delete what is old in it; False when the walk is over."""
        if self._places is None:
            with reading(self._engine) as connection:
                self._places = deque(map(_Place, lanes_in(connection, LISTED)))
        if not self._places:
            return False
        place = self._places.popleft()
        rows = self._page(place)
        self._delete([row.id for row in rows if row.finished_at < self._before])
        if len(rows) == AT_ONCE:
            self._places.appendleft(_Place(place.lane, rows[-1].key))
        return bool(self._places)

    def _page(self, place: _Place) -> Sequence[Any]:
        provider, account = place.lane
        asked = {"provider": provider, "account": account, "after": place.key}
        with reading(self._engine) as connection:
            return connection.execute(_refused(), {**asked, "most": AT_ONCE}).all()

    def _delete(self, ids: Sequence[str]) -> None:
        if ids:
            with writing(self._engine, queue="retention") as connection:
                self.cancellations += delete_ended(connection, ids, self._before)


@cache
def _refused() -> Select[Any]:
    # The index of the unique key gives exactly these rows.
    return (
        select(C.id, C.key, C.finished_at)
        .where(
            C.provider == bindparam("provider"),
            C.account == bindparam("account"),
            C.key > bindparam("after"),
            C.key < _BEHIND,
            C.state == State.REJECTED,
        )
        .order_by(C.key)
        .limit(bindparam("most"))
    )
