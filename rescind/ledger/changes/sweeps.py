"""The sweep: moves rows whose lease, deadline or ``not_before`` time has passed.

Two sweeps may run at once, on several machines: each row is moved under its own guard,
and the second sweep finds nothing left to do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum, auto
from functools import cache
from itertools import chain
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    FromClause,
    Row,
    Select,
    Text,
    bindparam,
    select,
)

from rescind.ledger.changes.candidates import due, late, readable
from rescind.ledger.changes.per_lane import first_ids
from rescind.ledger.changes.recording import LaneChanges, record_many
from rescind.ledger.decision import lease_ran_out
from rescind.ledger.phases import deadline_came
from rescind.ledger.progress import Change, Progress
from rescind.ledger.reading.index_walk import QUEUED
from rescind.ledger.states import State
from rescind.ledger.storage import counters
from rescind.ledger.storage.cancellation_rows import SELECTED, progress_of
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.row_sets import Columns, incoming, parameters
from rescind.ledger.storage.tables import CANCELLATION, WITH_DEADLINE
from rescind.provider.policy import Policy

C = CANCELLATION.c
Lane = tuple[str, str]
AT_ONCE = 1000
"""Rows of each kind that one transaction moves, and most lanes that share them."""
_LANES: Columns = {"provider": Text, "account": Text}


@dataclass(frozen=True, slots=True)
class Moved:
    """The rows that one transaction has moved, and those that it has left."""

    vanished: Mapping[Lane, int]
    """Leases that ran out, by lane."""
    expired: Mapping[Lane, int]
    """Deadlines that passed, by lane."""
    more: frozenset[Lane]
    """Lanes that used up their share, and may have more rows to move."""
    faults: Mapping[Lane, Exception]
    """Why a lane's row was left as it is: it could not be read."""


class _Kind(StrEnum):
    """Kinds of rows to move; the first kind that fits a row counts. A scheduled row
    past its deadline therefore expires, even if its ``not_before`` has come."""

    VANISHED = auto()
    LATE = auto()
    LATE_PLANNED = auto()
    """Scheduled rows past their deadline. They have an index of their own."""
    COME = auto()


_EVIDENCE = {
    _Kind.VANISHED: "the lease ran out",
    _Kind.LATE: "cancel_before passed",
    _Kind.LATE_PLANNED: "cancel_before passed",
    _Kind.COME: "not_before came",
}


def move(
    connection: Connection,
    lanes: Collection[Lane],
    policy_of: Callable[[Lane], Policy],
    now: datetime,
) -> Moved:
    """Move the rows of these lanes whose time has come, even without an account.

    A ``sending`` row whose lease ran out becomes ``verifying``; it is never resent. A
    row that was not sent before its ``cancel_before`` expires. A scheduled row is
    queued once its ``not_before`` has come.

    The lanes, at most ``AT_ONCE``, share ``AT_ONCE`` rows of each kind. Rows that
    another transaction has locked are left to it. The number of statements does not
    depend on the number of lanes.
    """
    share = AT_ONCE // max(1, len(lanes))
    found: dict[str, tuple[_Kind, Row[Any]]] = {}
    for kind in _Kind if lanes else ():
        for row in _rows(connection, kind, sorted(lanes), share, now):
            found.setdefault(row.id, (kind, row))
    changes, faults = _changes(found.values(), policy_of, now)
    made = _make(connection, changes, now)
    for lane, kinds in made.items():
        counters.count(connection, counters.LEASE, lane, by=kinds[_Kind.VANISHED])
    full = {lane for lane, kinds in made.items() if max(kinds.values()) >= share}
    return Moved(
        {lane: n for lane, kinds in made.items() if (n := kinds[_Kind.VANISHED])},
        {lane: n for lane, kinds in made.items() if (n := _expired(kinds))},
        frozenset(full),
        faults,
    )


def _expired(kinds: Counter[_Kind]) -> int:
    return kinds[_Kind.LATE] + kinds[_Kind.LATE_PLANNED]


def _rows(
    connection: Connection,
    kind: _Kind,
    lanes: Sequence[Lane],
    share: int,
    now: datetime,
) -> Sequence[Row[Any]]:
    dialect = connection.dialect.name
    given = parameters(dialect, {}, tuple(_LANES), lanes)
    values = {**given, "share": share, "now": in_ms(now)}
    return connection.execute(_chosen(dialect, kind), values).all()


@cache
def _chosen(dialect: str, kind: _Kind) -> Select[Any]:
    lanes = incoming(dialect, _LANES, tuple(_LANES))
    share = bindparam("share", type_=BigInteger())
    found = _found(kind, lanes).where(readable())
    ids = first_ids(dialect, lanes, found, share, share)
    picked = ids.cte("picked").prefix_with("MATERIALIZED")
    columns = (C.id, C.provider, C.account, C.version, *SELECTED)
    return select(*columns).join_from(picked, CANCELLATION, C.id == picked.c.id)


def _found(kind: _Kind, lanes: FromClause) -> Select[Any]:
    match kind:
        case _Kind.VANISHED:
            return due(lanes, State.SENDING, C.id)
        case _Kind.LATE:
            return late(lanes, QUEUED, C.id)
        case _Kind.LATE_PLANNED:
            return late(lanes, WITH_DEADLINE, C.id)
        case _Kind.COME:
            return due(lanes, State.SCHEDULED, C.id)


def _after(kind: _Kind, progress: Progress, policy: Policy, now: datetime) -> Progress:
    match kind:
        case _Kind.VANISHED:
            return lease_ran_out(progress, policy, now)
        case _Kind.LATE | _Kind.LATE_PLANNED:
            return deadline_came(progress, policy, now)
        case _Kind.COME:
            return replace(progress, state=State.QUEUED, due_at=now)


def _changes(
    found: Iterable[tuple[_Kind, Row[Any]]],
    policy_of: Callable[[Lane], Policy],
    now: datetime,
) -> tuple[dict[Lane, dict[_Kind, list[Change]]], dict[Lane, Exception]]:
    """The change of each row, and why some rows are left as they are."""
    changes: dict[Lane, dict[_Kind, list[Change]]] = {}
    faults: dict[Lane, Exception] = {}
    for kind, row in found:
        lane = (row.provider, row.account)
        try:
            change = _change(kind, row, policy_of(lane), now)
        except (ValueError, OverflowError) as error:
            # One row that cannot be read must not stop the others.
            faults[lane] = error
        else:
            changes.setdefault(lane, {}).setdefault(kind, []).append(change)
    return changes, faults


def _make(
    connection: Connection,
    changes: Mapping[Lane, Mapping[_Kind, Sequence[Change]]],
    now: datetime,
) -> dict[Lane, Counter[_Kind]]:
    """Make the changes; returns how many of each kind were made, by lane."""
    work = [
        LaneChanges(lane, list(chain.from_iterable(kinds.values())))
        for lane, kinds in changes.items()
    ]
    stale = record_many(connection, work, now).stale
    return {
        lane: Counter(
            {
                kind: sum(change.ids[0] not in stale for change in some)
                for kind, some in kinds.items()
            }
        )
        for lane, kinds in changes.items()
    }


def _change(kind: _Kind, row: Row[Any], policy: Policy, now: datetime) -> Change:
    progress = progress_of(row)
    to = _after(kind, progress, policy, now)
    # The attempt of a row in ``sending`` was counted at the claim.
    sent = progress.state is State.SENDING
    said = _EVIDENCE[kind]
    return Change(
        [row.id], row.version, progress.state, to, evidence=said, attempted=sent
    )
