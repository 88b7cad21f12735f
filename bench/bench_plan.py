"""The plan of a run, and the functions that its questions share."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.processes import PEERS, ROOT, BenchError
from bench.results import Row
from bench.stage import Services, Stage
from bench.stats import alternate
from bench.team import FIRST, Team


@dataclass(frozen=True)
class Plan:
    """One run of ``make bench``."""

    services: Services
    databases: Sequence[str]
    quick: bool = False
    rounds: int = 3
    orders: int | None = None

    def size(self, usual: int, quick: int) -> int:
        """The number of orders, unless the command line gives it."""
        return self.orders or (quick if self.quick else usual)

    def stage(self, kind: str, **options: float) -> Stage:
        return self.services.stage(kind, **options)  # type: ignore[arg-type]


def rows(
    plan: Plan, case: str, unit: str, tries: Mapping[str, Callable[[], float]]
) -> list[Row]:
    """One row for each try. The tries are measured in turns."""
    logged = {name: _logged(case, name, unit, one) for name, one in tries.items()}
    found = alternate(logged, plan.rounds)
    return [Row(case, name, unit, found[name]) for name in tries]


Notes = dict[tuple[str, str], list[float]]
"""Further measurements of a contender, by name and unit."""
SPENT, MEMORY = ("processor time an order", "ms"), ("memory", "MB")
PATIENCE = 600.0


def throughput(
    make: Callable[[], Team],
    orders: int,
    seen: dict[str, Notes],
    who: str | None = None,
) -> Callable[[], float]:
    """A try: fresh workers, warmed up, held until all orders are on the queue.

    Further measurements go to ``seen``, under ``who`` or the contender's name.
    """

    def once() -> float:
        with make() as team:
            team.warm()
            found = team.throughput(orders, PATIENCE)
            notes = seen.setdefault(who or team.name, {})
            notes.setdefault(SPENT, []).append(team.spent)
            notes.setdefault(MEMORY, []).append(team.memory()[1])
            return found

    return once


def noted(case: str, seen: Mapping[str, Notes], *wanted: tuple[str, str]) -> list[Row]:
    """A row for each further measurement that is ``wanted``, and each contender."""
    return [
        Row(f"{case}, {what}", who, unit, notes[what, unit])
        for what, unit in wanted
        for who, notes in seen.items()
    ]


def bare(stage: Stage, provider: str, orders: int, batch: int, threads: int) -> float:
    """Measure the bare loop, in orders a second."""
    command = [str(PEERS / "python"), "-m", "bench.peers.bare", provider]
    numbers = [str(number) for number in (FIRST, orders, batch, threads)]
    env = {"BENCH_PROVIDER": stage.provider.url, "PYTHONPATH": str(ROOT)}
    ended = subprocess.run(
        [*command, *numbers], env=env, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise BenchError(f"the bare loop: {ended.stderr[-1000:]}")
    return orders / float(ended.stdout)


def say(words: str) -> None:
    """Print a progress message to standard error."""
    print(words, file=sys.stderr, flush=True)


def _logged(
    case: str, name: str, unit: str, one: Callable[[], float]
) -> Callable[[], float]:
    def once() -> float:
        value = one()
        say(f"  {case}, {name}: {value:,.4g} {unit}")
        return value

    return once
