"""A child serves all lanes of a provider side by side, and gives way when it must."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Connection, Engine

from ledger.database import open_ledger, reading, writing
from ledger.intake import NewCancellation, beginning, insert_new
from ledger.lanes import register_lanes
from ledger.listing import Filter, list_rows
from ledger.records import new_id
from ledger.seal import Seal, new_key
from providers.base import Provider
from providers.registry import PROVIDERS
from sandbox import Sandbox
from sandbox import running as running_sandbox
from tests.silence import Silence, silence
from worker import service, slots, stopping
from worker.accounts import Accounts, LaneConfig
from worker.bells import Work
from worker.books import RECORD_SECONDS
from worker.broker import REDIS_OPTIONS, TASK_SECONDS
from worker.calls import longest_call
from worker.limits import Rates
from worker.runtime import AccountsFile, Runtime, utc_now
from worker.service import Service
from worker.tokens import Tokens

PLACES = (1, 1)
ACCOUNT = """
[iletimerkezi.{name}]
key = "a"
hash = "b"
base_url = "{url}"
read_timeout = {patience}
verify_delays = [0]
rate = "none"
"""


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running_sandbox(auto=False) as found:
        yield found


@pytest.fixture
def hanging() -> Iterator[Silence]:
    with silence() as server:
        yield server


@pytest.fixture
def here(
    sqlite_ledger_url: str,
    valkey_url: str,
    tmp_path: Path,
    sandbox: Sandbox,
    hanging: Silence,
) -> Iterator[Runtime]:
    Redis.from_url(valkey_url).flushall()
    accounts = tmp_path / "accounts.toml"
    urls = {"well": sandbox.base_url("iletimerkezi"), "hangs": hanging.url}
    accounts.write_text(
        "".join(
            ACCOUNT.format(name=name, url=url, patience=45)
            for name, url in urls.items()
        )
    )
    accounts.chmod(0o600)
    engine = open_ledger(sqlite_ledger_url)
    seal = Seal(new_key())
    threads = ThreadPoolExecutor(64)
    yield Runtime(
        engine=engine,
        seal=seal,
        rates=Rates(valkey_url, REDIS_OPTIONS),
        tokens=Tokens(Redis.from_url(valkey_url), seal),
        accounts_file=AccountsFile(accounts),
        threads=threads,
    )
    hanging.end()
    threads.shutdown()
    engine.dispose()


def take_in(here: Runtime, account: str, *orders: str) -> None:
    now = utc_now()
    new = [
        NewCancellation(
            id=new_id(),
            provider="iletimerkezi",
            account=account,
            order=order,
            key=order,
            progress=beginning(None, now),
            opened_at=now,
        )
        for order in orders
    ]
    with writing(here.engine) as connection:
        insert_new(connection, new, now)
        register_lanes(connection, [("iletimerkezi", account)])


def states(here: Runtime, account: str) -> list[str]:
    with reading(here.engine) as connection:
        return [r.state for r in list_rows(connection, Filter(account=account), 100)]


def until(condition: Callable[[], object]) -> None:
    give_up = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < give_up, "it did not come about"
        time.sleep(0.01)


class Child(threading.Thread):
    """What a child of a worker does with a wake-up."""

    def __init__(self, here: Runtime, account: str, *, linger: bool = False) -> None:
        super().__init__(daemon=True)
        self.left: set[Work] | None = None
        """What it has woken others for, if it served."""
        self._linger = linger
        self._here = here
        self._first = (account, "cancel")
        self.start()

    def run(self) -> None:
        with slots.serving("iletimerkezi", PLACES) as place:
            if place is None:
                slots.ring("iletimerkezi", PLACES, self._first)
                return
            self.left = set()
            wake = self.left.update
            Service(self._here, place, wake, linger=self._linger).run(self._first)


def test_it_ends_when_there_is_no_more_to_do(here: Runtime, sandbox: Sandbox) -> None:
    sandbox.seed("iletimerkezi", ["1", "2"], "scheduled")
    take_in(here, "well", "1", "2")
    child = Child(here, "well")
    child.join(30)
    assert child.left == set()
    assert states(here, "well") == ["cancelled", "cancelled"]


def test_what_its_work_has_made_due_is_done_without_another_wake_up(
    here: Runtime, sandbox: Sandbox
) -> None:
    sandbox.seed("iletimerkezi", "3", "scheduled")
    sandbox.script("iletimerkezi", "cancel", "drop_after")
    take_in(here, "well", "3")
    child = Child(here, "well")
    child.join(30)
    assert child.left == set()
    assert states(here, "well") == ["cancelled"]


def test_a_wake_up_for_another_account_is_heard_while_one_hangs(
    here: Runtime, sandbox: Sandbox, hanging: Silence
) -> None:
    sandbox.seed("iletimerkezi", "4", "scheduled")
    take_in(here, "hangs", "11")
    first = Child(here, "hangs")
    until(lambda: hanging.calls)
    take_in(here, "well", "4")
    second = Child(here, "well")
    until(lambda: states(here, "well") == ["cancelled"])
    assert second.left is None
    assert first.is_alive()
    assert states(here, "hangs") == ["sending"]
    hanging.end()
    first.join(30)
    assert states(here, "hangs") == ["verifying"]


def test_it_stays_for_the_next_job_and_hears_of_it_without_a_message(
    here: Runtime, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.seed("iletimerkezi", ["31", "32"], "scheduled")
    take_in(here, "well", "31")
    child = Child(here, "well", linger=True)
    until(lambda: states(here, "well") == ["cancelled"])
    take_in(here, "well", "32")
    assert slots.ring("iletimerkezi", PLACES, ("well", "cancel"))
    until(lambda: states(here, "well") == ["cancelled", "cancelled"])
    assert child.is_alive()
    monkeypatch.setattr(service, "TURN_SECONDS", 0.0)
    child.join(30)
    assert child.left == set()


def test_told_to_stop_it_waits_for_no_more_jobs(
    here: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = Child(here, "well", linger=True)
    until(lambda: slots.ring("iletimerkezi", PLACES, ("well", "cancel")))
    monkeypatch.setattr(service, "stopping", lambda: True)
    child.join(5)
    assert not child.is_alive()


def test_what_is_rung_when_it_leaves_is_for_others_at_once(
    here: Runtime, hanging: Silence, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots.Place, "leave", _leave_after_a_ring(slots.Place.leave))
    take_in(here, "hangs", "13")
    child = Child(here, "hangs")
    until(lambda: hanging.calls)
    monkeypatch.setattr(service, "TURN_SECONDS", 0.0)
    until(lambda: child.left == {("well", "cancel")})
    assert child.is_alive()
    hanging.end()
    child.join(30)


def _leave_after_a_ring(
    leave: Callable[[slots.Place], bool],
) -> Callable[[slots.Place], bool]:
    def after(place: slots.Place) -> bool:
        assert slots.ring("iletimerkezi", PLACES, ("well", "cancel"))
        return leave(place)

    return after


def test_when_its_turn_is_over_another_child_serves_while_it_brings_calls_home(
    here: Runtime, sandbox: Sandbox, hanging: Silence, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.seed("iletimerkezi", ["5", "6"], "scheduled")
    monkeypatch.setattr(service, "TURN_SECONDS", 0.1)
    take_in(here, "hangs", *(str(n) for n in range(100, 120)))
    first = Child(here, "hangs")
    until(lambda: hanging.calls == 8)
    until(lambda: served(here, "well", "5"))
    assert first.is_alive()
    hanging.end()
    first.join(30)
    # What it had not begun is for whoever comes next.
    assert ("hangs", "cancel") in (first.left or ())
    assert states(here, "hangs").count("queued") == 12


def served(here: Runtime, account: str, order: str) -> bool:
    """Whether a child of its own got to serve and cancelled the order."""
    if not states(here, account):
        take_in(here, account, order)
    child = Child(here, account)
    child.join(30)
    return child.left is not None and states(here, account) == ["cancelled"]


def test_while_others_have_not_ended_it_goes_on_serving_past_its_turn(
    here: Runtime, sandbox: Sandbox, hanging: Silence, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.seed("iletimerkezi", "7", "scheduled")
    monkeypatch.setattr(service, "TURN_SECONDS", 0.0)
    with slots.serving("iletimerkezi", PLACES) as gone:
        assert gone
        assert gone.leave()
        take_in(here, "hangs", "12")
        first = Child(here, "hangs")
        until(lambda: hanging.calls)
        take_in(here, "well", "7")
        Child(here, "well")
        until(lambda: states(here, "well") == ["cancelled"])
        assert first.is_alive()
        hanging.end()
        first.join(30)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda one: one.name)
def test_a_turn_leaves_time_for_its_last_calls_and_for_who_left_before(
    provider: Provider[Any],
) -> None:
    config = LaneConfig(provider, provider.policy)
    accounts = Accounts({(provider.name, "default"): config})
    last = service.last_call(accounts, provider.name)
    longest = longest_call(provider.policy).total_seconds()
    assert last + longest + RECORD_SECONDS < TASK_SECONDS
    assert longest <= last, "who left before it has ended when it must leave"


def test_told_to_stop_it_begins_nothing_and_brings_home_what_is_under_way(
    here: Runtime, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.settings(latency_ms={"iletimerkezi": 500.0})
    orders = [str(n) for n in range(200, 220)]
    sandbox.seed("iletimerkezi", orders, "scheduled")
    take_in(here, "well", *orders)
    child = Child(here, "well")
    until(lambda: "sending" in states(here, "well"))
    monkeypatch.setattr(service, "stopping", lambda: True)
    for module in ("pump", "books"):
        monkeypatch.setattr(f"worker.{module}.stopping", lambda: True)
    child.join(30)
    sandbox.settings(latency_ms={"iletimerkezi": 0.0})
    found = states(here, "well")
    assert sorted(found) == ["cancelled"] * 8 + ["queued"] * 12
    assert not stopping.stopping()


def test_told_to_stop_while_the_ledger_keeps_it_waiting_it_claims_nothing(
    here: Runtime, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = threading.Event()

    @contextmanager
    def kept_waiting(engine: Engine) -> Iterator[Connection]:
        with writing(engine) as connection:
            told.set()
            yield connection

    monkeypatch.setattr("worker.books.writing", kept_waiting)
    monkeypatch.setattr("worker.books.stopping", told.is_set)
    sandbox.seed("iletimerkezi", "9", "scheduled")
    take_in(here, "well", "9")
    Child(here, "well").join(30)
    assert told.is_set()
    assert states(here, "well") == ["queued"]
