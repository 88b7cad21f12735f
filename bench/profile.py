"""Shows where a worker's time goes: ``python -m bench.profile bulk --database sqlite``.

py-spy samples a real worker from outside, with all its threads and processes, from the
moment when all messages are on the queue to the last final state. The table shows the
share of samples in which a function of ours, or a function that it had called, was
running. Waiting threads are not sampled.
"""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from typing import Any

from bench.processes import PEERS, ROOT, BenchError
from bench.rescind_contender import Rescind, Setup
from bench.stage import DATABASES, Services

OURS = re.compile(rf"{re.escape(str(ROOT))}/((?:rescind|providers|worker|tasks)/.*)")
LEAST = 0.02
PATIENCE = 600.0
PLANS: dict[str, tuple[str, int, float, dict[str, Any]]] = {
    # Provider, orders, latency, policy.
    "bulk": ("ithink", 200_000, 0.0, {"rate": "none"}),
    "single": ("iletimerkezi", 20_000, 0.0, {"rate": "none", "concurrency": 8}),
    "slow": ("iletimerkezi", 20_000, 0.05, {"rate": "none", "concurrency": 128}),
}


def shares(stacks: Iterable[str]) -> list[tuple[str, float, float]]:
    """Our functions, each with its share of the samples, and its own share.

    A stack is ``outer (file:line);…;inner (file:line) COUNT``. A library's
    time counts as its caller's own.
    """
    within: Counter[str] = Counter()
    own: Counter[str] = Counter()
    for line in stacks:
        frames, _, number = line.rpartition(" ")
        ours = [name for name in map(_name, frames.split(";")) if name]
        if ours:
            within.update(dict.fromkeys(ours, int(number)))
            own[ours[-1]] += int(number)
    total = sum(own.values()) or 1
    found = [(name, many / total, own[name] / total) for name, many in within.items()]
    return sorted(found, key=lambda one: -one[1])


def _name(frame: str) -> str | None:
    name, _, where = frame.partition(" (")
    found = OURS.search(where)
    return f"{found[1].rpartition(':')[0]} {name}" if found else None


def record(kind: str, name: str) -> tuple[float, float, list[str]]:
    """Orders a second, processor time an order in ms, and the sampled stacks."""
    provider, orders, latency, policy = PLANS[name]
    with Services() as services:
        stage = services.stage(kind, latency=latency)
        raw = stage.home / "stacks"
        with Rescind(stage, provider, Setup(policy)) as team:
            team.warm()
            spy = _spy(team.groups[0].pids[0], str(raw))
            try:
                rate = team.throughput(orders, PATIENCE)
            finally:
                spy.send_signal(signal.SIGINT)
                _, said = spy.communicate(timeout=60)
        if not raw.exists():
            raise BenchError(f"py-spy: {said[-1000:]}")
        return rate, team.spent, raw.read_text().splitlines()


def _spy(pid: int, to: str) -> subprocess.Popen[str]:
    """Start py-spy for a worker and its children. It runs until it is interrupted."""
    how = ("--format", "raw", "--rate", "200", "--full-filenames", "--nonblocking")
    where = ("--subprocesses", "--output", to, "--pid", str(pid))
    command = [str(PEERS / "py-spy"), "record", *how, *where]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.profile")
    parser.add_argument("path", choices=tuple(PLANS))
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    options = parser.parse_args()
    rate, spent, stacks = record(options.database, options.path)
    print(f"{rate:,.0f} orders/s under py-spy, {1000 * spent:.0f} µs of processor each")
    print("\n| function | share | of its own |\n| --- | ---: | ---: |")
    for name, within, own in shares(stacks):
        if within >= LEAST:
            print(f"| `{name}` | {within:.0%} | {own:.0%} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
