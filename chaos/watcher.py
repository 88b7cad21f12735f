"""Watches the ledger during a run: which cancellations are final, since when, and
whether they stay so."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, select
from sqlalchemy.exc import ProgrammingError

from chaos.idleness import Idleness
from rescind.browse.counts import written
from rescind.ledger.states import FINAL, State
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import LedgerUnreachableError, reading

C = CANCELLATION.c
LOOK_SECONDS = 0.5

Final = tuple[str, str | None, int]
"""State, reason, and the time when it became final (ms since the epoch)."""
Named = tuple[str, str]
"""Provider and order."""


class Watcher(threading.Thread):
    """Reads from the ledger, at intervals, which cancellations have become final."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(daemon=True)
        self._engine = engine
        self._over = threading.Event()
        self._since = 0
        self._finals: dict[tuple[str, int], Final] = {}
        self.idleness = Idleness()
        self.broken: dict[str, str] = {}
        """By id: how cancellations left a final state other than by a retry."""

    def run(self) -> None:
        while not self._over.wait(LOOK_SECONDS):
            self._look()

    def stop(self) -> None:
        self._over.set()
        self.join()
        self._since = 0
        self._look()
        self._compare_all()

    def _look(self) -> None:
        chosen = select(CANCELLATION).where(C.updated_at >= self._since)
        chosen = chosen.where(C.finished_at.is_not(None))
        now = time.time()
        due = select(C.provider, func.count()).group_by(C.provider)
        due = due.where(C.finished_at.is_(None), C.due_at <= now * 1000)
        try:
            with reading(self._engine) as connection:
                rows = connection.execute(chosen).all()
                is_due = {row[0]: row[1] for row in connection.execute(due)}
        except (LedgerUnreachableError, ProgrammingError):
            # The second one: before a migration the ledger may lack a column.
            self.idleness.end()
            return
        self._note(rows)
        self.idleness.note(now, is_due)

    def _note(self, rows: Sequence[Row[Any]]) -> None:
        for row in rows:
            # A retry opens a new round; nothing else may change a final cancellation.
            round_of, now_is = (row.id, row.opened_at), _final(row)
            was = self._finals.setdefault(round_of, now_is)
            if was != now_is:
                self.broken[row.id] = f"was {was}, became {now_is}"
            # Commits may come in another order than their times: read 30 s back.
            self._since = max(self._since, row.updated_at - 30_000)

    def _compare_all(self) -> None:
        """Check every cancellation, also those that are no longer final."""
        with reading(self._engine) as connection:
            rows = connection.execute(select(CANCELLATION)).all()
        for row in rows:
            was = self._finals.get((row.id, row.opened_at))
            if was is not None and row.state not in FINAL:
                self.broken[row.id] = f"was {was}, is {row.state}"

    def has_ended(self, expected: AbstractSet[Named]) -> bool:
        """Whether the ledger has all ``expected`` orders and every row is final.

        False while the ledger is unreachable.
        """
        chosen = select(func.count()).where(C.finished_at.is_(None))
        try:
            with reading(self._engine) as connection:
                if connection.execute(chosen).scalar_one():
                    return False
                return expected <= _known(connection)
        except LedgerUnreachableError:
            return False

    def in_states(self, *states: State) -> frozenset[str]:
        """Ids of the cancellations in these states; waits until the ledger answers."""
        chosen = select(C.id).where(C.state.in_(states))
        while True:
            try:
                with reading(self._engine) as connection:
                    return frozenset(connection.execute(chosen).scalars())
            except LedgerUnreachableError:
                time.sleep(0.2)

    def written(self) -> tuple[int, int] | None:
        """See ``browse.counts``; None while the ledger is unreachable."""
        try:
            with reading(self._engine) as connection:
                return written(connection)
        except LedgerUnreachableError:
            return None

    def known(self) -> set[Named]:
        """All orders in the ledger; waits until the ledger answers."""
        while True:
            try:
                with reading(self._engine) as connection:
                    return _known(connection)
            except LedgerUnreachableError:
                time.sleep(0.2)


def _known(connection: Connection) -> set[Named]:
    found = connection.execute(select(C.provider, C.order_id))
    return {(provider, order) for provider, order in found}


def _final(row: Row[Any]) -> Final:
    return row.state, row.reason, row.finished_at
