"""The watchdog names a thread that hangs or has ended, and ends the process."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rescind.engine import watchdog
from rescind.engine.watchdog import Watchdog, Watched, hanging
from rescind.ledger.seal import new_key
from rescind.runtime import background_job
from rescind.runtime.background_job import BackgroundJob
from rescind.runtime.host import EXIT_HANGING
from tests.cli.test_cli_support import ROOT
from tests.engine.waiting import SECONDS, until

NOW = 1000.0


# --- threads ---


def test_a_thread_that_waits_for_work_does_not_hang() -> None:
    assert hanging([Watched("engine", None, 1.0)], NOW) is None


def test_a_thread_that_is_busy_within_its_bound_does_not_hang() -> None:
    assert hanging([Watched("engine", NOW - 9.9, 10.0)], NOW) is None


def test_a_thread_that_has_not_moved_for_its_bound_is_named() -> None:
    fine, hung = Watched("sweep", NOW - 1, 10.0), Watched("engine", NOW - 99, 10.0)
    reason = hanging([fine, hung], NOW)
    assert reason == "engine has not moved for 99 s (bound 10 s)"


def test_a_thread_that_has_ended_is_named() -> None:
    reason = hanging([Watched("engine", None, 10.0, alive=False)], NOW)
    assert reason == "the thread engine has ended by a fault"


def test_the_watchdog_ends_the_process_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "LOOK_SECONDS", 0.001)
    ended, again = list[str](), threading.Event()

    def end(why: str) -> None:
        ended.append(why)
        again.set()

    busy = iter([None, None, time.monotonic() - 60])

    def watched() -> Iterator[Watched]:
        yield Watched("engine", next(busy), 10.0)

    own = Watchdog(watched, end)
    assert again.wait(SECONDS)
    own.stop()
    assert [why.partition(" for ")[0] for why in ended] == ["engine has not moved"]


def test_a_watchdog_that_is_stopped_looks_no_more() -> None:
    own = Watchdog(list, pytest.fail)
    own.stop()
    assert not own._thread.is_alive()


# --- work in the background ---


class Job:
    """Work that waits for the test, each time."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.go = threading.Semaphore(0)
        self.times = 0
        self.error: Exception | None = None

    def __call__(self) -> None:
        self.begun.release()
        assert self.go.acquire(timeout=SECONDS)
        self.times += 1
        if self.error is not None:
            raise self.error

    def await_begun(self) -> None:
        assert self.begun.acquire(timeout=SECONDS)


@pytest.fixture
def job() -> Job:
    return Job()


@pytest.fixture
def own(job: Job) -> Iterator[BackgroundJob]:
    made = BackgroundJob("sweep", job, 5.0)
    yield made
    made.stop()
    job.go.release(100)
    made.join()


def test_work_is_done_once_however_often_it_was_notified_before(
    own: BackgroundJob, job: Job
) -> None:
    own.notify()
    job.await_begun()
    for _ in range(5):
        own.notify()
    job.go.release()
    job.await_begun()
    job.go.release()
    until(lambda: own.busy_since is None, "rest")
    assert job.times == 2


def has_length(logged: list[Any], length: int) -> bool:
    return len(logged) == length


def test_work_that_raises_is_logged_and_begun_again(
    own: BackgroundJob, job: Job, logged: list[Any]
) -> None:
    job.error = LookupError("a bug")
    for times in (1, 2):
        own.notify()
        job.await_begun()
        job.go.release()
        until(partial(has_length, logged, times), "the log")
    assert [one["event"] for one in logged] == ["background work failed"] * 2
    assert own.alive
    until(lambda: own.busy_since is None, "rest")


def test_a_job_knows_since_when_it_has_not_moved(
    own: BackgroundJob, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert own.busy_since is None
    own.notify()
    job.await_begun()
    began = own.busy_since
    assert began is not None
    monkeypatch.setattr(background_job.time, "monotonic", lambda: began + 60)
    own.moved()
    assert own.busy_since == began + 60
    monkeypatch.undo()
    job.go.release()
    until(lambda: own.busy_since is None, "rest")


def test_a_stopped_job_ends_and_does_not_begin_again(
    own: BackgroundJob, job: Job
) -> None:
    own.notify()
    job.await_begun()
    own.notify()
    own.stop()
    job.go.release()
    own.join()
    assert (job.times, own.alive) == (1, False)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_ends_by_a_fault_is_not_alive(job: Job) -> None:
    def leave() -> None:
        raise SystemExit

    left = BackgroundJob("sweep", leave, 5.0)
    left.notify()
    left.join()
    assert not left.alive
    assert hanging([Watched("sweep", None, 5.0, left.alive)], NOW)
    assert job.times == 0


# --- the process ---

HANGS = """
import logging, sys, time
from rescind.runtime import host
from rescind.runtime.background_job import BackgroundJob
from rescind.telemetry.logs import set_up
import structlog

set_up(logging.INFO, "logfmt")

def hang():
    {work}
    time.sleep(600)

def jobs(_):
    return {{name: BackgroundJob(name, hang, 0.5) for name in ("sweep", "webhooks")}}

host.use(jobs)
host.host().notify("sweep")
time.sleep(600)
"""
FILL = 'while True: structlog.get_logger("rescind.x").warning("x" * 1000)'


FAILS = """
import logging, time
from rescind.runtime import host
from rescind.engine.engine import Engine
from rescind.telemetry.logs import set_up

set_up(logging.INFO, "logfmt")

def step(self):
    raise LookupError("a bug")

Engine.step = step
host.use(lambda _: {})
host.host().engine.notify([(("akinon", "shop"), "cancel")])
time.sleep(600)
"""


def ended(program: str, tmp_path: Path, valkey_url: str, ledger_url: str) -> str:
    """The log of a worker that ended with the exit status of one that hangs."""
    accounts = tmp_path / "accounts.toml"
    accounts.write_text("")
    accounts.chmod(0o600)
    environment = {
        "PYTHONPATH": str(ROOT),
        "PATH": "/usr/bin:/bin",
        "RESCIND_REDIS_URL": valkey_url,
        "RESCIND_DATABASE_URL": ledger_url,
        "RESCIND_ACCOUNTS": str(accounts),
        "RESCIND_SEAL_KEY": new_key(),
    }
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            status = process.wait(60)
        finally:
            process.kill()
        assert process.stderr is not None
        log = process.stderr.read().decode()
    assert status == EXIT_HANGING, log[-2000:]
    return log


@pytest.mark.parametrize("work", ["", FILL], ids=["sleeps", "cannot-log"])
def test_a_worker_in_which_a_thread_hangs_ends_itself_for_its_supervisor(
    tmp_path: Path, valkey_url: str, sqlite_ledger_url: str, work: str
) -> None:
    log = ended(HANGS.format(work=work), tmp_path, valkey_url, sqlite_ledger_url)
    if not work:
        assert "sweep has not moved for" in log


def test_a_worker_whose_engine_fails_logs_why_and_ends_itself(
    tmp_path: Path, valkey_url: str, sqlite_ledger_url: str
) -> None:
    log = ended(FAILS, tmp_path, valkey_url, sqlite_ledger_url)
    assert "the engine ended by a bug of ours" in log
    assert "LookupError: a bug" in log
    assert "Exception in thread" not in log
