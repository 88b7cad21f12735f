"""Times each list, filter and search of the dashboard in a large ledger."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from sqlalchemy import Connection, Engine, text

from bench.large_fill import APART_MS, BEGUN
from bench.stats import percentile
from rescind.browse.browsing import Sort, browse
from rescind.browse.part_search import find_part
from rescind.browse.search import search
from rescind.browse.wanted import Wanted
from rescind.ledger.storage.transactions import reading

TIMES = 20


def ask(engine: Engine, rows: int) -> None:
    """Print the median, the 95th percentile and the longest time in ms of each."""
    for name, (wanted, sort) in _lists(rows).items():
        _time(engine, name, partial(_listed, wanted, sort))
    order = _order(rows)
    for name, part in _parts(engine, order).items():
        _time(engine, f"search: {name}", partial(_found, part, Wanted()))
    failed = partial(_found, order[-4:], Wanted(["failed"]))
    _time(engine, "search: 4 digits, failed", failed)
    _time(engine, "exact: order or key", lambda c: len(search(c, order, 50)))


def _lists(rows: int) -> dict[str, tuple[Wanted, Sort]]:
    middle, end = (BEGUN + n * APART_MS for n in (rows // 2, rows))
    hour, week = 3_600_000, 7 * 86_400_000
    last_week = Wanted(["cancelled"], "ithink", since=end - week)
    one_hour = Wanted(since=middle, until=middle + hour)
    not_found = Wanted(provider="ithink", reason="not_found")
    return {
        "newest": (Wanted(), Sort.NEWEST),
        "failed": (Wanted(["failed"]), Sort.NEWEST),
        "failed, ended latest first": (Wanted(["failed"]), Sort.ENDED),
        "rejected at ithink, oldest": (Wanted(["rejected"], "ithink"), Sort.OLDEST),
        "cancelled at ithink, ended in 7 days": (last_week, Sort.ENDED),
        "accepted in one hour, half a month ago": (one_hour, Sort.NEWEST),
        "a group": (Wanted(group="night-3"), Sort.NEWEST),
        "reason not_found at ithink": (not_found, Sort.NEWEST),
        "a reason that none has": (Wanted(reason="refused"), Sort.NEWEST),
    }


def _order(rows: int) -> str:
    """An order of ten digits, far from both ends of the ledger."""
    number = rows * 2 // 5 + 2
    return str(number * 7919 % 9_000_000_000 + 1_000_000_000)


def _parts(engine: Engine, order: str) -> dict[str, str]:
    with reading(engine) as connection:
        chosen = "SELECT order_id FROM cancellation WHERE provider = 'dukkango' LIMIT 1"
        words = str(connection.execute(text(chosen)).scalar_one())
    return {
        "the whole order": order,
        "6 digits of an order": order[-6:],
        "4 digits of an order": order[-4:],
        "8 of 32 hexadecimal characters": words[7:15],
        "metadata": "S-4711",
        "one in nine has it, none of the newest": "S-1",
        "nothing has it, of common parts": "7919s-1",
        "nothing has it, of rare parts": "zzq-xyz",
    }


def _listed(wanted: Wanted, sort: Sort, connection: Connection) -> int:
    return len(browse(connection, wanted, sort, 50).rows)


def _found(part: str, wanted: Wanted, connection: Connection) -> int:
    return len(find_part(connection, part, wanted, 50).rows)


def _time(engine: Engine, name: str, one: Callable[[Connection], int]) -> None:
    taken, found = list[float](), 0
    for _ in range(TIMES):
        began = time.perf_counter()
        with reading(engine) as connection:
            found = one(connection)
        taken.append((time.perf_counter() - began) * 1000)
    p50, p95 = (percentile(taken, share) for share in (0.5, 0.95))
    figures = f"{p50:,.1f} | {p95:,.1f} | {max(taken):,.1f}"
    print(f"| {name} | {figures} | {found} |", flush=True)
