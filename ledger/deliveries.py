"""Who is to be told of what has ended: made with the end itself, held, and settled.

A delivery is made in the very transaction that makes its cancellation final, so there
is one for each end, whatever crashes. ``due_at`` says when to try next, and while a
worker tries, when that worker is taken for lost; ``version`` is the fencing token.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Text,
    bindparam,
    false,
    literal_column,
    select,
    text,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import ReturningUpdate

from ledger import tallies
from ledger.queries import as_record, rows_of, stamp
from ledger.rows import Columns, Rows, incoming
from ledger.side_tables import DELIVERY, GIVEN_UP, WAITING
from ledger.tables import CANCELLATION, in_ms, to_ms
from ledger.telling import Attempt, Kind, Result, Telling

C, D = CANCELLATION.c, DELIVERY.c
KEY = (D.cancellation_id, D.seq, D.kind)
BROKER = "the broker"
"""The target of every task: it is there for all of them, or for none."""
NO_HOST = "?"
"""That of an address which cannot be read."""
AT_ONCE = 500
"""Rows that one statement reads, puts off or sends again."""

_NEW: Columns = {"cancellation_id": Text, "kind": Text, "target": Text}
_SETTLED: Columns = {
    "cancellation_id": Text,
    "seq": BigInteger,
    "kind": Text,
    "version": BigInteger,
    "state": Text,
    "due_at": BigInteger,
    "status": BigInteger,
    "detail": Text,
}
_GUARD = ("cancellation_id", "seq", "kind", "version")
_STATES = {
    Result.DELIVERED: "delivered",
    Result.RETRIED: "waiting",
    Result.GIVEN_UP: "given_up",
}
_RESULTS = {"delivered": "delivered", "waiting": "failed", "given_up": "given_up"}
"""What an attempt came to, as it is counted."""


class Ended(NamedTuple):
    """One that is final now, and whom its producer wants to be told by."""

    id: str
    callback_url: str | None
    callback_task: str | None


def begin(connection: Connection, ended: Iterable[Ended]) -> int:
    """Make the deliveries of what is final in this transaction; says how many.

    Their cancellations' rows stand as they ended. Made again, they change nothing.
    """
    rows = [row for one in ended for row in _new(one)]
    if rows:
        dialect, new = connection.dialect.name, Rows(rows, _NEW)
        connection.execute(_insert(dialect, new.differing), new.parameters(dialect))
    return len(rows)


def asked_for(connection: Connection, ids: Sequence[str]) -> list[Ended]:
    """Whom the producers of these want to be told by."""
    found: list[Ended] = []
    for start in range(0, len(ids), AT_ONCE):
        wanted = select(C.id, C.callback_url, C.callback_task)
        some = wanted.where(C.id.in_(ids[start : start + AT_ONCE]))
        found += [Ended(*row) for row in connection.execute(some)]
    return found


def _new(one: Ended) -> Iterable[dict[str, str]]:
    made = {"cancellation_id": one.id}
    if one.callback_url is not None:
        target = target_of(one.callback_url)
        yield {**made, "kind": str(Kind.WEBHOOK), "target": target}
    if one.callback_task is not None:
        yield {**made, "kind": str(Kind.TASK), "target": BROKER}


def target_of(url: str) -> str:
    """Host and port of a callback's address, as it is written there."""
    try:
        host = urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        host = ""
    # Targets are gone through from "" on: one of that name would never be found.
    return host or NO_HOST


@cache
def _insert(dialect: str, differing: tuple[str, ...]) -> Any:
    kind: Any = sqlite if dialect == "sqlite" else postgresql
    new = incoming(dialect, _NEW, differing)
    zero: ColumnElement[int] = literal_column("0")
    values = {
        D.cancellation_id: C.id,
        D.seq: C.version,
        D.kind: new.c.kind,
        D.target: new.c.target,
        D.state: literal_column("'waiting'"),
        D.attempts: zero,
        D.due_at: C.updated_at,
        D.version: zero,
        D.created_at: C.updated_at,
        D.updated_at: C.updated_at,
        D.ended_state: C.state,
        D.ended_reason: C.reason,
        D.ended_code: C.provider_code,
        D.ended_message: C.provider_message,
        D.ended_attempts: C.attempts,
        D.ended_polls: C.polls,
        D.ended_cancel_before: C.cancel_before,
        D.ended_at: C.finished_at,
    }
    ended = (
        select(*values.values())
        .select_from(CANCELLATION.join(new, C.id == new.c.cancellation_id))
        .where(C.finished_at.is_not(None))
    )
    made = kind.insert(DELIVERY).from_select([column.name for column in values], ended)
    return made.on_conflict_do_nothing()


