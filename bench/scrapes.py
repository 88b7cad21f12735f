"""``python -m bench.scrapes``: how long a scrape of ``/metrics`` takes, and its size.

It fills a new ledger with accounts of five providers. Each account has the counters
that several workers wrote, and outcomes within the last day. Some have open orders.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

from sqlalchemy import Connection, Engine, insert, text

from bench.large_ledger import KINDS, analyze, large, new_ledger
from bench.ledgers import SERIES
from rescind.ledger.changes.lane_states import register_lanes
from rescind.ledger.storage.counters import BUCKETS, SHARDS, slot_of
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.side_tables import TALLY
from rescind.telemetry.exposition import exposition, impatient
from rescind.telemetry.shared_collection import SharedCollection

PROVIDERS = ("akinon", "dukkango", "iletimerkezi", "ithink", "notpanel")
NO_REDIS = "redis://127.0.0.1:1/0"
"""Nothing listens there: only the ledger's part is measured."""
TIMES = 52
PAUSE_SECONDS = 0.5
EXPECTED_SECONDS = 4.0
"""The interval of scrapes whose metrics are collected ahead."""
ENDS = (("cancelled", "confirmed"), ("rejected", "not_found"), ("failed", "unresolved"))
EVER = (
    *(("attempt", "", "", ""), ("throttle", "", "", ""), ("lease", "", "", "")),
    *(("outcome", *end, "") for end in ENDS),
    *(
        ("call", operation, "answered", str(took))
        for operation, took in product(("cancel", "poll"), BUCKETS[:5])
    ),
    *(("call", "cancel", "maybe_done", str(took)) for took in BUCKETS[-2:]),
)
"""What one worker has counted for one account."""
OPENED = """
INSERT INTO cancellation (id, provider, account, order_id, key, params, meta, state,
  attempts, spent, polls, lost, step, due_at, urgency, opened_at, created_at,
  updated_at, version)
SELECT CAST(:account AS text) || s || n, CAST(:provider AS text),
  CAST(:account AS text), s || n, s || n, '{{}}', '{{}}', s, 0, 0, 0, 0, 0, {at},
  {never}, {at}, {at}, {at}, 1
FROM {series} AS numbers
CROSS JOIN (SELECT 'queued' AS s UNION ALL SELECT 'requested') AS states
"""
Lane = tuple[str, str]


def main(argv: Sequence[str] | None = None) -> None:
    given = _arguments(argv)
    logging.disable()
    given.home.mkdir(parents=True, exist_ok=True)
    with new_ledger(given.database, given.home, "scrapes") as (engine, _):
        now = datetime.now(UTC)
        fill(engine, given, now)
        analyze(engine)
        measure(engine)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    made = argparse.ArgumentParser(prog="python -m bench.scrapes", description=__doc__)
    made.add_argument("--database", choices=KINDS, required=True)
    made.add_argument("--home", type=Path, required=True, help="an own folder")
    made.add_argument("--accounts", type=int, default=300)
    made.add_argument("--recent", type=int, default=100, help="accounts with outcomes")
    made.add_argument("--busy", type=int, default=50, help="accounts with open orders")
    made.add_argument("--orders", type=int, default=1_000, help="open orders of each")
    made.add_argument("--workers", type=int, default=4)
    return made.parse_args(argv)


def fill(engine: Engine, given: argparse.Namespace, now: datetime) -> None:
    """Write lanes, counters and open orders."""
    lanes = [(PROVIDERS[n % 5], f"account-{n:04}") for n in range(given.accounts)]
    with large(engine) as connection:
        register_lanes(connection, lanes)
        alone = connection.dialect.name == "sqlite"
        _count(connection, lanes, 1 if alone else given.workers)
        _count_slots(connection, lanes[: given.recent], now)
        for lane in lanes[: given.busy]:
            _open(connection, lane, given.orders, in_ms(now - timedelta(minutes=5)))


def _count(connection: Connection, lanes: Sequence[Lane], workers: int) -> None:
    rows = [
        _row(0, lane, kind, shard)
        for lane, kind, shard in product(lanes, EVER, range(workers))
    ]
    # Intake counts by thread.
    threads = 1 if workers == 1 else min(SHARDS, workers * 4)
    accepted = product(lanes, (("accepted", "", "", ""),), range(threads))
    rows += [_row(0, lane, kind, shard) for lane, kind, shard in accepted]
    connection.execute(insert(TALLY), rows)


def _count_slots(connection: Connection, lanes: Sequence[Lane], now: datetime) -> None:
    """Outcomes of the last day, by quarter of an hour."""
    slots = [slot_of(now - timedelta(minutes=15 * n)) for n in range(100)]
    ends = [("outcome", *end, "") for end in ENDS[:1]]
    waits = [("wait", "1000", "", ""), ("wait", "5000", "", "")]
    each = product(slots, lanes, (*ends, *waits))
    rows = [_row(slot, lane, kind, 0) for slot, lane, kind in each]
    if rows:
        connection.execute(insert(TALLY), rows)


def _row(slot: int, lane: Lane, kind: tuple[str, ...], shard: int) -> dict[str, object]:
    metric, first, second, third = kind
    named = {"metric": metric, "first": first, "second": second, "third": third}
    whole = {"slot": slot, "provider": lane[0], "account": lane[1], "shard": shard}
    number = 3_000 if metric == "accepted" else 100
    return {**named, **whole, "count": number, "orders": 100, "took_ms": 100}


def _open(connection: Connection, lane: Lane, orders: int, at: int) -> None:
    series = SERIES[connection.dialect.name].format(first=1, last=orders)
    made = OPENED.format(series=series, at=at, never=2**62)
    connection.execute(text(made), {"provider": lane[0], "account": lane[1]})


def measure(engine: Engine) -> None:
    """Print the number of series, and the times of some scrapes in ms."""
    shared, redis = SharedCollection(), impatient(NO_REDIS)

    def collect() -> bytes:
        return exposition(engine, redis, datetime.now(UTC))

    answer = collect()
    collected, spent = _timed(collect, PAUSE_SECONDS)
    alone, _ = _timed(lambda: shared.metrics(collect), PAUSE_SECONDS)
    expected, _ = _timed(lambda: shared.metrics(collect), EXPECTED_SECONDS)
    lines = answer.decode().splitlines()
    series = sum(not line.startswith("#") for line in lines)
    print(
        f"{engine.dialect.name}: {series:,} series, {len(answer) / 1000:,.0f} kB;"
        f" collected in {_middle(collected)} ms, {_middle(spent)} ms of this process;"
        f" an unexpected scrape takes {_middle(alone)} ms, an expected one"
        f" {_middle(expected)} ms",
        flush=True,
    )


def _timed(do: Callable[[], object], pause: float) -> tuple[list[float], list[float]]:
    """The times of ``do`` in ms, by the clock and of the processor."""
    took, spent = list[float](), list[float]()
    for _ in range(TIMES):
        began, busy = time.perf_counter(), time.process_time()
        do()
        took.append((time.perf_counter() - began) * 1000)
        spent.append((time.process_time() - busy) * 1000)
        # A scrape finds the collection of the one before done.
        time.sleep(pause)
    # The first two tell how far apart the scrapes are.
    return took[2:], spent[2:]


def _middle(times: Sequence[float]) -> str:
    return f"{statistics.median(times):.0f} ({min(times):.0f} to {max(times):.0f})"


if __name__ == "__main__":
    main()
