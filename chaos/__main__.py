"""``python -m chaos``: run Rescind while its services, workers and providers fail.

Exit status 0 if every run was good; 1 if a run was not, for example because a
cancellation was lost, untrue or sent twice; 2 if a run cannot be made.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from chaos.databases import DATABASES
from chaos.former_release import NoFormerReleaseError
from chaos.mutations import MUTATIONS
from chaos.run import run
from chaos.scales import LONG, SEED, SHORT
from chaos.way import USUAL
from chaos.ways import WAYS


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    made.add_argument(
        "way", nargs="?", choices=tuple(WAYS), default=USUAL, help="its servers"
    )
    made.add_argument("--database", choices=(*DATABASES, "both"), default="both")
    made.add_argument(
        "--short", action="store_true", help="500 orders, about two minutes"
    )
    made.add_argument("--seed", type=int, default=SEED)
    made.add_argument(
        "--mutation", choices=tuple(MUTATIONS), help="break Rescind in this way"
    )
    made.add_argument(
        "--json", type=Path, metavar="FOLDER", help="write JSON reports here"
    )
    made.add_argument(
        "--keep", action="store_true", help="keep the logs and the ledger"
    )
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run on each chosen database and print each report; return the exit status."""
    options = parser().parse_args(argv)
    kinds = _databases(options.way, options.database)
    try:
        made = [_is_good(kind, options) for kind in kinds]
        return 0 if all(made) else 1
    except NoFormerReleaseError as error:
        print(f"chaos: {error}", file=sys.stderr)
        return 2


def _is_good(kind: str, options: argparse.Namespace) -> bool:
    """Run on one database, and print the report."""
    scale = SHORT if options.short else LONG
    report = run(kind, scale, options.seed, options.mutation, options.keep, options.way)
    print(report.text(), flush=True)
    if options.json:
        options.json.mkdir(parents=True, exist_ok=True)
        (options.json / f"{kind}.json").write_text(report.document())
    return not report.failings


def _databases(way: str, chosen: str) -> tuple[str, ...]:
    """The databases to run on; ends the program if the way has none of them."""
    known = WAYS[way].databases
    found = known if chosen == "both" else tuple({chosen} & {*known})
    if not found:
        parser().error(f"{way} does not run on {chosen}")
    return found


if __name__ == "__main__":
    sys.exit(main())
