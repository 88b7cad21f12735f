"""``python -m bench.finding``: lists, filters and searches in a ledger of millions.

``fill`` and ``index`` make the ledger set-wise, in pieces, and go on where they were
stopped. ``ask`` prints times in ms; ``inserts`` prints what the indexes cost a worker.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine

from bench.finding_questions import ask
from bench.index_costs import inserts
from bench.large_fill import fill, index
from bench.large_ledger import KINDS, new_ledger, opened

STEPS = ("fill", "index", "ask", "inserts")


def main(argv: Sequence[str] | None = None) -> None:
    given = _arguments(argv)
    given.home.mkdir(parents=True, exist_ok=True)
    if given.step == "inserts":
        with new_ledger(given.database, given.home, "inserts") as (engine, url):
            inserts(engine, url)
        return
    with opened(given.database, given.home, "large") as (engine, _):
        _step(given.step, engine, given.rows)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    made = argparse.ArgumentParser(prog="python -m bench.finding", description=__doc__)
    made.add_argument("step", choices=STEPS)
    made.add_argument("--database", choices=KINDS, required=True)
    made.add_argument("--home", type=Path, required=True, help="an own folder")
    made.add_argument("--rows", type=int, default=5_000_000)
    return made.parse_args(argv)


def _step(step: str, engine: Engine, rows: int) -> None:
    if step == "fill":
        fill(engine, rows)
    elif step == "index":
        index(engine)
    else:
        ask(engine, rows)


if __name__ == "__main__":
    main()
