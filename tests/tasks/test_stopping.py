"""A stopping worker begins no call and ends in time; no order is sent twice."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from sqlalchemy import Engine, update

from rescind.browse.browsing import list_rows
from rescind.browse.wanted import Wanted
from rescind.config.home import write_private
from rescind.ledger.reading.queries import as_record
from rescind.ledger.states import State
from rescind.ledger.storage.migrate import upgrade
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import open_ledger, reading, writing
from rescind.sandbox import Sandbox
from rescind.sandbox import running as running_sandbox
from rescind.system.embedded_redis import EmbeddedRedis
from tests.system.test_up import Up, end
from tests.tasks.conftest import CREDENTIALS, QUICK, until

READ_TIMEOUT = 1.0
PATIENT = 30.0
"""``read_timeout`` of the accounts of the worker that is killed during its calls."""
GONE_WITHIN = READ_TIMEOUT + 5
SLACK = 4.0
"""Extra seconds for a busy machine."""
AT_ONCE = 8
"""Calls at once on one lane of iletiMerkezi."""
GRAIN = 0.25
WAYS = ("at-work", "cut-off", "killed")
"""While all is well; while neither ledger nor Redis answers; and while it waits for its
calls to end, as honcho does 5 s after the first signal."""
LATE = 60_000.0
"""Milliseconds until an answer: the cancel works, but its answer comes too late."""


def write_accounts(path: Path, sandbox: Sandbox, timeout: float) -> None:
    base = f'base_url = "{sandbox.base_url("iletimerkezi")}"'
    policy = QUICK.replace("read_timeout = 1", f"read_timeout = {timeout}")
    own = f"[iletimerkezi.default]\n{CREDENTIALS['iletimerkezi']}\n{base}{policy}"
    write_private(path, own)


class Stand:
    """A home with its own ledger, producer and orders."""

    def __init__(
        self, home: Path, sandbox: Sandbox, first: int, timeout: float = READ_TIMEOUT
    ) -> None:
        home.mkdir()
        self.home, self.sandbox = home, sandbox
        write_accounts(home / "accounts.toml", sandbox, timeout)
        self.orders = [str(number) for number in range(first, first + 3 * AT_ONCE)]
        self.engine: Engine = open_ledger(f"sqlite:///{home / 'ledger.db'}")
        self.stopped_at = 0.0
        sandbox.seed("iletimerkezi", self.orders, "scheduled")

    def submit(self, redis_url: str) -> None:
        entries = [{"provider": "iletimerkezi", "order": one} for one in self.orders]
        Celery(broker=redis_url).send_task(
            "rescind.submit", kwargs={"cancellations": entries}, queue="rescind"
        )

    def sent(self) -> list[float]:
        """The times at which the provider received cancel calls, by order."""
        found = self.sandbox.orders("iletimerkezi", self.orders)
        return [e["t"] for one in found for e in one["events"] if e["op"] == "cancel"]

    def is_busy(self) -> bool:
        return len(self.sent()) >= AT_ONCE

    def records(self) -> list[dict[str, Any]]:
        with reading(self.engine) as connection:
            rows = list_rows(connection, Wanted(), 1000)
        return [as_record(row) for row in rows if row.order_id in self.orders]

    def has_ended(self) -> bool:
        records = self.records()
        return bool(records) and all(one["finished_at"] for one in records)

    def begins_nothing_after_it_was_told_to_stop(self) -> None:
        assert all(at <= self.stopped_at + GRAIN for at in self.sent())
        waiting = [one for one in self.records() if not one["attempts"]]
        assert len(waiting) == len(self.orders) - len(self.sent()) > 0
        assert {one["state"] for one in waiting} == {"queued"}

    def all_is_true_and_sent_once(self) -> None:
        ends = {(one["state"], one["attempts"]) for one in self.records()}
        assert ends == {("cancelled", 1)}
        assert len(self.sent()) == len(self.orders)


class Worker(Stand):
    """A stand with its own Redis and ``celery -A worker worker``."""

    def __init__(
        self, home: Path, sandbox: Sandbox, first: int, timeout: float = READ_TIMEOUT
    ) -> None:
        super().__init__(home, sandbox, first, timeout)
        upgrade(self.engine)
        self.redis = EmbeddedRedis(home)
        self.redis.start()
        self.process: subprocess.Popen[bytes]
        self.took = 0.0

    def start(self, *options: str) -> None:
        env = {k: v for k, v in os.environ.items() if not k.startswith("RESCIND")}
        env |= {
            "RESCIND_HOME": str(self.home),
            "RESCIND_ACCOUNTS": str(self.home / "accounts.toml"),
            "RESCIND_REDIS_URL": self.redis.url,
        }
        command = (sys.executable, "-m", "worker", "worker")
        beat = ("--beat", "--schedule", str(self.home / "schedule"))
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *beat, *options],
                env=env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def log(self) -> Path:
        return self.home / "log"

    def tell_to_stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.stopped_at = time.time()

    def tell_all_to_stop(self) -> None:
        """Signal all of its processes twice, as a terminal, honcho and systemd do."""
        for _ in range(2):
            os.killpg(self.process.pid, signal.SIGTERM)
        self.stopped_at = time.time()

    def is_gone(self) -> bool:
        if self.process.poll() is None:
            return False
        self.took = self.took or time.time() - self.stopped_at
        return True

    def has_left_processes(self) -> bool:
        """Whether a process of its session still runs."""
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def close(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.redis.stop()
        self.engine.dispose()


@pytest.fixture(scope="module")
def providers() -> Iterator[Sandbox]:
    """A sandbox that is never reset: tests read calls from before a restart."""
    with running_sandbox(auto=False) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def workers(
    providers: Sandbox, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Worker]]:
    """Workers that were stopped during their calls, each in another way."""
    home = tmp_path_factory.mktemp("stopping")
    with ExitStack() as stack:
        providers.settings(latency_ms={"iletimerkezi": LATE})
        found = {}
        for number, name in enumerate(WAYS):
            timeout = PATIENT if name == "killed" else READ_TIMEOUT
            one = Worker(home / name, providers, 1000 * (number + 1), timeout)
            stack.callback(one.close)
            found[name] = one
            one.start()
            one.submit(one.redis.url)
        until(lambda: all(one.is_busy() for one in found.values()), "calls under way")
        with cut_off(found["cut-off"]):
            found["at-work"].tell_all_to_stop()
            found["cut-off"].tell_to_stop()
            killed = found["killed"]
            killed.tell_all_to_stop()
            until(lambda: "Warm shutdown" in killed.log.read_text(), "its word")
            os.killpg(killed.process.pid, signal.SIGKILL)
            until(lambda: are_gone(found.values()), "their ends")
        yield found


@contextmanager
def cut_off(one: Worker) -> Iterator[None]:
    """Its ledger is locked, and its Redis does not answer."""
    server = one.redis.pid
    assert server is not None
    with closing(sqlite3.connect(one.home / "ledger.db", isolation_level=None)) as lock:
        lock.execute("BEGIN IMMEDIATE")
        os.kill(server, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(server, signal.SIGCONT)
            lock.execute("ROLLBACK")


def are_gone(those: Iterable[Worker]) -> bool:
    return sum(not one.is_gone() for one in those) == 0


@pytest.mark.parametrize("way", WAYS)
def test_a_stopped_worker_ends_in_time_with_all_its_processes(
    workers: dict[str, Worker], way: str
) -> None:
    assert workers[way].took < GONE_WITHIN + SLACK
    # Its beat is one of these processes.
    until(lambda: not workers[way].has_left_processes(), "the end of all of them")


@pytest.mark.parametrize("way", WAYS)
def test_a_stopping_worker_begins_no_call(workers: dict[str, Worker], way: str) -> None:
    workers[way].begins_nothing_after_it_was_told_to_stop()


def test_no_order_is_sent_twice_once_workers_are_there_again(
    workers: dict[str, Worker], providers: Sandbox
) -> None:
    providers.settings(latency_ms={"iletimerkezi": 0.0})
    let_leases_run_out(workers["killed"].engine)
    for one in workers.values():
        one.start()
    until(lambda: all(one.has_ended() for one in workers.values()), "all ends")
    for one in workers.values():
        one.all_is_true_and_sent_once()


def let_leases_run_out(engine: Engine) -> None:
    """Let the leases run out, as they do after the accounts' longest call."""
    with writing(engine) as connection:
        held = CANCELLATION.c.state == State.SENDING
        connection.execute(update(CANCELLATION).where(held).values(due_at=1))


