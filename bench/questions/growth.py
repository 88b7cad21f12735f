"""Does the ledger stay as fast when it is large?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, make_url

from bench.bench_plan import Plan, say
from bench.ledgers import AT, BRANCH, GROUP, fill
from bench.results import Result, Row, Target
from bench.stage import Stage, run
from bench.stats import alternate
from bench.team import FIRST
from rescind.browse.browsing import Sort, browse
from rescind.browse.wanted import Wanted
from rescind.config.accounts import load_accounts
from rescind.config.home import write_private
from rescind.engine.sweeper import sweep
from rescind.ledger.changes.claims import Wanted as Claim
from rescind.ledger.changes.claims import claim_many
from rescind.ledger.changes.deletion import Pruning
from rescind.ledger.changes.lane_states import all_lanes
from rescind.ledger.reading.backlogs import COUNTED, backlogs
from rescind.ledger.reading.queries import find, history
from rescind.ledger.states import State
from rescind.ledger.storage.migrate import upgrade
from rescind.ledger.storage.milliseconds import moment
from rescind.ledger.storage.transactions import open_ledger, reading

SIZES = (1_000, 100_000)
LARGEST = 5_000_000
LANE = ("ithink", "default")
TIMES, FEW_TIMES = 41, 5
WITHIN = 1.5
ACCOUNTS = '[ithink.default]\naccess_token = "a"\nsecret_key = "s"\n'
HOW = (
    "Ledgers of so many rows, half of them waiting and half finished with their"
    " history and calls of 100; the functions behind the commands and the worker are"
    " called in this process, in turns for each size, 41 times. Claims are rolled back."
    " `branch` is an account of the ten oldest rows, `file` a group of one row in ten."
    " Space is on disk, with history, calls and indexes. Retention deletes all that are"
    " finished; what it gave back is what a vacuum (PostgreSQL: VACUUM FULL) then"
    " frees; a step reads 200 rows and deletes those that may go, in one transaction."
)
PRUNED = 100_000
"""Rows of the ledger for retention."""


def ask(plan: Plan) -> Result:
    """Measure claim, sweep, list, show, lanes and retention."""
    sizes = SIZES if plan.quick else (*SIZES, plan.orders or LARGEST)
    found = [row for kind in plan.databases for row in _measure(plan, kind, sizes)]
    targets = [
        Target(row.case, row.who, WITHIN, _name(SIZES[0]), at_most=True)
        for row in found
        if row.who != _name(SIZES[0]) and row.case.partition(",")[0] in FLAT
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
            taken = alternate(tries, TIMES if what in FLAT else FEW_TIMES)
            found += [Row(f"{what}, {kind}", n, "ms", taken[n]) for n in taken]
        found += [
            Row(f"space a row, {kind}", one.name, "bytes", [one.bytes() / one.size])
            for one in ledgers
            if one.size > SIZES[0]
        ]
        pruned = next(one for one in ledgers if one.size == PRUNED)
        found += _retention(kind, pruned)
    for row in found:
        say(f"  {row.case}, {row.who}: {row.median:,.4g} {row.unit}")
    return found


def _retention(kind: str, ledger: _Ledger) -> list[Row]:
    """Measure the size of a finished cancellation, and the cost of deleting it."""
    full = ledger.vacuumed()
    walk, steps = Pruning(ledger.engine, datetime.now(UTC)), list[float]()
    began = time.process_time()
    more = True
    while more:
        at = time.perf_counter()
        more = walk.step()
        steps.append((time.perf_counter() - at) * 1000)
    spent = (time.process_time() - began) * 1000 / walk.cancellations
    given_back = (full - ledger.vacuumed()) / walk.cancellations
    case, who = f"retention, {kind}", ledger.name
    return [
        Row(f"{case}, space of a finished one, given back", who, "bytes", [given_back]),
        Row(f"{case}, this process's time for each", who, "ms", [spent]),
        Row(f"{case}, a step", who, "ms", steps),
    ]


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
    """A ledger of a known size, and the operations on it."""

    stage: Stage
    engine: Engine
    size: int

    @property
    def name(self) -> str:
        return _name(self.size)

    def timed(self, what: str) -> Callable[[], float]:
        """A function that measures one operation, in milliseconds."""
        one = OPERATIONS[what]

        def once() -> float:
            began = time.perf_counter()
            one(self)
            return (time.perf_counter() - began) * 1000

        once()  # the extra cost of a first time is not measured
        return once

    def claim(self) -> None:
        lease = timedelta(seconds=60)
        with self.engine.connect() as connection, connection.begin() as transaction:
            claim_many(
                connection,
                [Claim(LANE, State.QUEUED, 100, lease)],
                datetime.now(UTC),
            )
            transaction.rollback()

    def sweep(self) -> None:
        path = self.stage.home / "accounts.toml"
        if not path.exists():
            write_private(path, ACCOUNTS)
        sweep(self.engine, load_accounts(path), datetime.now(UTC), "a benchmark")

    def list(self, *states: str, **wanted: Any) -> None:
        with reading(self.engine) as connection:
            browse(connection, Wanted(states, **wanted), Sort.NEWEST, 50)

    def show(self) -> None:
        with reading(self.engine) as connection:
            row = find(connection, f"ithink/default/{FIRST + self.size // 2 + 1}")
            if row is not None:
                history(connection, row.id)

    def lanes(self, most: int | None = COUNTED) -> None:
        with reading(self.engine) as connection:
            all_lanes(connection)
            backlogs(connection, datetime.now(UTC), most)

    def retention(self) -> None:
        """One step of retention that finds nothing old enough, as most steps do."""
        Pruning(self.engine, moment(AT) - timedelta(days=365)).step()

    def vacuumed(self) -> float:
        """The size in bytes, after the space of deleted rows is released."""
        if self.stage.kind == "sqlite":
            run(self.stage.database_url, "VACUUM")
        else:
            run(self.stage.database_url, "VACUUM FULL")
        return self.bytes()

    def bytes(self) -> float:
        """The size of the file in bytes, after a checkpoint of the WAL."""
        if self.stage.kind == "sqlite":
            run(self.stage.database_url, "PRAGMA wal_checkpoint(TRUNCATE)")
            path = Path(make_url(self.stage.database_url).database or "")
            return float(path.stat().st_size)
        size = "SELECT pg_database_size(current_database())"
        return float(run(self.stage.database_url, size)[0][0])


OPERATIONS: Mapping[str, Callable[[_Ledger], None]] = {
    "claim": _Ledger.claim,
    "sweep": _Ledger.sweep,
    "retention's look": _Ledger.retention,
    "list": _Ledger.list,
    "list --state failed": lambda ledger: ledger.list("failed"),
    "list --state rejected": lambda ledger: ledger.list("rejected"),
    "list --provider": lambda ledger: ledger.list(provider="ithink"),
    "list --account branch": lambda ledger: ledger.list(account=BRANCH),
    "list --group file": lambda ledger: ledger.list(group=GROUP),
    "list --group file --state failed": lambda one: one.list("failed", group=GROUP),
    "show": _Ledger.show,
    "lanes": _Ledger.lanes,
    "lanes --exact": lambda ledger: ledger.lanes(None),
}
FLAT = OPERATIONS.keys() - {"lanes --exact"}
"""The operations that must not take longer in a larger ledger."""
