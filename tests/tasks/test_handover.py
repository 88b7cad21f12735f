"""New orders go straight to the child that serves their provider, whoever dies."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import text

from chaos import points
from chaos.points import Armoury
from ledger.database import reading, writing
from sandbox import Sandbox
from tests.tasks.conftest import Running, accounts_toml, start, until
from worker.supervisor import Program
from worker.system import System

BEGINS = "INSERT INTO begun VALUES (new.order_id, new.state);"
WATCH = (
    "CREATE TABLE begun (order_id TEXT, state TEXT)",
    f"CREATE TRIGGER begins AFTER INSERT ON cancellation BEGIN {BEGINS} END",
)
"""Notes the state in which each row is inserted, in the transaction that does it."""
_numbers = itertools.count(800_000_001)


class Mortal(System):
    """With a worker that dies where it is told to: see ``chaos.points``."""

    def _programs(self) -> Iterator[Program]:
        for one in super()._programs():
            words = list(one.command)
            if one.name == "worker":
                words[words.index("-A") + 1] = "chaos.app"
            env = {**one.env, points.FOLDER: str(self.home)}
            yield replace(one, command=tuple(words), env=env)


@pytest.fixture(scope="module")
def mortal(
    shared_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("handover")
    accounts = home / "accounts.toml"
    accounts.write_text(accounts_toml(shared_sandbox))
    accounts.chmod(0o600)
    with start(home, accounts, shared_sandbox, Mortal) as found:
        with writing(found.engine) as connection:
            for statement in WATCH:
                connection.execute(text(statement))
        yield found


def submit(running: Running, count: int) -> list[str]:
    orders = [str(next(_numbers)) for _ in range(count)]
    running.sandbox.seed("iletimerkezi", orders, "scheduled")
    running.submit(*({"provider": "iletimerkezi", "order": one} for one in orders))
    return orders


def begun(running: Running, order: str) -> str:
    """The state in which it came into the ledger."""
    chosen = text("SELECT state FROM begun WHERE order_id = :order")
    with reading(running.engine) as connection:
        return str(connection.execute(chosen, {"order": order}).scalar_one())


def all_are_cancelled_once(running: Running, orders: list[str]) -> None:
    for order in orders:
        record = running.ends(f"iletimerkezi/default/{order}")
        assert record["state"] == "cancelled", record
        acted = [e["acted"] for e in running.events("iletimerkezi", order, "cancel")]
        # After the one that acted, none was sent.
        assert acted.count(True) == 1
        assert acted[-1], acted


def test_an_order_comes_into_the_ledger_as_it_is_about_to_be_sent(
    sandbox: Sandbox, mortal: Running
) -> None:
    del sandbox
    for _ in range(20):
        [order] = submit(mortal, 1)
        all_are_cancelled_once(mortal, [order])
        if begun(mortal, order) == "sending":
            break
        # Nobody served yet, or a turn was just over.
    assert begun(mortal, order) == "sending"
    path = f"iletimerkezi/default/{order}"
    history = mortal.record(path)["history"]
    steps = [(step["from"], step["to"]) for step in history]
    assert steps == [(None, "queued"), ("queued", "sending"), ("sending", "cancelled")]
    assert sorted(step["at"] for step in history) == [step["at"] for step in history]


@pytest.mark.parametrize("point", ["keeping", "handed-over"])
def test_whoever_is_killed_while_orders_are_handed_over_loses_and_doubles_none(
    sandbox: Sandbox, mortal: Running, point: str
) -> None:
    del sandbox
    armoury, orders = Armoury(mortal.system.home), list[str]()
    armoury.arm(point, "child")

    def somebody_died() -> bool:
        orders.extend(submit(mortal, 3))
        all_are_cancelled_once(mortal, orders[-1:])
        return point in [where for _, where, _ in armoury.deaths()]

    until(somebody_died, f"a death at {point}")
    all_are_cancelled_once(mortal, orders)
