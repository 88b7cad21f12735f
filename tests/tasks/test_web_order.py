"""The example of a shop: one plan out, one webhook back, whichever step kills a worker.

Before each kill, the only worker is at work on the step that the test names.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import update

from chaos.points import KILL, Failpoints
from rescind.config.times import utc_now
from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.side_tables import DELIVERY
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import writing
from rescind.sandbox import Sandbox
from rescind.sandbox.login_tokens import STATIC
from tests.conftest import free_port
from tests.receivers import Heard, Receiver, receiving
from tests.tasks.conftest import WEBHOOK_SECRET, Running, accounts_toml, start, until
from tests.tasks.mortal import MortalAlone

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "examples" / "producers" / "web_order.py"
PLANS = ROOT / "plans.example.toml"
TOKEN = "shop-0123456789abcdef0123"
OPERATOR = "operator-0123456789abcdef"
ORDERS = {"1001": "manifested", "1002": "delivered"}
"""Two orders of the shop. The parcel of the second one cannot be stopped."""
AT_WORK = (State.SENDING, State.VERIFYING, State.REQUESTED)


@dataclass
class Shop:
    """The example program, with a database of its own."""

    running: Running
    receiver: Receiver
    database: Path
    port: int
    told: list[tuple[str, str]] = field(default_factory=list)
    """Id and type of each webhook that reached the program."""
    killed: bool = False
    """Whether a worker was killed before it got the program's answer."""

    def sells(self) -> None:
        """The orders, at the shop and at the simulated providers, to be cancelled."""
        with closing(sqlite3.connect(self.database)) as db, db:
            for number, parcel in ORDERS.items():
                values = json.dumps(values_of(number))
                add = "INSERT INTO orders (order_no, input, state) VALUES (?, ?, ?)"
                db.execute(add, (number, values, "cancelling"))
                for provider, (order, _) in steps_of(number).items():
                    states = {"ithink": parcel, "akinon": "approved"}
                    state = states.get(provider, "scheduled")
                    self.running.sandbox.seed(provider, [order], state)

    def run(self) -> None:
        """Run the program that submits."""
        words = [sys.executable, str(PROGRAM), str(self.database)]
        done = subprocess.run(words, env=self.environment(), check=True, timeout=60)
        assert done.returncode == 0

    def states(self) -> dict[str, str]:
        with closing(sqlite3.connect(self.database)) as db:
            return dict(db.execute("SELECT order_no, state FROM orders"))

    def environment(self) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("RESCIND_")}
        return {
            **clean,
            "RESCIND_URL": self.running.system.api_url or "",
            "RESCIND_TOKEN": TOKEN,
            "RESCIND_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "SHOP_URL": self.receiver.url,
        }

    def forward(self, sock: socket.socket, heard: Heard) -> None:
        """Give a webhook to the program, and its answer to the sender. The first one
        kills the worker that sent it, which does not get the answer."""
        first = not self.told
        self.told.append((heard.headers["webhook-id"], heard.document["type"]))
        url = f"http://127.0.0.1:{self.port}/"
        answer = requests.post(url, heard.body, headers=heard.headers, timeout=60)
        if first:
            os.kill(self.running.system.pids["worker"], signal.SIGKILL)
            self.killed = True
        else:
            sock.sendall(f"HTTP/1.1 {answer.status_code} -\r\n\r\n".encode())


def values_of(number: str) -> dict[str, Any]:
    """What the shop knows of an order: the input of its plan."""
    orders = {provider: order for provider, (order, _) in steps_of(number).items()}
    return {
        "order_no": number,
        "awb": orders["ithink"],
        "akinon_order": orders["akinon"],
        "reasons": {"101": 2},
        "sms": orders["iletimerkezi"],
    }


def steps_of(number: str) -> dict[str, tuple[str, str]]:
    """The order at each provider, and the path of its cancellation."""
    orders = {
        "ithink": f"8621001{number}",
        "akinon": f"2000{number}",
        "iletimerkezi": f"40000{number}",
    }
    return {p: (order, f"{p}/default/{order}") for p, order in orders.items()}


@pytest.fixture
def running(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Running]:
    # A cancel is on its way when its worker dies. A login before it would be instead.
    sandbox.settings(latency_ms=dict.fromkeys(steps_of("1001"), 60.0))
    accounts = tmp_path / "accounts.toml"
    accounts.write_text(accounts_toml(sandbox, akinon=f'token = "{STATIC}"'))
    accounts.chmod(0o600)
    shutil.copy(PLANS, tmp_path / "plans.toml")
    tokens = f"shop:submit+read:{TOKEN},desk:operate:{OPERATOR}"
    monkeypatch.setenv("RESCIND_API_TOKENS", tokens)
    monkeypatch.setenv("RESCIND_WEBHOOK_SECRET", WEBHOOK_SECRET)
    monkeypatch.setenv("RESCIND_WEBHOOK_HOSTS", "127.0.0.1:*")
    monkeypatch.setenv("RESCIND_WEBHOOK_PRIVATE", "true")
    with start(
        tmp_path, accounts, sandbox, MortalAlone, api_port=free_port(), concurrency=1
    ) as found:
        found.system.wait_for_api()
        yield found
        found.system.kill()


