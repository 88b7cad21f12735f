"""Creates deliveries of final outcomes to producers, and resends them.

A delivery is created in the same transaction that makes its cancellation final. So
there is one for each end, whatever crashes. ``create_end_delivery`` does the same for
the end of a plan or of a group.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    JSON,
    BigInteger,
    ColumnElement,
    Connection,
    Text,
    bindparam,
    false,
    func,
    literal_column,
    select,
    text,
    true,
    update,
)

from rescind.ledger.deliveries.retry_policy import Kind
from rescind.ledger.delivery_target import target_of
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.row_sets import Columns, Rows, incoming
from rescind.ledger.storage.side_tables import DELIVERY, GIVEN_UP
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.upsert import inserting

C, D = CANCELLATION.c, DELIVERY.c
BROKER = "the broker"
"""The target of every task: if the broker is down, no task can be delivered."""
AT_ONCE = 500
"""Rows that one statement reads or resends."""

_NEW: Columns = {"cancellation_id": Text, "kind": Text, "target": Text}


class Ended(NamedTuple):
    """A cancellation that is final now, and its callbacks."""

    id: str
    callback_url: str | None
    callback_task: str | None


def create_deliveries(connection: Connection, ended: Iterable[Ended]) -> int:
    """Create the deliveries of cancellations made final in this transaction; returns
    how many.

    The rows of the cancellations must be final already. A delivery that exists is not
    changed.
    """
    rows = [row for one in ended for row in _new(one)]
    if rows:
        dialect, new = connection.dialect.name, Rows(rows, _NEW)
        connection.execute(_insert(dialect, new.differing), new.parameters(dialect))
    return len(rows)


def callbacks_of(connection: Connection, ids: Sequence[str]) -> list[Ended]:
    """The callbacks of these cancellations."""
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


def _as_ended(now: ColumnElement[int]) -> dict[Any, Any]:
    """The columns of a new delivery that its cancellation gives; it is due ``now``."""
    zero: ColumnElement[int] = literal_column("0")
    return {
        D.cancellation_id: C.id,
        D.seq: C.version,
        D.state: literal_column("'waiting'"),
        D.attempts: zero,
        D.due_at: now,
        D.version: zero,
        D.created_at: now,
        D.updated_at: now,
        D.ended_state: C.state,
        D.ended_reason: C.reason,
        D.ended_code: C.provider_code,
        D.ended_message: C.provider_message,
        D.ended_attempts: C.attempts,
        D.ended_polls: C.polls,
        D.ended_cancel_before: C.cancel_before,
        D.ended_at: C.finished_at,
    }


@cache
def _insert(dialect: str, differing: tuple[str, ...]) -> Any:
    new = incoming(dialect, _NEW, differing)
    values = _as_ended(C.updated_at)
    values |= {D.kind: new.c.kind, D.target: new.c.target}
    ended = (
        select(*values.values())
        .select_from(CANCELLATION.join(new, C.id == new.c.cancellation_id))
        .where(C.finished_at.is_not(None))
    )
    return _from_select(dialect, values, ended)


def _from_select(dialect: str, values: Mapping[Any, Any], ended: Any) -> Any:
    names = [column.name for column in values]
    return (
        inserting(dialect, DELIVERY).from_select(names, ended).on_conflict_do_nothing()
    )


class End(NamedTuple):
    """The end of a plan or of a group, to be told to one address."""

    subject: str
    """An id (of 36 characters) of the plan or the ``group_end``."""
    cancellation_id: str
    """The one whose end completed it; its row must be final already."""
    url: str
    document: Mapping[str, Any]
    """JSON: a plan's has its ``verdict``, a group's its ``group``."""
    seq: int | None = None
    """A number that differs for each end, so that each has a delivery of its own;
    ``None``: the version of the cancellation."""


def create_end_delivery(
    connection: Connection, kind: Kind, end: End, now: datetime
) -> bool:
    """Create the delivery of this end; False if there is none."""
    statement = _insert_end(connection.dialect.name).returning(D.seq)
    return connection.execute(statement, _given(kind, end, now)).first() is not None


def create_end_deliveries(
    connection: Connection, kind: Kind, ends: Sequence[End], now: datetime
) -> None:
    """Create the deliveries of these ends. A delivery that exists is not changed."""
    if ends:
        given = [_given(kind, one, now) for one in ends]
        connection.execute(_insert_end(connection.dialect.name), given)


def _given(kind: Kind, end: End, now: datetime) -> dict[str, Any]:
    return {
        "its_id": end.cancellation_id,
        "its_kind": str(kind),
        "its_subject": end.subject,
        "its_target": target_of(end.url),
        "its_url": end.url,
        "its_document": dict(end.document),
        "its_seq": end.seq,
        "now": in_ms(now),
    }


@cache
def _insert_end(dialect: str) -> Any:
    values = _as_ended(bindparam("now", type_=BigInteger)) | {
        D.seq: func.coalesce(bindparam("its_seq", type_=BigInteger), C.version),
        D.kind: bindparam("its_kind", type_=Text),
        D.subject: bindparam("its_subject", type_=Text),
        D.target: bindparam("its_target", type_=Text),
        D.url: bindparam("its_url", type_=Text),
        D.document: bindparam("its_document", type_=JSON),
    }
    ended = select(*values.values()).where(
        C.id == bindparam("its_id"), C.finished_at.is_not(None)
    )
    return _from_select(dialect, values, ended)


# --- resending --------------------------------------------------------------------


def resend(connection: Connection, cancellation_id: str, now: datetime) -> int:
    """Resend all deliveries of one cancellation; returns how many."""
    return _resend(connection, [cancellation_id], true(), now)


def last_given_up(connection: Connection) -> int | None:
    """When the latest delivery was given up, in ms; ``None`` if none is."""
    newest = select(D.updated_at).where(text(GIVEN_UP)).order_by(D.updated_at.desc())
    at: int | None = connection.execute(newest.limit(1)).scalar()
    return at


def oldest_given_up(connection: Connection, until: int) -> Sequence[str]:
    """The cancellations of up to ``AT_ONCE`` deliveries given up until then, in ms."""
    chosen = select(D.cancellation_id).where(text(GIVEN_UP), D.updated_at <= until)
    oldest = chosen.order_by(D.updated_at).limit(AT_ONCE)
    return connection.execute(oldest).scalars().all()


def resend_given_up_of(
    connection: Connection, ids: Sequence[str], now: datetime
) -> int:
    """Resend the deliveries of these cancellations that were given up; returns how
    many."""
    return _resend(connection, sorted(set(ids)), D.state == "given_up", now)


def _resend(
    connection: Connection, ids: Sequence[str], which: Any, now: datetime
) -> int:
    # Locked, so that retention does not delete a delivery that begins to wait now.
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
