"""Does the ledger stay as quick when it is large?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine, make_url

from bench.contenders import FIRST
from bench.ledgers import fill
from bench.plan import Plan, say
from bench.results import Result, Row, Target
from bench.stage import Stage, run
from bench.stats import alternate
from ledger.backlogs import backlogs
from ledger.claims import claim
from ledger.database import open_ledger, reading
from ledger.lanes import all_lanes
from ledger.migrate import upgrade
from ledger.queries import Filter, find, history, list_rows
from ledger.states import State
from worker.accounts import load_accounts
from worker.settings import write_private
from worker.sweeper import sweep

SIZES = (1_000, 100_000)
LARGEST = 5_000_000
LANE = ("ithink", "default")
TIMES = 15
WITHIN = 1.5
ACCOUNTS = '[ithink.default]\naccess_token = "a"\nsecret_key = "s"\n'
HOW = (
    "Ledgers of so many rows, half of them waiting and half finished with their"
    " history; the functions behind the commands and the worker are called in this"
    " process, in turns for each size, 15 times. Claims are rolled back. A row's space"
    " includes its history and all indexes."
)


def ask(plan: Plan) -> Result:
    """Claim, sweep, list, show and lanes."""
    sizes = SIZES if plan.quick else (*SIZES, plan.orders or LARGEST)
    found = [row for kind in plan.databases for row in _measure(plan, kind, sizes)]
    targets = [
        Target(row.case, row.who, WITHIN, _name(SIZES[0]), at_most=True)
        for row in found
        if row.unit == "ms" and row.who != _name(SIZES[0])
    ]
    return Result("growth", "A growing ledger", HOW, found, targets, "log")


def _name(size: int) -> str:
    return f"{size:,} rows"


def _measure(plan: Plan, kind: str, sizes: Sequence[int]) -> list[Row]:
    with ExitStack() as stack:
        ledgers = [stack.enter_context(_ledger(plan, kind, size)) for size in sizes]
        found: list[Row] = []
        for what in OPERATIONS:
            tries = {one.name: one.timed(what) for one in ledgers}
            taken = alternate(tries, TIMES)
            found += [Row(f"{what}, {kind}", n, "ms", taken[n]) for n in taken]
        found += [
            Row(f"space a row, {kind}", one.name, "bytes", [one.bytes() / one.size])
            for one in ledgers
            if one.size > SIZES[0]
        ]
    for row in found:
        say(f"  {row.case}, {row.who}: {row.median:,.4g} {row.unit}")
    return found


@contextmanager
def _ledger(plan: Plan, kind: str, size: int) -> Iterator[_Ledger]:
    say(f"  filling {kind} with {size:,} rows")
    stage = plan.stage(kind)
    engine = open_ledger(stage.database_url)
    try:
        upgrade(engine)
        fill(stage.database_url, size)
        yield _Ledger(stage, engine, size)
    finally:
        engine.dispose()


@dataclass(frozen=True, slots=True)
class _Ledger:
    """A ledger of a known size, and what is asked of it."""

    stage: Stage
    engine: Engine
    size: int

    @property
    def name(self) -> str:
        return _name(self.size)

    def timed(self, what: str) -> Callable[[], float]:
        """A try of one operation, in milliseconds."""
        one = OPERATIONS[what]

        def once() -> float:
            began = time.perf_counter()
            one(self)
            return (time.perf_counter() - began) * 1000

        once()  # what a first time alone costs is not what is asked
        return once

    def claim(self) -> None:
        lease = timedelta(seconds=60)
        with self.engine.connect() as connection, connection.begin() as transaction:
            claim(connection, LANE, State.QUEUED, 100, lease, datetime.now(UTC))
            transaction.rollback()

    def sweep(self) -> None:
        path = self.stage.home / "accounts.toml"
        if not path.exists():
            write_private(path, ACCOUNTS)
        sweep(self.engine, load_accounts(path), datetime.now(UTC))

    def list(self, *states: str) -> None:
        with reading(self.engine) as connection:
            list_rows(connection, Filter(states), 50)

    def show(self) -> None:
        with reading(self.engine) as connection:
            row = find(connection, f"ithink/default/{FIRST + self.size // 2}")
            if row is not None:
                history(connection, row.id)

    def lanes(self) -> None:
        with reading(self.engine) as connection:
            all_lanes(connection)
            backlogs(connection, datetime.now(UTC))

    def bytes(self) -> float:
        """On disk, once all of it is in the file itself."""
        if self.stage.kind == "sqlite":
            run(self.stage.database_url, "PRAGMA wal_checkpoint(TRUNCATE)")
            path = Path(make_url(self.stage.database_url).database or "")
            return float(path.stat().st_size)
        size = "SELECT pg_database_size(current_database())"
        return float(run(self.stage.database_url, size)[0][0])


OPERATIONS: Mapping[str, Callable[[_Ledger], None]] = {
    "claim": _Ledger.claim,
    "sweep": _Ledger.sweep,
    "list": _Ledger.list,
    "list --state failed": lambda ledger: ledger.list("failed"),
    "show": _Ledger.show,
    "lanes": _Ledger.lanes,
}
