"""Where Rescind's time goes: ``python -m bench.profile bulk --database sqlite``.

Intake and pump run in one process here, one after the other and without Celery, so
that nothing waits for another process; py-spy looks at the main thread and at those
that call. Shown is the share of samples in which a function of ours was running, or
something that it had called.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from bench.contenders import FIRST, Rescind, Setup
from bench.processes import PEERS, ROOT, BenchError
from bench.stage import DATABASES, Services

if TYPE_CHECKING:
    from worker.hand import Hand

OURS = re.compile(rf"{re.escape(str(ROOT))}/((?:ledger|providers|worker)/.*)")
LEAST = 0.02
PLANS: dict[str, tuple[str, int, float, dict[str, Any]]] = {
    # Provider, orders, latency, policy.
    "bulk": ("ithink", 50_000, 0.0, {"rate": "none"}),
    "single": ("iletimerkezi", 5_000, 0.0, {"rate": "none", "concurrency": 8}),
    "slow": ("iletimerkezi", 5_000, 0.05, {"rate": "none", "concurrency": 64}),
}


def shares(stacks: Iterable[str]) -> list[tuple[str, float, float]]:
    """Functions of ours, each with its share of the samples, and its own share.

    A stack is ``outer (file:line);…;inner (file:line) COUNT``. What a library does
    counts as its caller's own.
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


def work(provider: str, orders: int) -> Iterator[tuple[str, float]]:
    """Take orders in and cancel them, in this process; processor seconds of each."""
    from ledger.arrivals import made_ready
    from worker.hand import Hand
    from worker.intake import MOST, as_new
    from worker.pump import Pump
    from worker.runtime import runtime, utc_now

    here, lane = runtime(), (provider, "default")
    entries = [{"provider": provider, "order": str(FIRST + n)} for n in range(orders)]
    began = time.process_time()
    offers = deque[str]()
    for at in range(0, orders, MOST):
        now, some = utc_now(), entries[at : at + MOST]
        new = [as_new(entry, here.accounts, here.seal, now) for entry in some]
        offers.append(made_ready(new, now).as_text())
    yield "intake", time.process_time() - began
    began = time.process_time()
    hand = Hand(lane, lambda: _offer(hand, offers))
    _offer(hand, offers)
    Pump(here, lane, "cancel", here.accounts.lane(lane), hand).run(lambda: True)
    yield "pump", time.process_time() - began


def _offer(hand: Hand, left: deque[str]) -> None:
    """What another child would offer next; nobody waits for the answer here."""
    from ledger.arrivals import from_text
    from worker.handoff import Offer

    if left:
        ours, theirs = socket.socketpair()
        hand.add(Offer(from_text(left.popleft()), ours))
        theirs.close()


def record(kind: str, name: str) -> tuple[dict[str, float], list[str]]:
    """Seconds of each part, and the stacks that were seen."""
    provider, orders, latency, policy = PLANS[name]
    with Services() as services:
        stage = services.stage(kind, latency=latency)
        team = Rescind(stage, provider, Setup(policy))
        team.prepare()
        raw = stage.home / "stacks"
        spy = [str(PEERS / "py-spy"), "record", "--format", "raw", "--rate", "200"]
        how = ["--full-filenames", "--nonblocking", "--output", str(raw), "--"]
        command = [sys.executable, "-m", "bench.profile", "work", provider, str(orders)]
        env = {**os.environ, **team.settings(), "PYTHONPATH": str(ROOT)}
        ended = subprocess.run(
            [*spy, *how, *command], env=env, capture_output=True, text=True, check=False
        )
        if not raw.exists():
            raise BenchError(f"py-spy: {ended.stderr[-1000:]}{ended.stdout[-1000:]}")
        said = next(x for x in ended.stdout.splitlines() if x.startswith("{"))
        return json.loads(said), raw.read_text().splitlines()


def main() -> int:
    """Print the table."""
    if sys.argv[1:2] == ["work"]:
        print(json.dumps(dict(work(sys.argv[2], int(sys.argv[3])))))
        return 0
    parser = argparse.ArgumentParser(prog="python -m bench.profile")
    parser.add_argument("path", choices=tuple(PLANS))
    parser.add_argument("--database", choices=DATABASES, default="sqlite")
    options = parser.parse_args()
    seconds, stacks = record(options.database, options.path)
    orders = PLANS[options.path][1]
    for part, took in seconds.items():
        each = took / orders * 1e6
        print(f"{part}: {orders / took:,.0f} orders/s, {each:.0f} µs each")
    print("\n| function | share | of its own |\n| --- | ---: | ---: |")
    for name, within, own in shares(stacks):
        if within >= LEAST:
            print(f"| `{name}` | {within:.0%} | {own:.0%} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
