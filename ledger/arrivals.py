"""New orders of one lane on their way into the ledger: made ready by whoever took them
in, kept by whoever will call their provider.

What is kept as ``sending`` was queued and claimed in one transaction, and its history
says so. Made ready means: as the statement takes it, so that nothing is done twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import repeat
from typing import Any

from sqlalchemy import Connection, bindparam, exists, select

from ledger import tallies
from ledger.intake import OWN, NewCancellation, insert_statement, own_row
from ledger.progress import Claimed, Progress
from ledger.row_values import progress_row
from ledger.rows import Rows, parameters
from ledger.states import State
from ledger.tables import CANCELLATION, TRANSITION, in_ms, moment
from ledger.transitions import write_steps
from providers.model import Order

CLAIMED = 2
"""The version of a row that was queued and claimed, once each."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Queued orders of one lane, none of them with a deadline."""

    alike: Mapping[str, Any]
    """Columns in which they do not differ."""
    differing: tuple[str, ...]
    rows: Sequence[Sequence[Any]]
    """For each its values of the other columns."""

    @property
    def lane(self) -> tuple[str, str]:
        return (self.alike["provider"], self.alike["account"])

    @property
    def ids(self) -> list[str]:
        return list(self._column("id"))

    def part(self, start: int, stop: int) -> Arrivals:
        return replace(self, rows=self.rows[start:stop])

    def only(self, ids: frozenset[str]) -> Arrivals:
        kept = zip(self.rows, self._column("id"), strict=True)
        return replace(self, rows=[row for row, one in kept if one in ids])

    def columns(self, *names: str) -> Iterator[tuple[Any, ...]]:
        """For each its values of these columns."""
        return zip(*map(self._column, names), strict=True)

    def _column(self, name: str) -> list[Any]:
        if name in self.differing:
            place = self.differing.index(name)
            return [row[place] for row in self.rows]
        return list(repeat(self.alike[name], len(self.rows)))

    def as_text(self) -> str:
        """As one line, for ``from_text`` of the same version."""
        return json.dumps([self.alike, self.differing, self.rows])


def from_text(text: str) -> Arrivals:
    """Raises ``ValueError`` for what ``as_text`` has not made."""
    match json.loads(text):
        case [dict(alike), [*differing], [_, *_] as rows] if _fit(
            alike, differing, rows
        ):
            return Arrivals(alike, tuple(differing), rows)
    raise ValueError("these are no arrivals of this version")


def _fit(alike: Mapping[str, Any], differing: Sequence[Any], rows: list[Any]) -> bool:
    columns = [*alike, *differing]
    width = len(differing)
    return (
        # Only what is written in full belongs to a lane.
        all(isinstance(alike.get(name), str) for name in ("provider", "account"))
        and all(isinstance(name, str) for name in columns)
        and sorted(columns) == sorted(OWN)
        and all(isinstance(row, list) and len(row) == width for row in rows)
    )


def may_arrive(one: NewCancellation) -> bool:
    """Whether it is as plain as most are: due now, without a deadline."""
    return one.progress.state is State.QUEUED and one.cancel_before is None


def made_ready(new: Sequence[NewCancellation], now: datetime) -> Arrivals:
    """Some of one lane, each of which ``may_arrive``."""
    # All in one order: two that take in the same ones at once must not lock each other.
    ordered, at = sorted(new, key=lambda one: one.path), in_ms(now)
    rows = Rows([own_row(one, at) for one in ordered], OWN, apart=("id",))
    return Arrivals(rows.alike, rows.differing, rows.apart)


def keep_claimed(
    connection: Connection, new: Arrivals, lease: timedelta, now: datetime
) -> tuple[list[Claimed], frozenset[str]]:
    """Keep them and hold them for ``lease``, as if they had been taken in and claimed.

    Gives back what is held, and the ids of those whose keys stood there already.
    """
    at, progress = in_ms(now), _sending(lease, now)
    kept = _insert(connection, new, progress, at)
    if kept.rows:
        queued = {"seq": 1, "at": new.alike["created_at"], "to_state": State.QUEUED}
        states = {"from_state": State.QUEUED, "to_state": State.SENDING}
        write_steps(
            connection, kept.ids, [queued, {"seq": CLAIMED, "at": at, **states}]
        )
        tallies.count(connection, tallies.ACCEPTED, kept.lane, by=len(kept.rows))
    return list(_held(kept, progress)), _left_out(new, kept)


def _sending(lease: timedelta, now: datetime) -> Progress:
    """As ``claims.claim`` would leave it, to the millisecond."""
    sent_at, due_at = (moment(in_ms(at)) for at in (now, now + lease))
    return Progress(State.SENDING, attempts=1, spent=1, sent_at=sent_at, due_at=due_at)


def _insert(
    connection: Connection, new: Arrivals, progress: Progress, at: int
) -> Arrivals:
    """Those of ``new`` that are in the ledger now, as they were given."""
    dialect = connection.dialect.name
    changing = {**progress_row(progress), "updated_at": at, "version": CLAIMED}
    given = parameters(dialect, {**new.alike, **changing}, new.differing, new.rows)
    statement = insert_statement(dialect, new.differing)
    made = connection.execute(
        statement, given, execution_options={"preserve_rowcount": True}
    )
    if made.rowcount == len(new.rows):
        return new
    found = connection.execute(_WITHOUT_HISTORY, {"ids": new.ids})
    return new.only(frozenset(found.scalars()))


# Whoever waited in vain for an answer keeps its orders by itself, under the same ids.
# What others have inserted has its history, written in the same transaction; what this
# transaction has inserted has none yet.
_WITHOUT_HISTORY = select(CANCELLATION.c.id).where(
    CANCELLATION.c.id.in_(bindparam("ids", expanding=True)),
    ~exists().where(TRANSITION.c.cancellation_id == CANCELLATION.c.id),
)


def _left_out(new: Arrivals, kept: Arrivals) -> frozenset[str]:
    return frozenset() if kept is new else frozenset(new.ids) - frozenset(kept.ids)


def _held(kept: Arrivals, progress: Progress) -> Iterator[Claimed]:
    orders: dict[str, Any] = {}
    opened: dict[int, datetime] = {}
    wanted = ("id", "order_id", "params", "opened_at", "sealed", "trace")
    for one, order, params, opened_at, sealed, trace in kept.columns(*wanted):
        # Most are alike: one object stands for the params of all of them.
        if params not in orders:
            orders[params] = json.loads(params)
        if opened_at not in opened:
            opened[opened_at] = moment(opened_at)
        yield Claimed(
            id=one,
            order=Order(order, orders[params]),
            version=CLAIMED,
            opened_at=opened[opened_at],
            progress=progress,
            sealed=sealed,
            trace=trace,
        )
