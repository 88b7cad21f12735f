"""Killed programs and locks may delay a cancellation, but never falsify it.

``test_kills`` kills workers.
"""

from __future__ import annotations

import itertools
import os
import signal
import sqlite3
from typing import Any

from rescind.sandbox import Sandbox
from tests.tasks.conftest import Running, until

_numbers = itertools.count(700_000_001)


def submit_messages(running: Running, count: int, **rest: Any) -> list[str]:
    orders = [str(next(_numbers)) for _ in range(count)]
    running.sandbox.seed("iletimerkezi", orders, "scheduled")
    entry = {"provider": "iletimerkezi", **rest}
    running.submit(*({**entry, "order": one} for one in orders))
    return orders


def all_are_cancelled_once(running: Running, orders: list[str]) -> None:
    for order in orders:
        record = running.ends(f"iletimerkezi/default/{order}")
        assert record["state"] == "cancelled", record
        assert running.sandbox.order("iletimerkezi", order)["truth"] == "cancelled"
        acted = [e["acted"] for e in running.events("iletimerkezi", order, "cancel")]
        # After the cancel that took effect, none was sent.
        assert acted.count(True) == 1
        assert acted[-1], acted


def answered(running: Running, order: str) -> bool:
    events = running.events("iletimerkezi", order, "cancel")
    return any(event["answered"] for event in events)


def test_beat_killed(sandbox: Sandbox, spare_system: Running) -> None:
    del sandbox
    os.kill(spare_system.system.pids["beat"], signal.SIGKILL)
    # Only a sweep finds them when they are due.
    later = submit_messages(spare_system, 3, not_before="+1s")
    all_are_cancelled_once(spare_system, later)


def test_a_ledger_locked_while_answers_come_in(
    sandbox: Sandbox, spare_system: Running
) -> None:
    sandbox.settings(latency_ms={"iletimerkezi": 300.0})
    orders = submit_messages(spare_system, 10)
    path = f"iletimerkezi/default/{orders[0]}"
    until(lambda: spare_system.record(path)["state"] == "sending", path)
    ledger = spare_system.system.settings.database.removeprefix("sqlite:///")
    with sqlite3.connect(ledger, timeout=10, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        first = orders[0]
        until(lambda: answered(spare_system, first), "an answer to find it locked")
        other.execute("ROLLBACK")
    all_are_cancelled_once(spare_system, orders)
