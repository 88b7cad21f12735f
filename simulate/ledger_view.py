"""Reads the ledger for the simulation, without an effect on the world."""

from __future__ import annotations

from sqlalchemy import Engine

from simulate.memory_ledger import raw

# What its predecessors keep waits for their ends, or for one that failed.
IS_OPEN = (
    (
        "SELECT 1 FROM cancellation WHERE finished_at IS NULL"
        " AND (state = 'scheduled' AND waits_for > 0) IS NOT TRUE LIMIT 1"
    ),
    "SELECT 1 FROM postponed_judgement LIMIT 1",
    "SELECT 1 FROM postponed_completion LIMIT 1",
)
IS_DUE = (
    "SELECT 1 FROM cancellation WHERE due_at <= ? LIMIT 1",
    "SELECT 1 FROM postponed_judgement WHERE due_at <= ? LIMIT 1",
)
WILL_BE_DUE = (
    (
        "SELECT min(due_at) FROM cancellation WHERE due_at > ?"
        " AND (state = 'scheduled' AND waits_for > 0) IS NOT TRUE"
    ),
    (
        "SELECT min(cancel_before) FROM cancellation WHERE cancel_before > ?"
        " AND state = 'scheduled' AND waits_for > 0"
    ),
    "SELECT min(due_at) FROM postponed_judgement WHERE due_at > ?",
    "SELECT min(paused_until) FROM lane WHERE paused_until > ?",
    "SELECT min(probe_at) FROM lane WHERE probe_at > ?",
)


class LedgerView:
    """Reads one ledger without a transaction of its own."""

    def __init__(self, ledger: Engine) -> None:
        with ledger.connect() as connection:
            self._raw = raw(connection)

    def has_open(self) -> bool:
        """Whether any cancellation has not ended, and waits for no others, or the
        sweep has something left to judge."""
        return any(self._look(one) is not None for one in IS_OPEN)

    def next_due(self, now: float) -> float | None:
        """When an order or lane is due next, in seconds since the epoch, as ``now`` is.
        None if an order is due already, or nothing will be due."""
        moment = int(now * 1000)
        if any(self._look(one, moment) for one in IS_DUE):
            return None
        times = [self._look(one, moment) for one in WILL_BE_DUE]
        due = min((one for one in times if one), default=None)
        return None if due is None else due / 1000

    def _look(self, statement: str, *values: int) -> int | None:
        found = self._raw.execute(statement, values).fetchone()
        return None if found is None else found[0]
