"""What is killed, emptied or locked may delay a cancellation, never falsify it."""

from __future__ import annotations

import itertools
import os
import signal
import sqlite3
from collections.abc import Iterator

import pytest

from sandbox import Sandbox
from tests.tasks.conftest import Running, accounts_toml, start, until

_numbers = itertools.count(700_000_001)


@pytest.fixture(scope="module")
def own_system(
    shared_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("crashes")
    accounts = home / "accounts.toml"
    accounts.write_text(accounts_toml(shared_sandbox))
    accounts.chmod(0o600)
    with start(home, accounts, shared_sandbox) as found:
        yield found


def submit_messages(running: Running, count: int) -> list[str]:
    orders = [str(next(_numbers)) for _ in range(count)]
    running.sandbox.seed("iletimerkezi", orders, "scheduled")
    running.submit(*({"provider": "iletimerkezi", "order": one} for one in orders))
    return orders


def all_are_cancelled_once(running: Running, orders: list[str]) -> None:
    for order in orders:
        record = running.ends(f"iletimerkezi/default/{order}")
        assert record["state"] == "cancelled", record
        assert running.sandbox.order("iletimerkezi", order)["truth"] == "cancelled"
        acted = [e["acted"] for e in running.events("iletimerkezi", order, "cancel")]
        # After the one that acted, none was sent.
        assert acted.count(True) == 1
        assert acted[-1], acted


def answered(running: Running, order: str) -> bool:
    events = running.events("iletimerkezi", order, "cancel")
    return any(event["answered"] for event in events)


def children(running: Running) -> list[int]:
    stats = running.producer.control.inspect(timeout=3).stats() or {}
    return [pid for one in stats.values() for pid in one["pool"]["processes"]]


def some_are_under_way(running: Running, orders: list[str]) -> None:
    path = f"iletimerkezi/default/{orders[0]}"
    until(lambda: running.record(path)["state"] in ("sending", "verifying"), path)


def test_a_child_killed_in_the_middle_of_its_calls(
    sandbox: Sandbox, own_system: Running
) -> None:
    # The answers come late, so that there is a middle to be killed in.
    sandbox.settings(latency_ms={"iletimerkezi": 800.0})
    orders = submit_messages(own_system, 10)
    some_are_under_way(own_system, orders)
    for pid in children(own_system):
        os.kill(pid, signal.SIGKILL)
    sandbox.settings(latency_ms={"iletimerkezi": 0.0})
    all_are_cancelled_once(own_system, orders)


def test_a_worker_killed_whole(sandbox: Sandbox, own_system: Running) -> None:
    sandbox.settings(latency_ms={"iletimerkezi": 800.0})
    orders = submit_messages(own_system, 10)
    some_are_under_way(own_system, orders)
    os.kill(own_system.system.pids["worker"], signal.SIGKILL)
    sandbox.settings(latency_ms={"iletimerkezi": 0.0})
    all_are_cancelled_once(own_system, orders)


def test_a_redis_killed_and_restarted_with_its_data(
    sandbox: Sandbox, own_system: Running
) -> None:
    sandbox.settings(latency_ms={"iletimerkezi": 100.0})
    orders = submit_messages(own_system, 30)
    some_are_under_way(own_system, orders)
    os.kill(own_system.system.pids["redis"], signal.SIGKILL)
    all_are_cancelled_once(own_system, orders)


def test_beat_killed(sandbox: Sandbox, own_system: Running) -> None:
    del sandbox
    os.kill(own_system.system.pids["beat"], signal.SIGKILL)
    all_are_cancelled_once(own_system, submit_messages(own_system, 3))


def test_a_ledger_locked_while_answers_come_in(
    sandbox: Sandbox, own_system: Running
) -> None:
    sandbox.settings(latency_ms={"iletimerkezi": 300.0})
    orders = submit_messages(own_system, 10)
    some_are_under_way(own_system, orders)
    path = own_system.system.settings.database.removeprefix("sqlite:///")
    with sqlite3.connect(path, timeout=10, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        first = orders[0]
        until(lambda: answered(own_system, first), "an answer to find it locked")
        other.execute("ROLLBACK")
    all_are_cancelled_once(own_system, orders)
