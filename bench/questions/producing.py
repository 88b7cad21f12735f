"""What does one submission cost its producer?"""

from __future__ import annotations

from collections.abc import Callable

from bench.bench_plan import Plan, rows
from bench.contenders import PEERS_OF_OURS
from bench.processes import PEERS
from bench.rescind_contender import Rescind
from bench.results import CELERY, US, Result, Target
from bench.team import Team

ALONE, MANY = "alone", "1,000 at a time"
HOW = (
    "The time a producer's process spends, with no worker running. Alone: one call of"
    " `send_task`, `apply_async` or the like for each order; 1,000 at a time: whatever"
    " each has for many. Every producer keeps its connection."
)


def ask(plan: Plan) -> Result:
    """Measure the microseconds of each order."""
    teams: list[type[Team]] = [Rescind, *PEERS_OF_OURS]
    found = []
    for case, many in ((ALONE, False), (MANY, True)):
        tries = {team.name: _try(plan, team, many) for team in teams}
        found += rows(plan, case, "µs", tries)
    targets = [
        Target(ALONE, US, 1.0, CELERY, at_most=True),
        Target(MANY, US, 1 / 50, CELERY, to_case=ALONE, at_most=True),
    ]
    return Result("producing", "The cost of a submission", HOW, found, targets, "log")


def _try(plan: Plan, team: type[Team], many: bool) -> Callable[[], float]:
    orders = plan.size(5_000, 2_000)

    def once() -> float:
        with _idle(team)(plan.stage("sqlite"), "ithink") as producing:
            producing.send(1000, many=many)
            return producing.send(orders, many=many)["took"] / orders * 1e6

    return once


def _idle(team: type[Team]) -> type[Team]:
    """The same producer without workers, in the environment of the peers."""
    changed = {"commands": lambda _: iter(()), "programs": PEERS}
    return type(team.name, (team,), changed)
