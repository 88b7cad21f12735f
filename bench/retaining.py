"""``python -m bench.retaining``: whether retention keeps up with intake.

On PostgreSQL it works on the ledger of ``python -m bench.upgrading upgrade``; on SQLite
it fills a ledger of its own. It deletes as the sweep of one worker does, each second
for at most the usual budget, while new cancellations come in at a rate.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine, text

from bench.large_ledger import KINDS, analyze, large, new_ledger, opened
from bench.upgrading import CHUNK, UPGRADED, add_rows
from rescind.config.times import utc_now
from rescind.ledger.storage.transactions import reading, writing
from rescind.runtime import retention

AGE = timedelta(days=1)
COUNTED = ("cancellation", "transition", "call", "delivery")
BEGUN = 100_000_000
"""The number of the first new row."""


def main(argv: Sequence[str] | None = None) -> None:
    made = argparse.ArgumentParser(
        prog="python -m bench.retaining", description=__doc__
    )
    made.add_argument("--home", type=Path, required=True, help="that of the ledger")
    made.add_argument("--database", choices=KINDS, default="postgresql")
    made.add_argument("--rows", type=int, default=5_000_000, help="on SQLite")
    made.add_argument("--seconds", type=int, default=120)
    made.add_argument("--rate", type=int, default=100, help="orders a second")
    given = made.parse_args(argv)
    given.home.mkdir(parents=True, exist_ok=True)
    sqlite = given.database == "sqlite"
    choose = new_ledger if sqlite else opened
    with choose(given.database, given.home, UPGRADED) as (engine, _):
        if sqlite:
            _fill(engine, given.rows)
        _measure(engine, given.seconds, given.rate)


def _fill(engine: Engine, rows: int) -> None:
    for first in range(1, rows + 1, CHUNK):
        with large(engine) as connection:
            add_rows(connection, first, min(first + CHUNK - 1, rows))
        print(f"{min(first + CHUNK - 1, rows):,} rows", flush=True)
    analyze(engine)


def _measure(engine: Engine, seconds: int, rate: int) -> None:
    before, stopped = _counts(engine), threading.Event()
    intake = threading.Thread(target=_take_in, args=(engine, rate, stopped))
    intake.start()
    took = _sweep(engine, seconds)
    stopped.set()
    intake.join()
    after = _counts(engine)
    for name in COUNTED:
        print(f"{name}: {before[name]:,} rows, then {after[name]:,}")
    print(f"ticks: {len(took)}, {max(took):.2f} s at most, {sum(took):.0f} s in all")


def _sweep(engine: Engine, seconds: int) -> list[float]:
    """Tick each second; the times that the ticks took."""
    took, jobs = [], retention.Retention()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        jobs.tick(engine, AGE, utc_now())
        took.append(time.monotonic() - began)
        time.sleep(max(0.0, 1 - took[-1]))
    return took


def _take_in(engine: Engine, rate: int, stopped: threading.Event) -> None:
    first, waits = BEGUN, []
    while not stopped.wait(1.0):
        began = time.monotonic()
        with writing(engine) as connection:
            add_rows(connection, first, first + rate - 1)
        waits.append(time.monotonic() - began)
        first += rate
    print(f"intake: {first - BEGUN:,} rows, {max(waits):.2f} s at most for {rate}")


def _counts(engine: Engine) -> dict[str, int]:
    found = {}
    with reading(engine, 600) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL enable_seqscan = on"))
        for name in COUNTED:
            counted = text(f"SELECT count(*) FROM {name}")
            found[name] = int(connection.execute(counted).scalar_one())
    return found


if __name__ == "__main__":
    main()
