"""A worker that is killed at any step delays orders, but neither loses nor repeats one.

``make chaos`` kills at more points, at random, while other things fail too.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator

import pytest

from chaos.points import KILL, Failpoints
from chaos.scales import POINTS
from rescind.sandbox import Sandbox
from tests.tasks.conftest import QUICK, Running, accounts_toml, start, until
from tests.tasks.mortal import Mortal
from tests.tasks.traps.acts import a_while_passes
from worker.intake_channel import VISIBILITY_SECONDS

STEPS = (
    "sweeping",
    "committing",
    "claimed",
    "granted",
    "calling",
    "answered",
    "done",
)
"""A point for each state between the queue and the end. The sweep's point is the
first, since its lease has to run out."""
PACE_SECONDS = 0.5
"""Seconds between two messages."""
_numbers = itertools.count(800_000_001)


@pytest.fixture(scope="module")
def mortal(
    shared_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("kills")
    accounts = home / "accounts.toml"
    base = shared_sandbox.base_url("iletimerkezi")
    rate = QUICK.replace('\nrate = "none"', '\nrate = "100/second"')
    limited = f'\n[iletimerkezi.limited]\nkey = "a"\nhash = "b"\nbase_url = "{base}"'
    accounts.write_text(accounts_toml(shared_sandbox) + limited + rate)
    accounts.chmod(0o600)
    with start(home, accounts, shared_sandbox, Mortal) as found:
        yield found
        found.system.kill()


def submit(running: Running) -> list[str]:
    """An order to send at once, one in a lane with a rate, and one for later."""
    orders = [str(next(_numbers)) for _ in range(3)]
    running.sandbox.seed("iletimerkezi", orders, "scheduled")
    kinds = [{}, {"account": "limited"}, {"not_before": "+1s"}]
    running.submit(
        *(
            {"provider": "iletimerkezi", "order": order, **kind}
            for order, kind in zip(orders, kinds, strict=True)
        )
    )
    accounts = [kind.get("account", "default") for kind in kinds]
    pairs = zip(accounts, orders, strict=True)
    return [f"iletimerkezi/{account}/{order}" for account, order in pairs]


def kill_a_worker(running: Running, point: str) -> list[str]:
    """Submit until a worker has died at the point; gives back all paths."""
    failpoints, submitted = Failpoints(running.system.home), list[str]()
    next_at = 0.0

    def has_died() -> bool:
        nonlocal next_at
        if time.monotonic() >= next_at:
            # Wait between messages, so that each can reach the point.
            submitted.extend(submit(running))
            next_at = time.monotonic() + PACE_SECONDS
        return point in [where for _, where, _ in failpoints.deaths()]

    failpoints.arm(point, KILL)
    until(has_died, f"a worker at {point}")
    return submitted


def test_a_worker_that_is_killed_at_each_step_loses_nothing(
    sandbox: Sandbox, mortal: Running
) -> None:
    del sandbox
    assert set(STEPS) <= set(POINTS)
    submitted = [path for step in STEPS for path in kill_a_worker(mortal, step)]
    # Shorten the time until the killed worker's messages come back.
    a_while_passes(mortal, VISIBILITY_SECONDS)
    for path in submitted:
        record = mortal.ends(path)
        assert record["state"] == "cancelled", record
        events = mortal.events("iletimerkezi", record["order"], "cancel")
        acted = [event["acted"] for event in events]
        assert acted.count(True) == 1, acted
        assert acted[-1], "after the one that acted, none was sent"
