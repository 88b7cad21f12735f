"""A child serves all lanes of a provider side by side, and gives way when it must."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import Connection, Engine

from ledger.arrivals import Arrivals, made_ready
from ledger.database import LedgerUnreachableError, open_ledger, reading, writing
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
from worker import handoff, service, slots, stopping
from worker.accounts import Accounts, LaneConfig
from worker.bells import Work
from worker.books import RECORD_SECONDS, Books
from worker.broker import REDIS_OPTIONS, TASK_SECONDS
from worker.calls import longest_call
from worker.handoff import Offer
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


def new_ones(
    account: str, *orders: str, provider: str = "iletimerkezi"
) -> list[NewCancellation]:
    now = utc_now()
    return [
        NewCancellation(
            id=new_id(),
            provider=provider,
            account=account,
            order=order,
            key=order,
            progress=beginning(None, now),
            opened_at=now,
        )
        for order in orders
    ]


def take_in(here: Runtime, account: str, *orders: str) -> None:
    with writing(here.engine) as connection:
        insert_new(connection, new_ones(account, *orders), utc_now())
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


# --- handing over ---------------------------------------------------------------------


def ready(account: str, *orders: str, **where: str) -> Arrivals:
    return made_ready(new_ones(account, *orders, **where), utc_now())


def hand_over(new: Arrivals, places: tuple[int, int] = PLACES) -> Any:
    return slots.hand_over("iletimerkezi", places, new)


def is_given_back(new: Arrivals) -> bool:
    """Whether it is offered to somebody who keeps none of it."""
    return bool(hand_over(new) == frozenset(new.ids))


def as_intake_does(here: Runtime, new: list[NewCancellation]) -> int:
    """Offer them, and keep what nobody has kept; gives back how many were."""
    offered = made_ready(new, utc_now())
    left = hand_over(offered)
    rest = [one for one in new if left is None or one.id in left]
    with writing(here.engine) as connection:
        insert_new(connection, rest, utc_now())
    slots.ring("iletimerkezi", PLACES, ("well", "cancel"))
    return len(new) - len(rest)


@contextmanager
def serving(
    here: Runtime, monkeypatch: pytest.MonkeyPatch, *accounts: str
) -> Iterator[Child]:
    """A child that listens, until the end of the block."""
    child = Child(here, (accounts or ("well",))[0], linger=True)
    until(lambda: is_given_back(ready("nobody's", "1")))
    try:
        yield child
    finally:
        monkeypatch.setattr(service, "TURN_SECONDS", 0.0)
        child.join(30)
        assert not child.is_alive()


@pytest.fixture
def aside() -> Iterator[Callable[[Arrivals], Future[Any]]]:
    """Hands over in a thread, as another child would."""
    with ThreadPoolExecutor(8) as threads:
        yield lambda new: threads.submit(hand_over, new)


def is_free(account: str) -> bool:
    with slots.lane("iletimerkezi", account, "cancel") as free:
        return free


def cancels(sandbox: Sandbox, order: str) -> int:
    events = sandbox.order("iletimerkezi", order)["events"]
    return sum(event["op"] == "cancel" for event in events)


def test_its_turn_ends_however_many_offers_come(
    here: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    came: list[Offer] = []

    def offered(_: slots.Place) -> Offer | None:
        if len(came) > 2000:
            return None
        came.append(Offer(ready("nobody's", "1"), socket.socket(socket.AF_UNIX)))
        return came[-1]

    monkeypatch.setattr(slots.Place, "offered", offered)
    child = Child(here, "well")
    child.join(30)
    assert 0 < len(came) < 2000


def test_what_is_handed_over_is_kept_and_cancelled(
    here: Runtime, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = [str(n) for n in range(300, 340)]
    sandbox.seed("iletimerkezi", orders, "scheduled")
    with serving(here, monkeypatch):
        some = [orders[n : n + 4] for n in range(0, 40, 4)]
        kept = [as_intake_does(here, new_ones("well", *each)) for each in some]
        assert any(kept)
        until(lambda: states(here, "well") == ["cancelled"] * 40)
    assert {cancels(sandbox, order) for order in orders} == {1}


def test_what_stood_there_is_left_to_whoever_offered_it(
    here: Runtime, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.seed("iletimerkezi", ["341", "342"], "scheduled")
    new = ready("well", "341", "342")
    with serving(here, monkeypatch):
        take_in(here, "well", "341")
        assert hand_over(new) == frozenset(new.ids[:1])
        # What waits in the ledger is woken for by whoever has put it there.
        assert slots.ring("iletimerkezi", PLACES, ("well", "cancel"))
        until(lambda: states(here, "well") == ["cancelled"] * 2)
    assert [cancels(sandbox, order) for order in ("341", "342")] == [1, 1]


def test_an_account_that_this_child_does_not_know_is_refused_and_others_are_served(
    here: Runtime, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.seed("iletimerkezi", "343", "scheduled")
    with serving(here, monkeypatch):
        assert is_given_back(ready("gone", "1"))
        assert is_given_back(ready("gone", "1"))
        assert hand_over(ready("well", "343")) == frozenset()
    assert states(here, "gone") == []


def test_an_account_that_was_taken_out_of_the_file_is_refused(
    here: Runtime, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.seed("iletimerkezi", "344", "scheduled")
    with serving(here, monkeypatch):
        assert hand_over(ready("well", "344")) == frozenset()
        until(lambda: states(here, "well") == ["cancelled"])
        monkeypatch.setattr(Accounts, "lane", Accounts({}).lane)
        until(lambda: is_free("well"))
        assert is_given_back(ready("well", "345"))
        monkeypatch.undo()
    assert len(states(here, "well")) == 1


def test_orders_of_another_provider_are_refused(
    here: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(here, monkeypatch):
        assert is_given_back(ready("well", "1", provider="ithink"))
    assert states(here, "well") == []


def test_a_lane_that_another_child_works_on_is_refused(
    here: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        slots.lane("iletimerkezi", "well", "cancel"),
        serving(here, monkeypatch, "hangs"),
    ):
        assert is_given_back(ready("well", "1"))
    assert states(here, "well") == []


def test_whoever_offers_to_a_lane_that_hangs_waits_for_no_call(
    here: Runtime, hanging: Silence, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = [str(n) for n in range(8)]
    with serving(here, monkeypatch):
        assert hand_over(ready("hangs", *orders)) == frozenset()
        until(lambda: hanging.calls == 8)
        for _ in range(5):
            assert is_given_back(ready("hangs", "11", "12"))
        assert states(here, "hangs") == ["sending"] * 8
        hanging.end()


class Gate:
    """Keeps a pump from writing anything, as a slow ledger does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.open, self.reached, turn = threading.Event(), threading.Event(), Books.turn

        def kept_waiting(*given: Any, **how: Any) -> Any:
            self.reached.set()
            assert self.open.wait(30)
            return turn(*given, **how)

        monkeypatch.setattr(Books, "turn", kept_waiting)