def test_a_worker_that_is_still_starting_can_be_stopped(
    providers: Sandbox, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        starting = Worker(tmp_path / "starting", providers, 10_000)
        waiting = Worker(tmp_path / "waiting", providers, 20_000)
        starting.submit(starting.redis.url)
        waiting.redis.stop()
        for one in (starting, waiting):
            stack.callback(one.close)
            one.start()
        until(lambda: has_threads(starting), "its first thread")
        starting.tell_to_stop()
        until(lambda: "Trying again" in waiting.log.read_text(), "it to miss its Redis")
        waiting.tell_to_stop()
        until(lambda: are_gone((starting, waiting)), "their ends")
        for one in (starting, waiting):
            assert one.took < GONE_WITHIN + SLACK
            assert all(at <= one.stopped_at + GRAIN for at in one.sent())
        until(lambda: not starting.has_left_processes(), "the end of all of them")
        until(lambda: not waiting.has_left_processes(), "the end of all of them")


def has_threads(one: Worker) -> bool:
    """Whether it has started threads; before that it only loads modules."""
    return len(list(Path(f"/proc/{one.process.pid}/task").iterdir())) > 1


class System(Stand):
    """A stand with a ``rescind up``."""

    def __init__(self, home: Path, sandbox: Sandbox, first: int) -> None:
        super().__init__(home, sandbox, first)
        self.up = Up(home, RESCIND_ACCOUNTS=str(home / "accounts.toml"))

    def start(self) -> str:
        self.up.log.unlink(missing_ok=True)
        self.up.start()
        return self.up.wait_until_up().redis_url


def test_ctrl_c_stops_up_once_or_twice(providers: Sandbox, tmp_path: Path) -> None:
    providers.settings(latency_ms={"iletimerkezi": LATE})
    one = System(tmp_path / "home", providers, 50_000)
    try:
        one.submit(one.start())
        until(one.is_busy, "calls under way")
        # A terminal sends the signal to all processes in the foreground.
        os.killpg(one.up.process.pid, signal.SIGINT)
        one.up.wait_for(lambda: "Ctrl-C again: immediately" in one.up.said)
        one.stopped_at = time.time()
        one.up.stop(signal.SIGINT)
        one.begins_nothing_after_it_was_told_to_stop()

        providers.settings(latency_ms={"iletimerkezi": 0.0})
        redis_url = one.start()
        until(one.has_ended, "all ends")
        one.all_is_true_and_sent_once()

        providers.settings(latency_ms={"iletimerkezi": LATE})
        other = Stand(tmp_path / "other", providers, 60_000)
        other.engine.dispose()
        other.engine = one.engine
        other.submit(redis_url)
        until(other.is_busy, "calls under way")
        other.stopped_at = time.time()
        took = one.up.stop(signal.SIGINT)
        assert took < GONE_WITHIN + SLACK
        assert one.up.process.returncode == 0
        other.begins_nothing_after_it_was_told_to_stop()
    finally:
        end(one.up)
        one.engine.dispose()
