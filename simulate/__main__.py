"""``python -m simulate``: runs random worlds, in each of which everything may fail.

Prints the seed of each world that fails, shrinks the first one, and prints what
happened in it. Exit status 0 if no world failed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

from simulate.breakages import MUTATIONS
from simulate.run_progress import Progress
from simulate.scenario import Scenario, scenario
from simulate.shrink import shrink
from simulate.simulator import run
from simulate.story import describe

WORLDS = 20_000
AT_ONCE = 50
"""Worlds that a process gets at once."""


def offences(seeds: Sequence[int]) -> list[tuple[int, list[str]]]:
    """The seeds whose worlds fail, each with what is wrong."""
    found = ((seed, run(scenario(seed)).offences) for seed in seeds)
    return [(seed, wrong) for seed, wrong in found if wrong]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the worlds that the options name. Returns the exit status."""
    made = argparse.ArgumentParser(prog="python -m simulate", description=__doc__)
    made.add_argument("--worlds", type=int, default=WORLDS)
    made.add_argument("--first", type=int, default=0, help="the first world's seed")
    made.add_argument("--seed", type=int, help="run one world, and print its events")
    made.add_argument("--whole", action="store_true", help="do not shrink the scenario")
    made.add_argument("--mutation", choices=sorted(MUTATIONS), help="break Rescind so")
    options = made.parse_args(argv)
    if options.mutation is not None:
        MUTATIONS[options.mutation]()
    if options.seed is not None:
        return _one(options.seed, whole=options.whole)
    return _many(range(options.first, options.first + options.worlds))


def _one(seed: int, *, whole: bool = False) -> int:
    outcome = run(scenario(seed))
    if outcome.offences and not whole:
        smaller = shrink(outcome.scenario, partial(_fails_by, outcome.kinds))
        print(f"seed {seed} fails; this part of its scenario is enough:\n")
        outcome = run(smaller)
    print(describe(outcome))
    return 1 if outcome.offences else 0


def _fails_by(kinds: frozenset[str], smaller: Scenario) -> bool:
    return bool(kinds & run(smaller).kinds)


def _many(seeds: range) -> int:
    began, failed = time.monotonic(), list[int]()
    progress = Progress(len(seeds), sys.stderr)
    for found in _parts(seeds):
        for seed, wrong in found.failing:
            failed.append(seed)
            progress.clear()
            print(f"seed {seed}: {wrong[0]}", flush=True)
        progress.add(found.worlds, len(failed))
    progress.clear()
    took = time.monotonic() - began
    print(f"{len(seeds)} worlds in {took:.0f} s, {len(failed)} failed", flush=True)
    if not failed:
        return 0
    print()
    return _one(failed[0]) or 1


@dataclass(frozen=True, slots=True)
class Part:
    """The worlds that one process has run."""

    worlds: int
    failing: Sequence[tuple[int, list[str]]]


def _parts(seeds: range) -> Iterator[Part]:
    parts = [seeds[start : start + AT_ONCE] for start in range(0, len(seeds), AT_ONCE)]
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        for part, found in zip(parts, processes.map(offences, parts), strict=True):
            yield Part(len(part), found)


if __name__ == "__main__":
    sys.exit(main())
