"""How much one provider that hangs delays the others: ``make isolation``.

notpanel answers no call until the caller's timeout, and a thousand cancellations wait
there. Meanwhile a producer submits single cancellations for the other four providers at
a steady pace. The time of each is measured from the producer's send to the moment when
the provider receives the call. Turns with and without the hang alternate, so that other
load on the machine affects both.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from celery import Celery
from sqlalchemy import Engine

from rescind.config.home import write_private
from rescind.config.times import utc_now
from rescind.demo.demo_setup import settings_in
from rescind.ledger.reading.backlogs import backlogs
from rescind.ledger.storage.transactions import open_ledger, reading
from rescind.sandbox import Sandbox, running
from rescind.system.local_system import System
from worker.broker import BROKER_OPTIONS

HANGING = "notpanel"
WAITING = 1000
HANG_SECONDS = 30
"""How long a hanging call occupies its caller: the accounts' ``read_timeout``."""
TURNS = ("alone", "beside", "alone", "beside")
PATIENCE = 180.0
ACCOUNTS = {
    "iletimerkezi": 'key = "a-key"\nhash = "a-hash"',
    "dukkango": 'app_secret_key = "an-app"\nrest_secret_key = "a-restaurant"',
    "akinon": 'username = "a-user"\npassword = "a-password"',
    "ithink": 'access_token = "an-access"\nsecret_key = "a-secret"',
    # Short delays: its open orders are read back soon, so that the next turn can begin.
    "notpanel": 'key = "a-key"\npoll_delays = [1]\nverify_delays = [1]\nrate = "none"'
    "\nactive_trusted_after = 1\nresend_delays = [1]\nbackoff = [1]",
}
STATES = {
    "iletimerkezi": "scheduled",
    "dukkango": "received",
    "akinon": "approved",
    "ithink": "manifested",
}
PARAMS: dict[str, dict[str, Any]] = {
    "dukkango": {"reason_id": 4},
    "akinon": {"is_all": True, "reasons": {"101": 2}},
}
_numbers = itertools.count(900_000_001)


