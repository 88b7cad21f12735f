"""Claiming: how a worker comes to hold cancellations, the most urgent first.

Statements are built once and cached: to build them anew costs more than to run them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from operator import attrgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    not_,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from ledger.progress import Claimed, Progress
from ledger.records import write_history
from ledger.states import State
from ledger.tables import CANCELLATION, LOOKED_AT, from_ms, in_ms, moment
from providers.model import Order, Reason

C = CANCELLATION.c
_WORDS: list[ColumnElement[Any]] = [literal_column(f"'{reason}'") for reason in Reason]
_PROGRESS = (
    C.state,
    C.reason,
    C.provider_code,
    C.provider_message,
    C.attempts,
    C.spent,
    C.polls,
    C.lost,
    C.hint,
    C.sent_at,
    C.since,
    C.step,
    C.batch_cap,
    C.due_at,
    C.finished_at,
)
_OWN = (
    C.id,
    C.order_id,
    cast(C.params, Text),
    C.version,
    C.opened_at,
    C.cancel_before,
    C.urgency,
    C.sealed,
    C.trace,
)


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
    values = _values(lane, limit, now) | {"lease_ends": in_ms(now + lease)}
    held = connection.execute(_hold(state), values).all()
    if state is State.QUEUED:
        write_history(connection, _begun(held, in_ms(now)))
    # Most of a claim are alike: one object stands for what all of them share.
    params, known = cache(json.loads), dict[tuple[Any, ...], Progress]()
    ordered = sorted(held, key=attrgetter("urgency", "id"))
    return [_claimed(row, params, known) for row in ordered]


def waiting(
    connection: Connection,
    lane: tuple[str, str],
    state: State,
    limit: int,
    now: datetime,
) -> int:
    """How many could be claimed now; counts no further than ``limit``."""
    found = connection.execute(_count(state), _values(lane, limit, now))
    return int(found.scalar_one())


def readable() -> ColumnElement[bool]:
    """Whether all of a row's words are known to this version."""
    return and_(*(or_(c.is_(None), c.in_(_WORDS)) for c in (C.reason, C.hint)))


def unreadable(
    connection: Connection, lane: tuple[str, str], limit: int, now: datetime
) -> list[str]:
    """The ids of those that are due and wait for a newer version."""
    found: list[str] = []
    for open_ones in (C.state == literal_column("'queued'"), text(LOOKED_AT)):
        chosen = select(C.id).where(
            C.provider == lane[0],
            C.account == lane[1],
            open_ones,
            C.due_at <= in_ms(now),
            not_(readable()),
        )
        found += connection.execute(chosen.limit(limit)).scalars()
    return found[:limit]


def _values(lane: tuple[str, str], limit: int, now: datetime) -> dict[str, Any]:
    its = {"its_provider": lane[0], "its_account": lane[1]}
    return {**its, "most": limit, "now": in_ms(now)}


@cache
def _count(state: State) -> Select[Any]:
    few = _candidates(state, C.id).order_by(None).limit(bindparam("most")).subquery()
    return select(func.count()).select_from(few)


def _candidates(state: State, *columns: Any) -> Select[Any]:
    chosen = select(*columns).where(
        C.provider == bindparam("its_provider"),
        C.account == bindparam("its_account"),
        # Written out, so that both databases see that the partial index fits.
        C.state == literal_column(f"'{state}'"),
        C.due_at <= bindparam("now"),
        readable(),
    )
    if state is State.QUEUED:
        in_time = C.urgency > bindparam("now")
        return chosen.where(in_time).order_by(C.urgency, C.due_at)
    return chosen.where(text(LOOKED_AT)).order_by(C.due_at)


@cache
def _hold(state: State) -> ReturningUpdate[Any]:
    # As a CTE it runs once; as a subquery PostgreSQL may run it for every row, and so
    # hold all there are, whatever the limit.
    picked = (
        _picked(state).cte("picked").prefix_with("MATERIALIZED", dialect="postgresql")
    )
    values: dict[str, Any] = {
        "version": C.version + 1,
        "due_at": bindparam("lease_ends"),
        "updated_at": bindparam("now"),
    }
    if state is State.QUEUED:
        values |= {
            "state": literal_column(f"'{State.SENDING}'"),
            # Counted before the call: a worker that dies in it has made an attempt.
            "attempts": C.attempts + 1,
            "spent": C.spent + 1,
            "sent_at": bindparam("now"),
        }
    return (
        update(CANCELLATION)
        # And by nothing else: PostgreSQL, told of a state, was seen to go through all
        # that are in it and to compare each with all that were picked.
        .where(C.id.in_(select(picked.c.id)))
        .values(values)
        .returning(*_OWN, *_PROGRESS)
    )


def _picked(state: State) -> Select[Any]:
    """The first ones, as far as they have the first one's batch cap."""
    # As a CTE it is looked for once, wherever it is named.
    first = _candidates(state, C.batch_cap).limit(1).cte("first")
    cap = select(first.c.batch_cap).scalar_subquery()
    most: ColumnElement[int] = bindparam("most")
    return (
        _candidates(state, C.id)
        .where(C.batch_cap.is_not_distinct_from(cap))
        .limit(case((cap < most, cap), else_=most))
        .with_for_update(skip_locked=True)
    )


def _begun(held: Sequence[Row[Any]], at: int) -> list[dict[str, Any]]:
    """The transitions of what was claimed just now."""
    versions: dict[int, list[str]] = {}
    for row in held:
        versions.setdefault(row.version, []).append(row.id)
    return [_transition(ids, version, at) for version, ids in versions.items()]


def _transition(ids: Sequence[str], version: int, at: int) -> dict[str, Any]:
    return {
        "cancellation_id": ids,
        "seq": version,
        "at": at,
        "from_state": State.QUEUED,
        "to_state": State.SENDING,
        "reason": None,
        "evidence": None,
        "call_id": None,
    }


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


def _claimed(
    row: Row[Any],
    params: Callable[[str], Mapping[str, Any]],
    known: dict[tuple[Any, ...], Progress],
) -> Claimed:
    id_, order, its, version, opened_at, before, _, sealed, trace = row[: len(_OWN)]
    own = row[len(_OWN) :]
    progress = known.get(own)
    if progress is None:
        progress = known[own] = progress_of(row)
    return Claimed(
        id=id_,
        order=Order(order, params(its)),
        version=version,
        opened_at=moment(opened_at),
        progress=progress,
        cancel_before=from_ms(before),
        sealed=sealed,
        trace=trace,
    )
