"""``python -m bench``: measures the answers to the questions, and writes them."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

from bench.bench_plan import Plan, say
from bench.markdown_tables import markdown
from bench.processes import BATCHES, PEERS, ROOT, BenchError
from bench.questions import QUESTIONS, WITH_PEERS
from bench.result_pages import publish, write
from bench.results import machine
from bench.stage import DATABASES, Services

ROUNDS, QUICK_ROUNDS = 3, 1


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    made.add_argument("questions", nargs="*", metavar="QUESTION", default=[])
    made.add_argument("--database", choices=DATABASES, action="append", default=[])
    made.add_argument("--quick", action="store_true", help="fewer orders, one round")
    made.add_argument("--rounds", type=int, help=f"{ROUNDS}, or {QUICK_ROUNDS} quickly")
    made.add_argument(
        "--orders", type=int, help="number of orders, in place of each question's own"
    )
    made.add_argument("--to", type=Path, default=ROOT / "build" / "bench")
    made.add_argument(
        "--publish", action="store_true", help="write into docs/benchmarks"
    )
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and write JSON, Markdown and SVG. Returns 1 if a question failed,
    2 for a wrong command line."""
    options = parser().parse_args(argv)
    unknown = sorted(set(options.questions) - set(QUESTIONS))
    if unknown:
        say(f"bench: no such question: {', '.join(unknown)}; there are {_names()}")
        return 2
    asked = [name for name in QUESTIONS if name in options.questions] or [*QUESTIONS]
    if WITH_PEERS.intersection(asked) and not _peers_are_there():
        say("bench: the peers are not installed: run `make bench`")
        return 2
    signal.signal(signal.SIGTERM, _stop)
    with Services() as services:
        plan = Plan(
            services,
            options.database or DATABASES,
            options.quick,
            options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS),
            options.orders,
        )
        failed = [n for n in asked if not _ask(n, plan, options.to, options.publish)]
    return 1 if failed else 0


def _ask(name: str, plan: Plan, folder: Path, published: bool) -> bool:
    say(f"{name} …")
    before = machine(os.getloadavg()[0])
    try:
        result = QUESTIONS[name](plan)
    except BenchError as error:
        say(f"bench: {name} could not be measured: {error}")
        return False
    except Exception:  # noqa: BLE001  (the other questions go on)
        say(f"bench: {name} could not be measured: {traceback.format_exc()}")
        return False
    result.machine.update(before)
    print(f"## {result.title}\n\n{markdown(result)}", flush=True)
    write(result, folder)
    if published:
        publish(result)
    return True


def _peers_are_there() -> bool:
    return all((place / "python").exists() for place in (PEERS, BATCHES))


def _names() -> str:
    return ", ".join(QUESTIONS)


def _stop(_number: int, _frame: FrameType | None) -> None:
    # The context managers end all processes on the way out.
    raise SystemExit(143)


if __name__ == "__main__":
    sys.exit(main())