@pytest.fixture
def shop(running: Running, tmp_path: Path) -> Iterator[Shop]:
    with receiving() as receiver:
        found = Shop(running, receiver, tmp_path / "shop.db", free_port())
        receiver.answer = found.forward
        with program_receives(found):
            yield found


@contextmanager
def program_receives(shop: Shop) -> Iterator[None]:
    """The program that receives the webhooks, on the shop's port."""
    words = [sys.executable, str(PROGRAM), str(shop.database), str(shop.port)]
    process = subprocess.Popen(words, env=shop.environment())
    try:
        until(lambda: _listens(shop.port), "the shop")
        yield
    finally:
        process.terminate()
        process.wait(10)


def _listens(port: int) -> bool:
    with closing(socket.socket()) as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def a_worker_dies_at(point: str, running: Running) -> Iterator[None]:
    """The block makes a worker pass this point, which kills it. Its leases end."""
    failpoints = Failpoints(running.system.home)
    before = len(failpoints.deaths())
    failpoints.arm(point, KILL)
    yield
    until(lambda: len(failpoints.deaths()) > before, f"a worker at {point}")
    leases_end(running)


def leases_end(running: Running) -> None:
    """Let what the dead worker held be due, as after some seconds."""
    held, now = CANCELLATION.c.state.in_(AT_WORK), in_ms(utc_now())
    with writing(running.engine) as connection:
        connection.execute(update(CANCELLATION).where(held).values(due_at=now))
        lapsed = update(DELIVERY).where(DELIVERY.c.state == "waiting")
        connection.execute(lapsed.values(due_at=now))


def lane(running: Running, provider: str, action: str) -> None:
    url = f"{running.system.api_url}/v1/lanes/{provider}/default/{action}"
    headers = {"Authorization": f"Bearer {OPERATOR}"}
    requests.post(url, headers=headers, timeout=60).raise_for_status()


def ends(running: Running, provider: str) -> list[tuple[str, str]]:
    """State and reason of each order's step at this provider, when they have ended."""
    records = [running.ends(steps_of(number)[provider][1]) for number in ORDERS]
    return [(one["state"], one["reason"]) for one in records]


def test_a_plan_ends_truly_and_once_whatever_step_kills_a_worker(shop: Shop) -> None:
    running = shop.running
    for provider in ("akinon", "iletimerkezi"):
        lane(running, provider, "hold")
    shop.sells()

    with a_worker_dies_at("calling", running):  # the parcels may be stopped, or not
        shop.run()
    with a_worker_dies_at("writing", running):  # the steps after wait
        shop.run()
    with a_worker_dies_at("recorded", running):  # no worker knows
        pass
    assert [state for state, _ in ends(running, "ithink")] == ["cancelled", "rejected"]
    assert shop.states() == dict.fromkeys(ORDERS, "cancelling")

    with a_worker_dies_at("calling", running):  # the refund may be made, or not
        lane(running, "akinon", "resume")
    made, unwanted = ends(running, "akinon")
    assert (made[0], unwanted) == ("cancelled", ("withdrawn", "not_wanted"))

    with a_worker_dies_at("calling", running):  # the last step of both plans
        lane(running, "iletimerkezi", "resume")
    assert [state for state, _ in ends(running, "iletimerkezi")] == ["cancelled"] * 2
    until(lambda: shop.killed, "the first webhook, whose sender is killed")
    leases_end(running)

    until(lambda: "cancelling" not in shop.states().values(), "the shop is told")
    assert shop.states() == {"1001": "done", "1002": "partly"}
    until(lambda: len(shop.told) >= 3, "one of the webhooks came again")
    assert sorted(kind for _, kind in set(shop.told)) == ["plan.done", "plan.partly"]
    assert verdicts(running) == [("1001", "done"), ("1002", "partly")]
    assert_cancelled_once(running)


def verdicts(running: Running) -> list[tuple[str, str]]:
    """Key and verdict of each plan."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    url = f"{running.system.api_url}/v1/plans"
    plans = requests.get(url, headers=headers, timeout=60).json()["plans"]
    return sorted((plan["key"], plan["verdict"]) for plan in plans)


def assert_cancelled_once(running: Running) -> None:
    """The providers' own record: what each did, and what it was asked to do."""
    acted = {
        (number, provider): [event["acted"] for event in events].count(True)
        for number in ORDERS
        for provider, (order, _) in steps_of(number).items()
        for events in [running.events(provider, order, "cancel")]
    }
    untouched = {("1002", "ithink"), ("1002", "akinon")}
    assert {one for one, times in acted.items() if times == 0} == untouched
    assert max(acted.values()) == 1
    assert running.events("akinon", steps_of("1002")["akinon"][0], "cancel") == []