@pytest.mark.parametrize("end", ["stop", "turn"])
def test_what_is_left_in_hand_at_the_end_is_refused_at_once(
    here: Runtime,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    aside: Callable[[Arrivals], Future[Any]],
    end: str,
) -> None:
    sandbox.seed("iletimerkezi", ["346", "347", "348"], "scheduled")
    child = Child(here, "hangs", linger=True)
    until(lambda: is_given_back(ready("nobody's", "1")))
    gate = Gate(monkeypatch)
    offered = [ready("well", order) for order in ("346", "347", "348")]
    answers = [aside(offered[0])]
    assert gate.reached.wait(30)
    answers += map(aside, offered[1:])
    if end == "stop":
        monkeypatch.setattr(service, "stopping", lambda: True)
    else:
        monkeypatch.setattr(service, "TURN_SECONDS", 0.0)
    for new, answer in zip(offered, answers, strict=True):
        # Given back, or not even taken.
        assert answer.result(3) in (frozenset(new.ids), None)
    assert answers[0].result() is not None
    assert child.is_alive()
    assert not slots._inbox("iletimerkezi", 0).exists(), "others would wait in vain"
    gate.open.set()
    child.join(30)


def test_a_ledger_that_is_away_refuses_loses_nothing_and_sends_nothing_twice(
    here: Runtime, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = ["351", "352", "353"]
    sandbox.seed("iletimerkezi", orders, "scheduled")
    new = new_ones("well", *orders)
    away = threading.Event()

    @contextmanager
    def unreachable(engine: Engine) -> Iterator[Connection]:
        with writing(engine) as connection:
            yield connection
            if away.is_set():
                raise LedgerUnreachableError("the connection broke")

    monkeypatch.setattr("worker.books.writing", unreachable)
    with serving(here, monkeypatch):
        away.set()
        assert is_given_back(made_ready(new, utc_now()))
        assert states(here, "well") == []
        away.clear()
        until(lambda: is_free("well"))
        as_intake_does(here, new)
        until(lambda: states(here, "well") == ["cancelled"] * 3)
    assert {cancels(sandbox, order) for order in orders} == {1}


def test_offered_to_two_children_and_kept_by_a_third_each_is_sent_once(
    here: Runtime, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = [str(n) for n in range(400, 460)]
    sandbox.seed("iletimerkezi", orders, "scheduled")
    two, new = (2, 0), new_ones("well", *orders)
    monkeypatch.setitem(globals(), "PLACES", two)
    # As workers on two hosts: neither knows that the other works on the lane.
    monkeypatch.setattr(slots, "lane", lambda *_: nullcontext(True))
    children = [Child(here, "hangs", linger=True) for _ in range(2)]
    paths = [slots._inbox("iletimerkezi", number) for number in range(2)]
    until(lambda: all(path.exists() for path in paths))

    def keep_here() -> None:
        with writing(here.engine) as connection:
            insert_new(connection, new, utc_now())
        slots.ring("iletimerkezi", two, ("well", "cancel"))

    with ThreadPoolExecutor(3) as threads:
        for path in paths:
            threads.submit(handoff.offer, path, made_ready(new, utc_now()))
        threads.submit(keep_here)
    until(lambda: states(here, "well") == ["cancelled"] * 60)
    monkeypatch.setattr(service, "TURN_SECONDS", 0.0)
    for child in children:
        child.join(30)
    assert {cancels(sandbox, order) for order in orders} == {1}
