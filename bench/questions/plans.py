"""What do cancellations cost that wait for others?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import Connection, Engine, text

from bench.bench_plan import SPENT, Notes, Plan, noted, rows, say, throughput
from bench.ledgers import AT, ID, SERIES, fill
from bench.plan_teams import PLANNED, SINGLE, Case, Planned, Single
from bench.results import Result, Row, Target
from bench.stats import alternate
from rescind.ledger.changes.claims import Wanted, claim_many
from rescind.ledger.changes.recording import LaneChanges, record_many
from rescind.ledger.progress import NOT_DUE, Change, Claimed, Progress
from rescind.ledger.states import State
from rescind.ledger.storage.migrate import upgrade
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.transactions import open_ledger
from rescind.provider.outcomes import Reason

CASES: Mapping[str, Case] = {
    "a message each": Case("iletimerkezi", 6_000, together=False),
    "1,000 a message, one a call": Case("iletimerkezi", 6_000, together=True),
    "1,000 a message, 100 a call": Case("ithink", 30_000, together=True),
    "1,000 a message, 100 a call, the default rate": Case(
        "ithink", 6_000, together=True, rate=None
    ),
}
MOST, WITHIN = 1.3, 1.5
LANE = ("ithink", "default")
EMPTY, WAITING = 0, 100_000
SUCCESSORS = 1_000
"""For each predecessor: the most that may wait for one."""
READY, TIMES = 1_000, 21
HOW = (
    "The same number of orders, all single, and all in plans of three: the second and"
    " the third wait for the first. A producer sends each order, or each plan, in a"
    " message of its own; or 999 or 1,000 orders in a message. The accounts have no"
    " rate. In the last case, iThink's account has its default rate, five calls a"
    " second: without a setting, every account has a rate. All messages lie on the"
    " queue; the worker goes on when the clock starts, until the last final state."
    " Processor time is counted until the search index, which follows some seconds"
    " behind, has all orders, too."
    " Claims: a ledger of 1,000 rows, half of them due, with and without 100,000 that"
    " wait for 100 of them; a claim of 500, rolled back; and the record of one end that"
    " releases 1,000, rolled back."
)
ROWS = """
INSERT INTO cancellation (id, provider, account, order_id, key, params, meta, state,
  attempts, spent, polls, lost, step, due_at, urgency, opened_at, created_at,
  updated_at, version, waits_for)
SELECT {id}, 'ithink', 'default', CAST(50000000 + n AS text),
  CAST(50000000 + n AS text), '{{}}', '{{}}', 'scheduled', 0, 0, 0, 0, 0, {not_due},
  {never}, {at}, {at}, {at}, 1, 1
FROM {series} AS numbers
"""
DEPENDENCIES = """
INSERT INTO dependency (successor_id, predecessor_id, condition, depth)
SELECT {id}, {before}, 'cancelled', 1 FROM {series} AS numbers
"""
FOLLOWED = "UPDATE cancellation SET followed = 1 WHERE id IN"
FOLLOWED += " (SELECT predecessor_id FROM dependency)"


def ask(plan: Plan) -> Result:
    """Measure single orders beside plans, and a claim beside many that wait."""
    found: list[Row] = []
    for kind in plan.databases:
        for name in CASES:
            found += _orders(plan, kind, name)
        found += _claims(plan, kind)
    targets = [target for kind in plan.databases for target in _targets(kind)]
    return Result(
        "plans", "Cancellations that wait for others", HOW, found, targets, "log"
    )


def _targets(kind: str) -> Iterator[Target]:
    what = SPENT[0]
    for name in CASES:
        case = f"{name}, {kind}, {what}"
        yield Target(case, PLANNED, MOST, SINGLE, at_most=True)
    yield Target(f"claim, {kind}", _name(WAITING), WITHIN, _name(EMPTY), at_most=True)


# --- through a worker -----------------------------------------------------------------


def _orders(plan: Plan, kind: str, name: str) -> list[Row]:
    how = CASES[name]
    case, seen = f"{name}, {kind}", dict[str, Notes]()
    orders = plan.size(how.orders, how.orders // 5)
    tries = {
        team.name: throughput(partial(_team, plan, kind, how, team), orders, seen)
        for team in (Single, Planned)
    }
    return [*rows(plan, case, "orders/s", tries), *noted(case, seen, SPENT)]


def _team(plan: Plan, kind: str, how: Case, team: type[Single]) -> Single:
    return team(plan.stage(kind), how)


# --- many that wait -------------------------------------------------------------------


def _claims(plan: Plan, kind: str) -> list[Row]:
    with _ledger(plan, kind, EMPTY) as empty, _ledger(plan, kind, WAITING) as full:
        tries = {
            _name(number): partial(_timed, engine, _claim)
            for number, engine in ((EMPTY, empty), (WAITING, full))
        }
        taken = alternate(tries, TIMES)
        found = [Row(f"claim, {kind}", who, "ms", taken[who]) for who in taken]
        ends = [_timed(full, _end) for _ in range(TIMES)]
        case = f"an end that releases {SUCCESSORS:,}, {kind}"
        found.append(Row(case, _name(WAITING), "ms", ends))
    for row in found:
        say(f"  {row.case}, {row.who}: {row.median:,.4g} {row.unit}")
    return found


def _name(waiting: int) -> str:
    return f"{waiting:,} waiting"


@contextmanager
def _ledger(plan: Plan, kind: str, waiting: int) -> Iterator[Engine]:
    stage = plan.stage(kind)
    engine = open_ledger(stage.database_url)
    try:
        upgrade(engine)
        fill(stage.database_url, READY)
        if waiting:
            _fill(engine, waiting)
        yield engine
    finally:
        engine.dispose()


def _fill(engine: Engine, waiting: int) -> None:
    dialect = engine.dialect.name
    # Rows with even numbers are due, as ``bench.ledgers`` makes them.
    before = f"2 * (n % {waiting // SUCCESSORS} + 1)"
    given = {
        "id": ID[dialect].format(n=f"n + {READY}"),
        "before": ID[dialect].format(n=before),
        "series": SERIES[dialect].format(first=1, last=waiting),
        "at": AT,
        "not_due": in_ms(NOT_DUE),
        "never": 2**62,
    }
    with engine.begin() as connection:
        for statement in (ROWS, DEPENDENCIES, FOLLOWED):
            connection.execute(text(statement.format(**given)))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE"))


def _timed(engine: Engine, what: Callable[[Connection], float]) -> float:
    """The milliseconds of one operation, which is rolled back."""
    with engine.connect() as connection, connection.begin() as transaction:
        taken = what(connection)
        transaction.rollback()
        return taken


def _claim(connection: Connection) -> float:
    began = time.perf_counter()
    _held(connection)
    return (time.perf_counter() - began) * 1000


def _end(connection: Connection) -> float:
    now = datetime.now(UTC)
    held = min(_held(connection), key=lambda one: one.id)
    to = Progress(
        State.CANCELLED, reason=Reason.CONFIRMED, attempts=1, spent=1, finished_at=now
    )
    change = Change([held.id], held.version, State.SENDING, to)
    began = time.perf_counter()
    done = record_many(connection, [LaneChanges(LANE, [change])], now)
    taken = (time.perf_counter() - began) * 1000
    if not done.released:
        raise LookupError(f"{held.id} has released nothing")
    return taken


def _held(connection: Connection) -> list[Claimed]:
    wanted = Wanted(LANE, State.QUEUED, 500, timedelta(seconds=60))
    [held] = claim_many(connection, [wanted], datetime.now(UTC))
    return held
