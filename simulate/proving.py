"""``python -m simulate.proving``: whether random worlds notice when Rescind is broken.

Breaks it in one way after the other, and says which seed notices first. Exit status 0
if each was noticed by some world.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections.abc import Iterable, Sequence
from multiprocessing.connection import Connection

from simulate.breakages import KNOWN, MUTATIONS
from simulate.scenario import scenario
from simulate.simulator import run

MOST = 600
"""Worlds that one mutation is tried in."""


def main(argv: Sequence[str] | None = None) -> int:
    made = argparse.ArgumentParser(prog="python -m simulate.proving")
    made.add_argument("--mutation", choices=sorted(MUTATIONS), action="append")
    made.add_argument("--worlds", type=int, default=MOST)
    made.add_argument("--known", action="store_true", help="only in KNOWN worlds")
    options = made.parse_args(argv)
    noticed = []
    for one in options.mutation or MUTATIONS:
        seeds = [KNOWN[one]] if options.known else range(options.worlds)
        said = _first_to_notice(one, seeds)
        print(f"{one:<17}{said or 'NOT NOTICED'}", flush=True)
        noticed.append(said is not None)
    print(f"{sum(noticed)} of {len(noticed)} noticed")
    return 0 if all(noticed) else 1


def _first_to_notice(mutation: str, seeds: Iterable[int]) -> str | None:
    """In a process of its own: what is broken stays so."""
    here, there = multiprocessing.Pipe(duplex=False)
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_try, args=(mutation, seeds, there))
    process.start()
    there.close()
    said: str | None = here.recv()
    process.join()
    return said


def _try(mutation: str, seeds: Iterable[int], told: Connection) -> None:
    MUTATIONS[mutation]()
    for seed in seeds:
        if wrong := run(scenario(seed)).offences:
            told.send(f"seed {seed}: {wrong[0]}")
            return
    told.send(None)


if __name__ == "__main__":
    sys.exit(main())
