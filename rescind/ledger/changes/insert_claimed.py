"""Inserts new orders as claimed already, for orders that can be sent at once.

The result equals an insert as ``queued`` and a claim in the same moment, and the
history shows both steps. It saves the claim, which costs as much as the insert.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Connection, bindparam, exists, select

from rescind.ledger.changes.group_end_requests import request_ends
from rescind.ledger.changes.insertion import insert_statement
from rescind.ledger.changes.new_cancellation import OWN, NewCancellation, own_row
from rescind.ledger.changes.transitions import write_steps
from rescind.ledger.progress import Claimed, Progress
from rescind.ledger.states import State
from rescind.ledger.storage import counters
from rescind.ledger.storage.cancellation_rows import progress_row
from rescind.ledger.storage.milliseconds import in_ms, moment, to_ms
from rescind.ledger.storage.row_sets import Columns, Rows, parameters
from rescind.ledger.storage.tables import CANCELLATION, TRANSITION
from rescind.provider.outcomes import Order

Lane = tuple[str, str]
CLAIMED = 2
"""The version of a row after one insert and one claim."""
_COLUMNS: Columns = {**OWN, "due_at": BigInteger}
"""The columns in which such orders may differ."""


def may_insert_claimed(one: NewCancellation) -> bool:
    """Whether the order is due now and has no deadline, as most have."""
    return one.progress.state is State.QUEUED and one.cancel_before is None


def insert_claimed(
    connection: Connection,
    new: Sequence[NewCancellation],
    lease_of: Mapping[Lane, timedelta],
    now: datetime,
) -> dict[str, Claimed]:
    """Insert those whose ``(provider, account, key)`` is new as ``sending``, with the
    lease of their lane. Returns by id the ones that this call has inserted.

    ``may_insert_claimed`` must be true for each of ``new``. Two statements insert the
    rows of all lanes and their history.
    """
    if not new:
        return {}
    # Sorted: two transactions that insert the same rows must not deadlock.
    ordered, at = sorted(new, key=lambda one: one.path), in_ms(now)
    progress = {lane: _sending(lease, now) for lane, lease in lease_of.items()}
    due_at = {lane: to_ms(one.due_at) for lane, one in progress.items()}
    rows = Rows([_row(one, due_at, at) for one in ordered], _COLUMNS, apart=("id",))
    inserted = _insert(connection, rows, progress[ordered[0].lane], at)
    held = {one.id: one for one in _held(ordered, rows, progress)}
    if len(inserted) < len(ordered):
        ordered = [one for one in ordered if one.id in inserted]
        held = {one.id: held[one.id] for one in ordered}
    write_steps(connection, list(held), _steps(at))
    request_ends(connection, ordered, now)
    _count(connection, ordered)
    return held


def _sending(lease: timedelta, now: datetime) -> Progress:
    """The progress as ``claims.claim_many`` would set it, to the millisecond."""
    sent_at, due_at = (moment(in_ms(at)) for at in (now, now + lease))
    return Progress(State.SENDING, attempts=1, spent=1, sent_at=sent_at, due_at=due_at)


def _row(
    one: NewCancellation, due_at: Mapping[Lane, int | None], at: int
) -> dict[str, Any]:
    row = own_row(one, at)
    row["due_at"] = due_at[one.lane]
    return row


def _insert(
    connection: Connection, rows: Rows, progress: Progress, at: int
) -> frozenset[str]:
    """The ids that this transaction has inserted. ``progress`` may be any row's: they
    differ in ``due_at`` alone."""
    dialect = connection.dialect.name
    alike = {**progress_row(progress), "updated_at": at, "version": CLAIMED}
    del alike["due_at"]
    given = parameters(dialect, {**alike, **rows.alike}, rows.differing, rows.apart)
    made = connection.execute(
        insert_statement(dialect, rows.differing),
        given,
        execution_options={"preserve_rowcount": True},
    )
    ids = rows.column("id")
    if made.rowcount == len(ids):
        return frozenset(ids)
    return frozenset(connection.execute(_WITHOUT_HISTORY, {"ids": ids}).scalars())


# Another transaction may have inserted orders with these ids, such as this worker's own
# commit whose acknowledgement was lost. Their history was written in that transaction;
# rows of this transaction have none yet.
_WITHOUT_HISTORY = select(CANCELLATION.c.id).where(
    CANCELLATION.c.id.in_(bindparam("ids", expanding=True)),
    ~exists().where(TRANSITION.c.cancellation_id == CANCELLATION.c.id),
)


def _steps(at: int) -> list[dict[str, Any]]:
    queued, sending = State.QUEUED, State.SENDING
    return [
        {"seq": 1, "at": at, "to_state": queued},
        {"seq": CLAIMED, "at": at, "from_state": queued, "to_state": sending},
    ]


def _held(
    new: Sequence[NewCancellation], rows: Rows, progress: Mapping[Lane, Progress]
) -> Iterator[Claimed]:
    # Most rows have the same params: they share one object.
    load, texts, opened = (
        cache(json.loads),
        rows.column("params"),
        rows.column("opened_at"),
    )
    for one, params, opened_at in zip(new, texts, opened, strict=True):
        yield Claimed(
            id=one.id,
            order=Order(one.order, load(params)),
            version=CLAIMED,
            opened_at=moment(opened_at),
            progress=progress[one.lane],
            sealed=one.sealed,
            trace=one.trace,
        )


def _count(connection: Connection, kept: Sequence[NewCancellation]) -> None:
    for lane, number in Counter(one.lane for one in kept).items():
        counters.count(connection, counters.ACCEPTED, lane, by=number)
