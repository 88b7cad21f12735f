"""Claiming: how a worker comes to hold cancellations, the most urgent first."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    and_,
    func,
    literal_column,
    not_,
    or_,
    select,
    update,
)

from ledger.progress import Claimed, Progress
from ledger.records import write_history
from ledger.states import OPEN, State
from ledger.tables import CANCELLATION, NO_DEADLINE, from_ms, moment, to_ms
from providers.model import Order, Reason

C = CANCELLATION.c
_WORDS: list[ColumnElement[Any]] = [literal_column(f"'{reason}'") for reason in Reason]


def claim(
    connection: Connection,
    lane: tuple[str, str],
    state: State,
    limit: int,
    lease: timedelta,
    now: datetime,
) -> list[Claimed]:
    """Hold up to ``limit`` due cancellations of one lane, for ``lease``.

    ``queued`` ones become ``sending``, the nearest ``cancel_before`` first, and those
    past it are left for the sweep. ``verifying`` and ``requested`` ones stay what they
    are. Only ones with the same batch cap come together: see ``decision.Halve``. Ones
    that only a newer version can read are left for it.
    No two workers are ever given the same one while its lease lasts.
    """
    first = connection.execute(_candidates(lane, state, now, C.batch_cap).limit(1))
    row = first.first()
    if row is None:
        return []
    cap = row[0]
    chosen = (
        _candidates(lane, state, now, C.id)
        .where(C.batch_cap.is_(None) if cap is None else C.batch_cap == cap)
        .limit(limit if cap is None else min(limit, cap))
        .with_for_update(skip_locked=True)
    )
    held = connection.execute(_hold(chosen, state, lease, now)).all()
    if state is State.QUEUED:
        write_history(connection, (_claimed_row(row, now) for row in held))
    return sorted((_claimed(row) for row in held), key=_urgency)


def waiting(
    connection: Connection,
    lane: tuple[str, str],
    state: State,
    limit: int,
    now: datetime,
) -> int:
    """How many could be claimed now; counts no further than ``limit``."""
    few = _candidates(lane, state, now, C.id).order_by(None).limit(limit).subquery()
    found = connection.execute(select(func.count()).select_from(few))
    return int(found.scalar_one())


def readable() -> ColumnElement[bool]:
    """Whether all of a row's words are known to this version."""
    return and_(*(or_(c.is_(None), c.in_(_WORDS)) for c in (C.reason, C.hint)))


def unreadable(
    connection: Connection, lane: tuple[str, str], limit: int, now: datetime
) -> list[str]:
    """The ids of those that are due and wait for a newer version."""
    chosen = select(C.id).where(
        C.provider == lane[0],
        C.account == lane[1],
        C.state.in_([literal_column(f"'{state}'") for state in sorted(OPEN)]),
        C.finished_at.is_(None),
        C.due_at <= to_ms(now),
        not_(readable()),
    )
    return list(connection.execute(chosen.limit(limit)).scalars())


def _candidates(
    lane: tuple[str, str], state: State, now: datetime, *columns: Any
) -> Select[Any]:
    at = to_ms(now)
    chosen = select(*columns).where(
        C.provider == lane[0],
        C.account == lane[1],
        # Written out, so that both databases see that the partial index fits.
        C.state == literal_column(f"'{state}'"),
        C.due_at <= at,
        readable(),
    )
    if state is State.QUEUED:
        return chosen.where(C.urgency > at).order_by(C.urgency, C.due_at, C.id)
    return chosen.where(C.finished_at.is_(None)).order_by(C.due_at)


def _hold(chosen: Select[Any], state: State, lease: timedelta, now: datetime) -> Any:
    values: dict[str, Any] = {
        "version": C.version + 1,
        "due_at": to_ms(now + lease),
        "updated_at": to_ms(now),
    }
    if state is State.QUEUED:
        values |= {
            "state": State.SENDING,
            # Counted before the call: a worker that dies in it has made an attempt.
            "attempts": C.attempts + 1,
            "spent": C.spent + 1,
            "sent_at": to_ms(now),
        }
    # As a CTE it runs once; as a subquery PostgreSQL may run it for every row, and so
    # hold all there are, whatever the limit.
    picked = chosen.cte("picked").prefix_with("MATERIALIZED", dialect="postgresql")
    return (
        update(CANCELLATION)
        .where(and_(C.id.in_(select(picked.c.id)), C.state == state))
        .values(values)
        .returning(CANCELLATION)
    )


def _claimed_row(row: Row[Any], now: datetime) -> dict[str, Any]:
    return {
        "cancellation_id": row.id,
        "seq": row.version,
        "at": to_ms(now),
        "from_state": State.QUEUED,
        "to_state": State.SENDING,
        "reason": None,
        "evidence": None,
        "call_id": None,
    }


def _urgency(claimed: Claimed) -> tuple[float, str]:
    before = claimed.cancel_before
    return (before.timestamp() if before else NO_DEADLINE, claimed.id)


def progress_of(row: Row[Any]) -> Progress:
    """The progress that a row of ``cancellation`` holds."""
    return Progress(
        state=State(row.state),
        reason=Reason(row.reason) if row.reason else None,
        provider_code=row.provider_code,
        provider_message=row.provider_message,
        attempts=row.attempts,
        spent=row.spent,
        polls=row.polls,
        lost=bool(row.lost),
        hint=Reason(row.hint) if row.hint else None,
        sent_at=from_ms(row.sent_at),
        since=from_ms(row.since),
        step=row.step,
        batch_cap=row.batch_cap,
        due_at=from_ms(row.due_at),
        finished_at=from_ms(row.finished_at),
    )


def _claimed(row: Row[Any]) -> Claimed:
    return Claimed(
        id=row.id,
        order=Order(row.order_id, row.params),
        version=row.version,
        opened_at=moment(row.opened_at),
        progress=progress_of(row),
        cancel_before=from_ms(row.cancel_before),
        sealed=row.sealed,
    )