@dataclass(frozen=True, slots=True)
class Stand:
    """The measured setup: the system, the providers and a producer."""

    sandbox: Sandbox
    producer: Celery
    engine: Engine

    def submit(self, *entries: dict[str, Any]) -> None:
        self.producer.send_task(
            "rescind.submit", kwargs={"cancellations": list(entries)}, queue="rescind"
        )

    def backlog(self) -> int:
        """How many cancellations at the hanging provider are open."""
        with reading(self.engine) as connection:
            found = backlogs(connection, utc_now()).get((HANGING, "default"))
        return 0 if found is None else sum(found.by_state.values())

    def hanging_calls(self) -> int:
        return int(self.sandbox.calls()["calls"][HANGING].get("cancel", 0))


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print; the exit status is 0 if the target was met, 1 if not."""
    parser = argparse.ArgumentParser(prog="isolation", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=30.0, help="length of each turn"
    )
    parser.add_argument(
        "--pace", type=float, default=10.0, help="submissions per second"
    )
    parser.add_argument("--most", type=float, default=1.5, help="ratio of the p99s")
    given = parser.parse_args(argv)
    found: dict[str, list[float]] = {name: [] for name in TURNS}
    with _stand() as stand:
        _stream(stand, 4, given.pace)
        for name in TURNS:
            count = math.ceil(given.seconds * given.pace)
            with _hanging(stand) if name == "beside" else _alone():
                took = _stream(stand, count, given.pace)
            found[name] += took
            print(_line(name, took), flush=True)
    ratio = _percentile(found["beside"], 99) / _percentile(found["alone"], 99)
    for name, took in found.items():
        print(_line(f"{name}, all", took))
    print(f"ratio of the p99s {ratio:.2f} (at most {given.most:g})")
    return 0 if ratio <= given.most else 1


@contextmanager
def _stand() -> Iterator[Stand]:
    with (
        tempfile.TemporaryDirectory(prefix="rescind-isolation-") as folder,
        running(auto=False, notpanel_limit=0, settle=0.2, lag=0) as sandbox,
    ):
        home = Path(folder)
        write_private(home / "accounts.toml", _accounts(sandbox))
        with System(settings_in(home), flower_port=None) as system:
            producer = Celery(broker=system.redis_url)
            producer.conf.broker_transport_options = BROKER_OPTIONS
            engine = open_ledger(system.settings.database)
            yield Stand(sandbox, producer, engine)
            engine.dispose()


def _accounts(sandbox: Sandbox) -> str:
    tables = []
    for name, credentials in ACCOUNTS.items():
        base = sandbox.base_url(name)
        track = f'track_url = "{base}"\n' if name == "ithink" else ""
        tables.append(
            f'[{name}.default]\n{credentials}\nbase_url = "{base}"\n{track}'
            f"read_timeout = {HANG_SECONDS}\n"
        )
    return "\n".join(tables)


@contextmanager
def _alone() -> Iterator[None]:
    yield


@contextmanager
def _hanging(stand: Stand) -> Iterator[None]:
    """Calls hang, and more cancellations wait behind them, until the block ends."""
    orders = [f"ord_{next(_numbers)}" for _ in range(WAITING)]
    stand.sandbox.seed(HANGING, orders, "pending")
    before = stand.hanging_calls()
    stand.sandbox.settings(hang=[HANGING])
    stand.submit(*({"provider": HANGING, "order": one} for one in orders))
    _until(lambda: stand.hanging_calls() > before, "a call that hangs")
    yield
    if not stand.backlog():
        raise SystemExit("isolation: the backlog was empty: the result has no meaning")
    stand.sandbox.settings(hang=[])
    _until(lambda: not stand.backlog(), "the end of the backlog")


def _stream(stand: Stand, count: int, pace: float) -> list[float]:
    """Submit ``count`` orders, ``pace`` per second; return the seconds of each."""
    orders = _seeded(stand.sandbox, count)
    sent: dict[tuple[str, str], float] = {}
    began = time.monotonic()
    for number, (provider, order) in enumerate(orders):
        time.sleep(max(0.0, began + number / pace - time.monotonic()))
        entry = {
            "provider": provider,
            "order": order,
            "params": PARAMS.get(provider, {}),
        }
        sent[provider, order] = time.time()
        stand.submit(entry)
    _until(lambda: len(_received(stand.sandbox, sent)) == count, "the last call")
    received = _received(stand.sandbox, sent)
    return [received[order] - at for order, at in sent.items()]


def _seeded(sandbox: Sandbox, count: int) -> list[tuple[str, str]]:
    names = itertools.cycle(STATES)
    orders = [
        (name, _order(name)) for name, _ in zip(names, range(count), strict=False)
    ]
    for name, state in STATES.items():
        sandbox.seed(name, [one for provider, one in orders if provider == name], state)
    return orders


def _order(provider: str) -> str:
    return str(uuid.uuid4()) if provider == "dukkango" else str(next(_numbers))


def _received(
    sandbox: Sandbox, wanted: dict[tuple[str, str], float]
) -> dict[tuple[str, str], float]:
    """When the providers received the first cancel for each wanted order (epoch)."""
    found = {}
    for provider in STATES:
        for order in sandbox.orders(provider):
            cancels = [e["t"] for e in order["events"] if e["op"] == "cancel"]
            if cancels and (provider, order["id"]) in wanted:
                found[provider, order["id"]] = min(cancels)
    return found


def _until(condition: Callable[[], bool], what: str) -> None:
    give_up = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > give_up:
            raise SystemExit(f"isolation: waited in vain for {what}")
        time.sleep(0.1)


def _percentile(took: Sequence[float], percent: float) -> float:
    ranked = sorted(took)
    return ranked[math.ceil(len(ranked) * percent / 100) - 1]


def _line(name: str, took: Sequence[float]) -> str:
    middle, late = (_percentile(took, p) * 1000 for p in (50, 99))
    return f"{name:<12} p50 {middle:6.0f} ms   p99 {late:6.0f} ms   of {len(took)}"


if __name__ == "__main__":
    sys.exit(main())
