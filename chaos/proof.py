"""``python -m chaos.proof``: check that a run notices each mutation of Rescind.

Applies one mutation after the other. Each run has to report the kinds of offence that
``CAUGHT_BY`` names for it. Exit status 0 if every run did, 1 otherwise.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from chaos.chaos_report import KINDS
from chaos.databases import DATABASES
from chaos.mutations import (
    CAUGHT_BY,
    MUTATIONS,
    SHOWN_IN_CALM,
    SHOWN_WITHOUT_KILLS,
)
from chaos.run import run
from chaos.scales import CALM, PROOF, SEED, STEADY, Scale


def noticed(database: str, mutation: str, seed: int) -> bool:
    """Run with one mutation; return whether the expected offences were reported."""
    scale = _scale_for(mutation)
    report = run(database, scale, seed, mutation)
    good = CAUGHT_BY[mutation] <= report.caught
    found = ", ".join(
        f"{KINDS[kind]} {len(report.offences[kind])}" for kind in sorted(report.caught)
    )
    verdict = "noticed" if good else "NOT NOTICED"
    print(f"{database:<11}{mutation:<19}{verdict}: {found or 'nothing'}", flush=True)
    return good


def _scale_for(mutation: str) -> Scale:
    if mutation in SHOWN_WITHOUT_KILLS:
        return STEADY
    return CALM if mutation in SHOWN_IN_CALM else PROOF


def main(argv: Sequence[str] | None = None) -> int:
    """Run every chosen mutation on every chosen database; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m chaos.proof", description=__doc__)
    parser.add_argument("--database", choices=DATABASES, action="append")
    parser.add_argument("--mutation", choices=tuple(MUTATIONS), action="append")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(argv)
    results = [
        noticed(database, mutation, options.seed)
        for database in options.database or DATABASES
        for mutation in options.mutation or MUTATIONS
    ]
    print(f"{sum(results)} of {len(results)} noticed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
