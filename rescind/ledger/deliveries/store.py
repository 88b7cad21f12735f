"""Creates deliveries of final outcomes to producers, and resends them.

A delivery is created in the same transaction that makes its cancellation final. So
there is one for each end, whatever crashes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from sqlalchemy import (
    ColumnElement,
    Connection,
    Text,
    false,
    literal_column,
    select,
    text,
    true,
    update,
)

from rescind.ledger.deliveries.retry_policy import Kind
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.row_sets import Columns, Rows, incoming
from rescind.ledger.storage.side_tables import DELIVERY, GIVEN_UP
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.upsert import inserting

C, D = CANCELLATION.c, DELIVERY.c
BROKER = "the broker"
"""The target of every task: if the broker is down, no task can be delivered."""
NO_HOST = "?"
"""The target of an address that cannot be read."""
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


def target_of(url: str) -> str:
    """The host and port in a callback's address, as they are written there."""
    try:
        host = urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        host = ""
    # ``due_targets`` starts after "": it would never find a target of that name.
    return host or NO_HOST


@cache
def _insert(dialect: str, differing: tuple[str, ...]) -> Any:
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
    made = inserting(dialect, DELIVERY).from_select(
        [column.name for column in values], ended
    )
    return made.on_conflict_do_nothing()


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
