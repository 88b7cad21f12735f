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
from typing import Any

from bench.processes import PEERS, ROOT, BenchError
from bench.rescind import Rescind, Setup
from bench.stage import DATABASES, Services
from bench.team import FIRST
from ledger.arrivals import Arrivals, from_text, made_ready
from worker.hand import Hand
from worker.handoff import Offer
from worker.intake import MOST, as_new
from worker.pump import Pump
from worker.runtime import runtime, utc_now

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

    here, lane = runtime(), (provider, "default")
    accounts, config = here.accounts, here.accounts.lane(lane)
    entries = [{"provider": provider, "order": str(FIRST + n)} for n in range(orders)]
    began = time.process_time()
    ready = deque[Arrivals]()
    for at in range(0, orders, MOST):
        now, some = utc_now(), entries[at : at + MOST]
        new = [as_new(entry, accounts, here.seal, now) for entry in some]
        ready.append(from_text(made_ready(new, now).as_text()))
    yield "intake", time.process_time() - began
    began = time.process_time()
    offers = Offers(ready)
    hand = offers.hand = Hand(lane, offers.again)
    offers.again()
    Pump(here, lane, "cancel", config, hand).run(lambda: True)
    yield "pump", time.process_time() - began


class Offers:
    """What another child would offer, one after the other, until all is kept."""

    hand: Hand

    def __init__(self, ready: deque[Arrivals]) -> None:
        self._ready = ready
        self._pipe: socket.socket | None = None

    def again(self) -> None:
        """Read the answer to the former offer, and make the next one."""
        if self._pipe is not None:
            with self._pipe:
                not_kept = frozenset(json.loads(self._pipe.recv(1_000_000)))
            former = self._ready.popleft()
            if not_kept:
                self._ready.appendleft(former.only(not_kept))
            self._pipe = None
        if self._ready:
            ours, self._pipe = socket.socketpair()
            self.hand.add(Offer(self._ready[0], ours))


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
