"""The ledger's counters: exact over all workers, even after rows are deleted.

A counter is raised in the transaction that does the counted thing. A rollback counts
nothing, and a transaction that is repeated after a lost acknowledgement counts once.
``transactions.writing`` writes all counts of a transaction with one statement at its
end, so that the counter rows are locked only for a moment.

Several writers of one lane use rows of their own (``shard``), and each lane has its own
rows: no lane waits for another lane's commit.
"""

from __future__ import annotations

import json
import os
import threading
import zlib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from socket import gethostname
from weakref import WeakKeyDictionary

from sqlalchemy import Connection

from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.side_tables import TALLY

T = TALLY.c
ACCEPTED, ATTEMPT, CALL = "accepted", "attempt", "call"
HOLD, LEASE, OUTCOME = "hold", "lease", "outcome"
RETRY, THROTTLE, WEBHOOK = "retry", "throttle", "webhook"
EVENTS = (ACCEPTED, ATTEMPT, HOLD, LEASE, OUTCOME, RETRY, THROTTLE, WEBHOOK)
"""All that is counted but calls, which are counted by their time as well."""
WAIT = "wait"
"""Outcomes by the time that they took: only for each slot."""

NO_LANE = ("unknown", "unknown")
"""The lane of entries refused at intake: their account may be any text."""
BUCKETS = (50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000)
"""Upper bounds of a call's time, in ms; longer calls are in ``BEYOND``."""
BEYOND = "inf"
_S, _MIN, _H, _D = 1_000, 60_000, 3_600_000, 86_400_000
WAITS = (
    *(100, 200, 300, 500, 750),
    *(_S * n // 2 for n in (2, 3, 4, 6, 10, 15, 20, 30, 40, 60, 90)),
    *(_MIN * n // 2 for n in (2, 3, 4, 6, 10, 15, 20, 30, 40, 60, 90)),
    *(_H * n // 2 for n in (2, 3, 4, 6, 10, 15, 24, 36)),
    *(_D * n for n in (1, 2, 3, 7)),
)
"""Upper bounds of the time from opening to outcome, in ms; longer ones are ``BEYOND``.
"""
SLOT = timedelta(minutes=15)
KEPT = timedelta(hours=26)
"""How long the counts of one ``SLOT`` are kept; the totals are never deleted."""
SHARDS = 16

Lane = tuple[str, str]
Key = tuple[int, str, str, str, str, str, str, int]
Sums = tuple[int, int, int]
_KEY = {
    "slot": "bigint",
    "metric": "text",
    "provider": "text",
    "account": "text",
    "first": "text",
    "second": "text",
    "third": "text",
    "shard": "smallint",
}
NAMES = _KEY.keys() - {"slot", "shard"}
SUMS = {"count": "bigint", "orders": "bigint", "took_ms": "bigint"}
_COLUMNS = {**_KEY, **SUMS}
_open: WeakKeyDictionary[Connection, dict[Key, Sums]] = WeakKeyDictionary()
"""The counts of each open transaction so far."""


def count(
    connection: Connection,
    metric: str,
    lane: Lane,
    first: str = "",
    second: str = "",
    *,
    by: int = 1,
    per_thread: bool = False,
) -> None:
    """Raise ``metric`` by ``by``, if this transaction is committed.

    ``per_thread``: several threads of one worker count for this lane, as at intake.
    """
    if by:
        key = (
            0,
            metric,
            *lane,
            first,
            second,
            "",
            _shard(connection, per_thread=per_thread),
        )
        _add(connection, {key: (by, 0, 0)})


def count_outcomes(
    connection: Connection,
    lane: Lane,
    ended: Iterable[tuple[str, str | None, int]],
    now: datetime,
    *,
    per_thread: bool = False,
) -> None:
    """Count ended cancellations by state and reason: in total, and for this slot."""
    shard, slot = _shard(connection, per_thread=per_thread), slot_of(now)
    for state, reason, number in ended:
        key = (OUTCOME, *lane, str(state), str(reason or ""), "", shard)
        _add(connection, {(0, *key): (number, 0, 0), (slot, *key): (number, 0, 0)})


def uncount_outcome(
    connection: Connection, lane: Lane, state: str, reason: str | None, ended: datetime
) -> None:
    """Take one outcome out of the slot in which it ended: a new round has begun, so it
    no longer stands. The totals stay: they only rise."""
    shard = _shard(connection)
    key = (slot_of(ended), OUTCOME, *lane, str(state), str(reason or ""), "", shard)
    _add(connection, {key: (-1, 0, 0)})


def count_waits(
    connection: Connection, lane: Lane, waits: Iterable[int], now: datetime
) -> None:
    """Count the times, in ms, that outcomes took in this slot: a histogram."""
    shard, slot = _shard(connection), slot_of(now)
    for place, number in Counter(bisect_left(WAITS, one) for one in waits).items():
        bucket = str(WAITS[place]) if place < len(WAITS) else BEYOND
        key = (slot, WAIT, *lane, bucket, "", "", shard)
        _add(connection, {key: (number, 0, 0)})


def count_call(
    connection: Connection,
    lane: Lane,
    operation: str,
    evidence: str,
    took_ms: int,
    orders: int,
) -> None:
    """Count one provider call for so many orders."""
    named = (operation, str(evidence), _bucket(took_ms))
    key = (0, CALL, *lane, *named, _shard(connection))
    _add(connection, {key: (1, orders, took_ms)})


def count_webhook(connection: Connection, result: str, by: int = 1) -> None:
    """Count attempts to deliver: ``delivered``, ``failed`` or ``given_up``."""
    count(connection, WEBHOOK, ("", ""), result, by=by, per_thread=True)


def _bucket(took_ms: int) -> str:
    place = bisect_left(BUCKETS, took_ms)
    return str(BUCKETS[place]) if place < len(BUCKETS) else BEYOND


def slot_of(now: datetime) -> int:
    at = in_ms(now)
    return at - at % round(SLOT.total_seconds() * 1000)


def _shard(connection: Connection, *, per_thread: bool = False) -> int:
    """A worker's shard, or its thread's: writers of one shard wait for each other."""
    if connection.dialect.name == "sqlite":
        return 0  # SQLite allows only one writer at a time anyway
    if per_thread:
        return _hashed(os.getpid(), threading.get_ident())
    return _hashed(os.getpid(), 0)


@cache
def _hashed(process: int, thread: int) -> int:
    return zlib.crc32(f"{gethostname()} {process} {thread}".encode()) % SHARDS


# --- in the transaction -----------------------------------------------------------


def begin(connection: Connection) -> None:
    """Start to collect the counts of this transaction; ``finish`` must end it."""
    _open[connection] = {}


def finish(connection: Connection) -> None:
    """Write the counts of this transaction."""
    counted = _open.pop(connection, None)
    if counted:
        _write(connection, counted)


def _add(connection: Connection, more: dict[Key, Sums]) -> None:
    counted = _open.get(connection)
    if counted is None:
        _write(connection, more)
        return
    for key, (number, orders, took) in more.items():
        was = counted.get(key, (0, 0, 0))
        counted[key] = (was[0] + number, was[1] + orders, was[2] + took)


def _write(connection: Connection, counted: dict[Key, Sums]) -> None:
    # Sorted: two transactions that raise the same counters must not deadlock.
    rows = [(*key, *counted[key]) for key in sorted(counted)]
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_UPSERT.format(_ROW), rows)
    else:
        connection.exec_driver_sql(_UPSERT.format(_EACH), (_encode(rows),))


_encode = json.JSONEncoder(separators=(",", ":")).encode

# Raw statements, on the busiest path: with SQLAlchemy, or with arrays, they take three
# times as long.
_ROW = f"VALUES ({', '.join('?' * len(_COLUMNS))})"
_EACH = "SELECT {} FROM json_array_elements(%s::json) AS each(r)".format(  # noqa: S608
    ", ".join(f"(r->>{n})::{kind}" for n, kind in enumerate(_COLUMNS.values()))
)
_UPSERT = (
    f"INSERT INTO tally ({', '.join(_COLUMNS)}) {{}}"
    f" ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET "
    + ", ".join(f"{name} = tally.{name} + excluded.{name}" for name in SUMS)
)
