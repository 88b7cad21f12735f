"""Opens again what workers ended on a restored ledger before it was reconciled.

Such an end may be untrue: a second cancel of an order that a first one has cancelled
may be refused. The new round begins by reading the order back.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, bindparam, func, select, tuple_

from rescind.ledger.changes.candidates import readable
from rescind.ledger.changes.plan_completion import begin_again
from rescind.ledger.changes.retries import REFUSED_KEY
from rescind.ledger.changes.rounds import Round, after_rounds, open_round, reopened
from rescind.ledger.changes.successors import check_may_reopen
from rescind.ledger.restored import RESTORED
from rescind.ledger.states import State
from rescind.ledger.storage.cancellation_rows import progress_of
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.tables import CANCELLATION
from rescind.operations.reconciling import leave_out_versions
from rescind.provider.outcomes import InvalidRequestError

C = CANCELLATION.c
DOUBTFUL = (State.REJECTED, State.EXPIRED, State.FAILED)
"""The ends that a call of the time before the restore may make untrue. What was
withdrawn stays withdrawn: to read it back could send it."""
AT_ONCE = 500
"""Rows in a transaction."""


class Place(NamedTuple):
    """A place in the walk: rows behind it come next."""

    updated_at: int
    id: str = ""


class Reopened(NamedTuple):
    """The result of one transaction."""

    opened: int
    kept: int
    """Those that stay as they are: what waited for their end has gone on."""
    after: Place | None
    """Where the next rows begin; ``None`` if there are no more."""


def reopen_ended(
    connection: Connection, after: Place, now: datetime, *, by: str
) -> Reopened:
    """Open a new round for the next rows behind ``after`` that ended doubtfully before
    ``now``."""
    values = {**after._asdict(), "now": in_ms(now), "most": AT_ONCE}
    found = connection.execute(_next(), values).all()
    leave_out_versions(connection, [row.id for row in found])
    # Read again, with their new versions.
    rows = connection.execute(_next(), values).all()
    opened = [row for row in rows if _open(connection, row, now, by)]
    after_rounds(connection, opened, now)
    begin_again(connection, [row.id for row in opened])
    full = len(rows) == AT_ONCE
    place = Place(rows[-1].updated_at, rows[-1].id) if full else None
    return Reopened(len(opened), len(rows) - len(opened), place)


def number_to_reopen(connection: Connection, since: datetime, now: datetime) -> int:
    """How many rows ended doubtfully since then."""
    values = {**Place(in_ms(since))._asdict(), "now": in_ms(now)}
    chosen = select(func.count()).select_from(CANCELLATION).where(*_wanted())
    return int(connection.execute(chosen, values).scalar_one())


def _open(connection: Connection, row: Row[Any], now: datetime, by: str) -> bool:
    try:
        if row.followed:
            check_may_reopen(connection, row)
    except InvalidRequestError:
        return False
    was = replace(progress_of(row), lost=True, sent_at=now)
    before = _deadline(row)
    new = Round(reopened(was, now), row.waits_for, before, RESTORED, by)
    return open_round(connection, row, new, now)


def _deadline(row: Row[Any]) -> int | None:
    """The deadline of the new round: what came too late is read, and never sent."""
    if row.cancel_before is None and row.state == State.EXPIRED:
        # Its message came too late.
        return int(row.finished_at)
    return None if row.cancel_before is None else int(row.cancel_before)


@cache
def _next() -> Select[Any]:
    chosen = select(CANCELLATION).where(*_wanted()).order_by(C.updated_at, C.id)
    return chosen.limit(bindparam("most")).with_for_update()


def _wanted() -> tuple[Any, ...]:
    place = tuple_(bindparam("updated_at"), bindparam("id"))
    return (
        tuple_(C.updated_at, C.id) > place,
        # Not those of this walk: the ones before it alone.
        C.updated_at < bindparam("now"),
        C.state.in_(DOUBTFUL),
        C.key.not_like(f"{REFUSED_KEY}%"),
        readable(),
    )
