"""Deliveries are claimed by a worker, and then settled with the attempt's result.

``due_at`` is the time of the next attempt. While a worker makes an attempt, ``due_at``
is the end of its lease. ``version`` is the fencing token.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Text,
    bindparam,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from rescind.ledger.access_limits import producers_key
from rescind.ledger.deliveries.retry_policy import (
    Attempt,
    ClaimedDelivery,
    Kind,
    Result,
)
from rescind.ledger.reading.queries import as_record, rows_of, stamp
from rescind.ledger.storage import counters
from rescind.ledger.storage.milliseconds import in_ms, to_ms
from rescind.ledger.storage.row_sets import Columns, Rows, incoming
from rescind.ledger.storage.side_tables import DELIVERY, WAITING

D = DELIVERY.c
KEY = (D.cancellation_id, D.seq, D.kind, D.subject)
AT_ONCE = 500
"""Rows that one statement postpones."""

_SETTLED: Columns = {
    "cancellation_id": Text,
    "seq": BigInteger,
    "kind": Text,
    "subject": Text,
    "version": BigInteger,
    "state": Text,
    "due_at": BigInteger,
    "status": BigInteger,
    "detail": Text,
}
_GUARD = ("cancellation_id", "seq", "kind", "subject", "version")
_STATES = {
    Result.DELIVERED: "delivered",
    Result.RETRIED: "waiting",
    Result.GIVEN_UP: "given_up",
}
_RESULTS = {"delivered": "delivered", "waiting": "failed", "given_up": "given_up"}
"""An attempt's result by the delivery's new state, as the counters name it."""


# --- claiming ---------------------------------------------------------------------


def claim_deliveries(
    connection: Connection, target: str, limit: int, lease: timedelta, now: datetime
) -> list[ClaimedDelivery]:
    """Claim up to ``limit`` due deliveries to one target, the longest due first."""
    values = {
        "its_target": target,
        "most": limit,
        "now": in_ms(now),
        "lease_ends": in_ms(now + lease),
    }
    held = connection.execute(_claim(), values).all()
    rows = rows_of(connection, list({one.cancellation_id for one in held}))
    ended = {row.id: row for row in rows}
    # A row whose cancellation was deleted by hand must not stop the others.
    known = (one for one in held if one.cancellation_id in ended)
    return [_claimed(one, ended[one.cancellation_id]) for one in known]


@cache
def _claim() -> ReturningUpdate[Any]:
    due = (
        select(*KEY)
        .where(
            text(WAITING),
            D.target == bindparam("its_target"),
            D.due_at <= bindparam("now"),
        )
        .order_by(D.due_at)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
        # PostgreSQL may run a subquery for every row, beyond the limit.
        .cte("due")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    return (
        update(DELIVERY)
        .where(tuple_(*KEY).in_(select(due)))
        .values(
            version=D.version + 1,
            # Counted before it is sent: a worker that dies in it has made an attempt.
            attempts=D.attempts + 1,
            due_at=bindparam("lease_ends"),
            updated_at=bindparam("now"),
        )
        .returning(*D)
    )


def _claimed(held: Any, row: Any) -> ClaimedDelivery:
    return ClaimedDelivery(
        cancellation_id=held.cancellation_id,
        seq=held.seq,
        kind=Kind(held.kind),
        target=held.target,
        version=held.version,
        attempts=held.attempts,
        ended_at=stamp(held.ended_at) or "",
        record=_as_it_ended(held, row) if held.document is None else held.document,
        url=held.url or row.callback_url,
        task=row.callback_task,
        queue=row.callback_queue,
        subject=held.subject,
    )


def _as_it_ended(held: Any, row: Any) -> dict[str, Any]:
    """The record as it was when it ended: a new round may have begun since."""
    record = as_record(row)
    # A receiver has no use for the names of our users and hosts.
    del record["by"]
    return {
        **record,
        "key": producers_key(row.key),
        "state": held.ended_state,
        "reason": held.ended_reason,
        "provider_code": held.ended_code,
        "provider_message": held.ended_message,
        "attempts": held.ended_attempts,
        "polls": held.ended_polls,
        "cancel_before": stamp(held.ended_cancel_before),
        "due_at": None,
        "updated_at": stamp(held.created_at),
        "finished_at": stamp(held.ended_at),
    }


# --- settling ---------------------------------------------------------------------


def settle(connection: Connection, attempts: Sequence[Attempt], now: datetime) -> int:
    """Record the results of attempts; returns how many. No other function does.

    A delivery that was resent, or claimed by another worker since, is not changed.
    """
    if not attempts:
        return 0
    dialect = connection.dialect.name
    # With a constant as the guard, PostgreSQL reads by that first, not by the keys.
    apart = () if dialect == "sqlite" else _GUARD
    new = Rows([_settled_row(one) for one in attempts], _SETTLED, apart)
    statement = _settle(dialect, new.differing)
    given = {**new.parameters(dialect), "now": in_ms(now)}
    settled = Counter(connection.execute(statement, given).scalars())
    for state, number in settled.items():
        counters.count_webhook(connection, _RESULTS[state], number)
    return settled.total()


def _settled_row(one: Attempt) -> dict[str, Any]:
    held = one.delivery
    return {
        "cancellation_id": held.cancellation_id,
        "seq": held.seq,
        "kind": held.kind,
        "subject": held.subject,
        "version": held.version,
        "state": _STATES[one.result],
        "due_at": to_ms(one.due_at),
        "status": one.response.status,
        "detail": one.response.detail,
    }


@cache
def _settle(dialect: str, differing: tuple[str, ...]) -> ReturningUpdate[Any]:
    new = incoming(dialect, _SETTLED, differing)
    outcome = {name: new.c[name] for name in _SETTLED if name not in _GUARD}
    return (
        update(DELIVERY)
        .values(**outcome, version=D.version + 1, updated_at=bindparam("now"))
        # Every change of the row changes its version. With a condition on the state as
        # well, PostgreSQL would read all waiting rows.
        .where(*(D[name] == new.c[name] for name in _GUARD))
        .returning(D.state)
    )


def postpone(connection: Connection, target: str, until: datetime) -> None:
    """Postpone up to ``AT_ONCE`` deliveries to a target that asked for a wait."""
    chosen = (
        select(*KEY)
        .where(text(WAITING), D.target == target, D.due_at < in_ms(until))
        .order_by(D.due_at)
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
        .cte("chosen")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    later = update(DELIVERY).where(tuple_(*KEY).in_(select(chosen)))
    connection.execute(later.values(due_at=in_ms(until)))
