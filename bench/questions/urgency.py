"""Is an order with a near deadline in the next call, however many wait before it?"""

from __future__ import annotations

import time

from sqlalchemy import create_engine, text

from bench.plan import Plan, say
from bench.processes import until
from bench.rescind import Rescind, Setup
from bench.results import US, Result, Row, Target
from bench.team import FIRST

URGENT = 5
HOW = (
    "An iThink lane of one call a second has its backlog; then five orders with a"
    " `cancel_before` an hour away are submitted, one after the other. Counted are the"
    " calls that the provider received after such an order was seen in the ledger and"
    " before the call that held it."
)


def ask(plan: Plan) -> Result:
    """Calls that went before an urgent order."""
    found = [_measure(plan, kind) for kind in plan.databases]
    targets = [Target(row.case, US, 0, at_most=True) for row in found]
    return Result("urgency", "An urgent order behind a backlog", HOW, found, targets)


def _measure(plan: Plan, kind: str) -> Row:
    backlog = plan.size(100_000, 10_000)
    setup = Setup({"rate": "1/second"})
    with Rescind(plan.stage(kind), "ithink", setup) as team:
        team.send(backlog)
        until(lambda: _taken_in(team) >= backlog, "the intake", 300, every=0.5)
        before = [_calls_before(team) for _ in range(URGENT)]
    case = f"behind {backlog:,}, {kind}"
    say(f"  {case}: {before}")
    return Row(f"{case}, the worst of {URGENT}", US, "calls", [max(before)])


def _calls_before(team: Rescind) -> float:
    order = str(FIRST + team.sent)
    team.send(1, many=False, cancel_before="+1h")
    known = f"SELECT count(*) FROM cancellation {_is(order)}"
    until(lambda: _scalar(team, known), "the intake of an urgent order", 30)
    accepted = time.time()
    came = team.stage.provider.came(order)
    times = [at for _, _, at, _ in team.stage.provider.calls()]
    time.sleep(0.3)
    return sum(accepted < at < came for at in times)


def _is(order: str) -> str:
    return f"WHERE provider = 'ithink' AND account = 'default' AND key = '{order}'"


def _taken_in(team: Rescind) -> int:
    return int(_scalar(team, "SELECT count(*) FROM cancellation"))


def _scalar(team: Rescind, statement: str) -> int:
    engine = create_engine(team.stage.database_url)
    try:
        with engine.connect() as connection:
            return int(connection.execute(text(statement)).scalar_one())
    finally:
        engine.dispose()
