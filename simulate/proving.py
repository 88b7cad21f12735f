"""``python -m simulate.proving``: checks that random worlds notice each mutation.

Applies one mutation after the other, and prints the first seed that notices it. Exit
status 0 if some world noticed each of them.
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
"""Most worlds in which one mutation is tried."""
WARM = 1
"""The seed of a world that runs before all mutations, and uses most statements."""


def main(argv: Sequence[str] | None = None) -> int:
    made = argparse.ArgumentParser(prog="python -m simulate.proving")
    made.add_argument("--mutation", choices=sorted(MUTATIONS), action="append")
    made.add_argument("--worlds", type=int, default=MOST)
    made.add_argument("--known", action="store_true", help="only the worlds of KNOWN")
    options = made.parse_args(argv)
    # The processes below inherit the empty ledger and its compiled statements.
    run(scenario(WARM))
    noticed = []
    for one in options.mutation or MUTATIONS:
        seeds = [KNOWN[one]] if options.known else range(options.worlds)
        said = _first_to_notice(one, seeds)
        print(f"{one:<17}{said or 'NOT NOTICED'}", flush=True)
        noticed.append(said is not None)
    print(f"{sum(noticed)} of {len(noticed)} noticed")
    return 0 if all(noticed) else 1


def _first_to_notice(mutation: str, seeds: Iterable[int]) -> str | None:
    """The first offence of the first world that notices, in words. It runs in a process
    of its own, since a mutation cannot be undone."""
    here, there = multiprocessing.Pipe(duplex=False)
    context = multiprocessing.get_context("fork")
    process = context.Process(target=_try, args=(mutation, seeds, there))
    process.start()
    there.close()
    said: str | None = here.recv()
    process.join()
    return said


def _try(mutation: str, seeds: Iterable[int], results: Connection) -> None:
    MUTATIONS[mutation]()
    for seed in seeds:
        if wrong := run(scenario(seed)).offences:
            results.send(f"seed {seed}: {wrong[0]}")
            return
    results.send(None)


if __name__ == "__main__":
    sys.exit(main())
