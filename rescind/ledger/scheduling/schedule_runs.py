"""The runs of schedules: each due time has exactly one run, whichever worker makes it.

A worker claims an open run with a lease. If the worker dies, the lease runs out and
another worker claims the run. ``version`` is the fencing token.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, Update, delete, func, select, text, update

from rescind.ledger.storage.milliseconds import in_ms, moment
from rescind.ledger.storage.side_tables import RUN_OPEN, SCHEDULE_RUN
from rescind.ledger.storage.upsert import insert_into

R = SCHEDULE_RUN.c
KEPT = 200
"""Newest runs of each schedule that are kept."""
SCHEDULED, OPERATOR = "schedule", "operator"
"""Values of ``asked_by``: the schedule, or an operator."""


class RunState(StrEnum):
    RUNNING = "running"
    """The run waits for a worker, or a worker holds it."""
    SUBMITTED = "submitted"
    HELD = "held"
    """The run found too many orders and submitted none: an operator must look."""
    FAILED = "failed"
    """The source could not be read or used: nothing more was submitted."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run, held by the worker that claimed it."""

    name: str
    due_at: datetime
    asked_by: str
    attempts: int
    version: int
    most: int | None = None
    """The maximum of this run, instead of its rule's."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many orders a run found, and what became of them."""

    found: int
    accepted: int = 0
    duplicates: int = 0
    refused: int = 0


# --- a run begins -----------------------------------------------------------------


def open_run(
    connection: Connection, name: str, due_at: datetime, now: datetime
) -> bool:
    """Make sure that the run for ``due_at`` exists.

    False if another run of the schedule is still open: this due time must wait.
    """
    other = select(R.due_at).where(R.name == name, R.state == RunState.RUNNING)
    still_open = connection.execute(other).scalars().all()
    if still_open:
        return in_ms(due_at) in still_open
    row = _new(name, due_at, SCHEDULED, now, lease_ends=now)
    inserted = (
        insert_into(connection, SCHEDULE_RUN).values(row).on_conflict_do_nothing()
    )
    connection.execute(inserted)
    return True


def request_run(
    connection: Connection, name: str, now: datetime, most: int | None, by: str
) -> bool:
    """Ask the workers for an extra run, with another maximum if ``most`` is given.

    False if another run of the schedule is still open.
    """
    still_open = select(R.due_at).where(R.name == name, R.state == RunState.RUNNING)
    if connection.execute(still_open.limit(1)).first() is not None:
        return False
    # The schedule's own due times are whole seconds.
    due_at = now.replace(microsecond=max(1000, now.microsecond))
    row = _new(name, due_at, SCHEDULED, now, lease_ends=now)
    row |= {"most": most, "requested_by": by}
    inserted = insert_into(connection, SCHEDULE_RUN).values(row)
    made = connection.execute(inserted.on_conflict_do_nothing().returning(R.name))
    return made.first() is not None


def start_manual_run(
    connection: Connection, name: str, now: datetime, lease: timedelta
) -> Run:
    """Start an extra run, held by the operator who asked for it."""
    due_at = now
    while True:
        # The schedule's own due times are whole seconds.
        if due_at.microsecond // 1000 == 0:
            due_at += timedelta(milliseconds=1)
        row = _new(name, due_at, OPERATOR, now, lease_ends=now + lease)
        row |= {"attempts": 1}
        insert = insert_into(connection, SCHEDULE_RUN).values(row)
        made = connection.execute(insert.on_conflict_do_nothing().returning(R.name))
        if made.first() is not None:
            return Run(name, moment(in_ms(due_at)), OPERATOR, 1, 1)
        due_at += timedelta(milliseconds=1)


def _new(
    name: str, due_at: datetime, asked_by: str, now: datetime, lease_ends: datetime
) -> dict[str, Any]:
    return {
        "name": name,
        "due_at": in_ms(due_at),
        "state": RunState.RUNNING.value,
        "asked_by": asked_by,
        "attempts": 0,
        "lease_ends": in_ms(lease_ends),
        "version": 1,
        "started_at": in_ms(now),
    }


# --- holding a run ----------------------------------------------------------------


def ready(connection: Connection, now: datetime) -> list[Row[Any]]:
    """Open runs that no worker holds, or whose holder's lease has run out."""
    # A literal, so that SQLite sees that the partial index fits.
    chosen = select(SCHEDULE_RUN).where(text(RUN_OPEN), R.lease_ends <= in_ms(now))
    return list(connection.execute(chosen.order_by(R.lease_ends)))


def claim_run(
    connection: Connection,
    name: str,
    now: datetime,
    lease: timedelta,
    asked_by: str = SCHEDULED,
) -> Run | None:
    """Claim the oldest free run of ``name`` for ``lease``; ``None`` if none is free."""
    mine = (R.name == name, R.asked_by == asked_by, R.state == RunState.RUNNING)
    free = (*mine, R.lease_ends <= in_ms(now))
    oldest = select(func.min(R.due_at)).where(*free).scalar_subquery()
    taken = connection.execute(
        update(SCHEDULE_RUN)
        # The second of two workers sees the first one's change, and claims nothing.
        .where(*free, R.due_at == oldest)
        .values(
            attempts=R.attempts + 1,
            version=R.version + 1,
            lease_ends=in_ms(now + lease),
            started_at=in_ms(now),
        )
        .returning(SCHEDULE_RUN)
    ).one_or_none()
    return None if taken is None else run_of(taken)


def run_of(row: Row[Any]) -> Run:
    due_at = moment(row.due_at)
    return Run(row.name, due_at, row.asked_by, row.attempts, row.version, row.most)


def _held(run: Run) -> Update:
    return update(SCHEDULE_RUN).where(
        R.name == run.name,
        R.due_at == in_ms(run.due_at),
        R.version == run.version,
        R.state == RunState.RUNNING,
    )


def renew(connection: Connection, run: Run, until: datetime) -> bool:
    """Extend the lease; False if another worker holds the run now."""
    longer = _held(run).values(lease_ends=in_ms(until))
    return connection.execute(longer).rowcount == 1


def release_run(
    connection: Connection, run: Run, at: datetime, *, why: str | None = None
) -> bool:
    """Release the run for a new attempt at ``at``. Without ``why``, this attempt does
    not count. False if another worker holds the run now."""
    tried = run.attempts - (why is None)
    back = _held(run).values(lease_ends=in_ms(at), attempts=tried, why=why)
    return connection.execute(back).rowcount == 1


# --- a run ends -------------------------------------------------------------------


def finish(
    connection: Connection,
    run: Run,
    state: RunState,
    now: datetime,
    *,
    counts: Counts | None = None,
    why: str | None = None,
) -> bool:
    """End the run; False, and nothing is changed, if another worker holds it now.

    Every run ends here, so counters of runs by result belong here.
    """
    columns = counts and {
        "found": counts.found,
        "accepted": counts.accepted,
        "duplicates": counts.duplicates,
        "refused": counts.refused,
    }
    ended = _held(run).values(
        state=state.value,
        lease_ends=None,
        finished_at=in_ms(now),
        why=why,
        **(columns or {}),
    )
    if connection.execute(ended).rowcount != 1:
        return False
    _prune(connection, run.name)
    return True


def _prune(connection: Connection, name: str) -> None:
    newest = select(R.due_at).where(R.name == name).order_by(R.due_at.desc())
    oldest_kept = newest.offset(KEPT - 1).limit(1).scalar_subquery()
    old = (R.name == name, R.due_at < oldest_kept, R.state != RunState.RUNNING)
    connection.execute(delete(SCHEDULE_RUN).where(*old))