# --- holding ----------------------------------------------------------------------


def hold(
    connection: Connection, target: str, limit: int, lease: timedelta, now: datetime
) -> list[Telling]:
    """Hold up to ``limit`` due deliveries to one target, the longest due first."""
    values = {
        "its_target": target,
        "most": limit,
        "now": in_ms(now),
        "lease_ends": in_ms(now + lease),
    }
    held = connection.execute(_hold(), values).all()
    rows = rows_of(connection, list({one.cancellation_id for one in held}))
    ended = {row.id: row for row in rows}
    # One whose cancellation somebody has deleted by hand must not stop the others.
    known = (one for one in held if one.cancellation_id in ended)
    return [_telling(one, ended[one.cancellation_id]) for one in known]


@cache
def _hold() -> ReturningUpdate[Any]:
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
        # As a subquery PostgreSQL may run it for every row, whatever the limit.
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


def _telling(held: Any, row: Any) -> Telling:
    return Telling(
        cancellation_id=held.cancellation_id,
        seq=held.seq,
        kind=Kind(held.kind),
        target=held.target,
        version=held.version,
        attempts=held.attempts,
        ended_at=stamp(held.ended_at) or "",
        record=_as_it_ended(held, row),
        url=row.callback_url,
        task=row.callback_task,
        queue=row.callback_queue,
    )


def _as_it_ended(held: Any, row: Any) -> dict[str, Any]:
    """The record as it was then: a new round may have begun since."""
    return {
        **as_record(row),
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
    """Write down what attempts came to; says how many. The only place that does.

    Those that somebody else holds by now, or has sent again, are left to them.
    """
    if not attempts:
        return 0
    dialect = connection.dialect.name
    # Told what all of them are, PostgreSQL looks for that first, not for their keys.
    apart = () if dialect == "sqlite" else _GUARD
    new = Rows([_settled_row(one) for one in attempts], _SETTLED, apart)
    statement = _settle(dialect, new.differing)
    given = {**new.parameters(dialect), "now": in_ms(now)}
    settled = Counter(connection.execute(statement, given).scalars())
    for state, number in settled.items():
        tallies.count_webhook(connection, _RESULTS[state], number)
    return settled.total()


def _settled_row(one: Attempt) -> dict[str, Any]:
    held = one.telling
    return {
        "cancellation_id": held.cancellation_id,
        "seq": held.seq,
        "kind": held.kind,
        "version": held.version,
        "state": _STATES[one.result],
        "due_at": to_ms(one.due_at),
        "status": one.heard.status,
        "detail": one.heard.detail,
    }


@cache
def _settle(dialect: str, differing: tuple[str, ...]) -> ReturningUpdate[Any]:
    new = incoming(dialect, _SETTLED, differing)
    outcome = {name: new.c[name] for name in _SETTLED if name not in _GUARD}
    return (
        update(DELIVERY)
        .values(**outcome, version=D.version + 1, updated_at=bindparam("now"))
        # Whatever else changes it changes its version; told of its state as well,
        # PostgreSQL would go through all that wait.
        .where(*(D[name] == new.c[name] for name in _GUARD))
        .returning(D.state)
    )


def put_off(connection: Connection, target: str, until: datetime) -> None:
    """The target wants to be left alone: others that are due to it wait as well."""
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


# --- sending again ----------------------------------------------------------------


def resend(connection: Connection, cancellation_id: str, now: datetime) -> int:
    """Send all that was told of one cancellation again; says how much that is."""
    return _resend(connection, [cancellation_id], true(), now)


def resend_given_up(connection: Connection, now: datetime) -> int:
    """Begin anew with some of what was given up; 0 when none of it is left."""
    chosen = select(D.cancellation_id).where(text(GIVEN_UP)).order_by(D.updated_at)
    ids = connection.execute(chosen.limit(AT_ONCE)).scalars().all()
    return _resend(connection, sorted(set(ids)), D.state == "given_up", now)


def _resend(
    connection: Connection, ids: Sequence[str], which: Any, now: datetime
) -> int:
    # Held, so that retention does not delete what is just beginning to wait.
    held = select(C.id).where(C.id.in_(ids)).order_by(C.id).with_for_update()
    found = connection.execute(held).scalars().all()
    begun = (
        update(DELIVERY)
        .where(D.cancellation_id.in_(found), which if found else false())
        .values(
            state="waiting",
            version=D.version + 1,
            attempts=0,
            due_at=in_ms(now),
            updated_at=in_ms(now),
        )
        .returning(D.cancellation_id)
    )
    return len(connection.execute(begun).all())
