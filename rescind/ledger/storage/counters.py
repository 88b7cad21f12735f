"""Counters that stand in the ledger: right over all workers, whatever is deleted later.

What is counted goes up in the very transaction that does it, or not at all: what was
rolled back was never counted, and what is made again after a lost acknowledgement is
counted once. ``database.writing`` writes all that a transaction has counted by one
statement at its end, so that the rows are locked for a moment only.

Whoever counts for one lane at the same time counts apart (``shard``), and a lane's
rows are its own: no lane waits for another's commit.
"""

from __future__ import annotations

import json
import os
import threading
import zlib
from bisect import bisect_left
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

NO_LANE = ("unknown", "unknown")
"""What was refused at intake belongs to no lane: its words are its producer's own."""
BUCKETS = (50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000)
"""Upper bounds, in ms, of how long calls took; beyond the last is ``BEYOND``."""
BEYOND = "inf"
SLOT = timedelta(minutes=15)
KEPT = timedelta(hours=26)
"""How long ``flow`` goes back; all the rest is counted for ever."""
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
"""What transactions that have begun have counted so far."""


def count(
    connection: Connection,
    metric: str,
    lane: Lane,
    first: str = "",
    second: str = "",
    *,
    by: int = 1,
    crowd: bool = False,
) -> None:
    """One more, or ``by`` more, of ``metric``, if this transaction is committed.

    ``crowd``: where many do so for one lane at once, in one worker, as intake does.
    """
    if by:
        key = (0, metric, *lane, first, second, "", _shard(connection, crowd=crowd))
        _add(connection, {key: (by, 0, 0)})


def count_outcomes(
    connection: Connection,
    lane: Lane,
    ended: Iterable[tuple[str, str | None, int]],
    now: datetime,
    *,
    crowd: bool = False,
) -> None:
    """State, reason and how many have ended so: for ever, and in the flow."""
    shard, slot = _shard(connection, crowd=crowd), slot_of(now)
    for state, reason, number in ended:
        key = (OUTCOME, *lane, str(state), str(reason or ""), "", shard)
        _add(connection, {(0, *key): (number, 0, 0), (slot, *key): (number, 0, 0)})


def count_call(
    connection: Connection,
    lane: Lane,
    operation: str,
    evidence: str,
    took_ms: int,
    orders: int,
) -> None:
    """One call to the provider, for so many orders."""
    named = (operation, str(evidence), _bucket(took_ms))
    key = (0, CALL, *lane, *named, _shard(connection))
    _add(connection, {key: (1, orders, took_ms)})


def count_webhook(connection: Connection, result: str, by: int = 1) -> None:
    """Attempts to tell a producer: ``delivered``, ``failed`` or ``given_up``."""
    count(connection, WEBHOOK, ("", ""), result, by=by, crowd=True)


def _bucket(took_ms: int) -> str:
    place = bisect_left(BUCKETS, took_ms)
    return str(BUCKETS[place]) if place < len(BUCKETS) else BEYOND


def slot_of(now: datetime) -> int:
    at = in_ms(now)
    return at - at % round(SLOT.total_seconds() * 1000)


def _shard(connection: Connection, *, crowd: bool = False) -> int:
    """One for each worker, or for each thread: who shares one waits for a commit."""
    if connection.dialect.name == "sqlite":
        return 0  # there, one writes at a time anyway
    if crowd:
        return _hashed(os.getpid(), threading.get_ident())
    return _hashed(os.getpid(), 0)


@cache
def _hashed(process: int, thread: int) -> int:
    return zlib.crc32(f"{gethostname()} {process} {thread}".encode()) % SHARDS


# --- in the transaction -----------------------------------------------------------


def begin(connection: Connection) -> None:
    """A transaction begins, at whose end ``finish`` will be called."""
    _open[connection] = {}


def finish(connection: Connection) -> None:
    """Write what this transaction has counted."""
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
    # All in one order: two that count the same at once must not lock each other.
    rows = [(*key, *counted[key]) for key in sorted(counted)]
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_UPSERT.format(_ROW), rows)
    else:
        connection.exec_driver_sql(_UPSERT.format(_EACH), (_encode(rows),))


_encode = json.JSONEncoder(separators=(",", ":")).encode

# As the drivers take it: made by SQLAlchemy, or sent as arrays, it takes three times
# as long, on the busiest path there is.
_ROW = f"VALUES ({', '.join('?' * len(_COLUMNS))})"
_EACH = "SELECT {} FROM json_array_elements(%s::json) AS each(r)".format(  # noqa: S608
    ", ".join(f"(r->>{n})::{kind}" for n, kind in enumerate(_COLUMNS.values()))
)
_UPSERT = (
    f"INSERT INTO tally ({', '.join(_COLUMNS)}) {{}}"
    f" ON CONFLICT ({', '.join(_KEY)}) DO UPDATE SET "
    + ", ".join(f"{name} = tally.{name} + excluded.{name}" for name in SUMS)
)
