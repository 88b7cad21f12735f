"""A pump sends what waits and what it is offered, and takes no place in its lane's rate
that it does not use."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import update

from ledger.arrivals import made_ready
from ledger.database import open_ledger, reading, writing
from ledger.listing import Filter, list_rows
from ledger.seal import Seal, new_key
from ledger.tables import CANCELLATION
from sandbox.client import running
from tests.silence import Silence, silence
from worker.accounts import Lane
from worker.books import Books
from worker.broker import REDIS_OPTIONS
from worker.calls import Asked, Caller
from worker.crew import Crew
from worker.hand import Hand
from worker.handoff import Offer
from worker.intake import as_new, take_in
from worker.limits import Rates
from worker.pump import Pump
from worker.runtime import AccountsFile, Runtime
from worker.tokens import Tokens

LANE = ("akinon", "paced")
ACCOUNT = """
[akinon.paced]
token = "sandbox-token"
rate = "10/minute"
base_url = "{sandbox}"
[akinon.quick]
token = "sandbox-token"
rate = "1/second"
base_url = "{sandbox}"
[akinon.free]
token = "sandbox-token"
rate = "none"
concurrency = 32
base_url = "{sandbox}"
[akinon.hangs]
token = "sandbox-token"
rate = "none"
concurrency = 1
base_url = "{hanging}"
[notpanel.batches]
key = "sandbox-key"
rate = "none"
base_url = "{panel}"
"""
PARAMS = {"is_all": True, "reasons": {"101": 2}}


@pytest.fixture
def hanging() -> Iterator[Silence]:
    with silence() as server:
        yield server


@pytest.fixture
def here(
    sqlite_ledger_url: str, valkey_url: str, tmp_path: Path, hanging: Silence
) -> Iterator[Runtime]:
    accounts, seal = tmp_path / "accounts.toml", Seal(new_key())
    engine = open_ledger(sqlite_ledger_url)
    with running() as sandbox, Redis.from_url(valkey_url) as client:
        client.flushall()
        accounts.write_text(
            ACCOUNT.format(
                sandbox=sandbox.base_url("akinon"),
                panel=sandbox.base_url("notpanel"),
                hanging=hanging.url,
            )
        )
        yield Runtime(
            engine=engine,
            seal=seal,
            rates=Rates(valkey_url, REDIS_OPTIONS),
            tokens=Tokens(client, seal),
            accounts_file=AccountsFile(accounts),
            threads=ThreadPoolExecutor(8),
        )
    engine.dispose()


def entry(lane: Lane, order: str) -> dict[str, Any]:
    provider, account = lane
    params = PARAMS if provider == "akinon" else {}
    known = {"provider": provider, "account": account, "params": params}
    return {**known, "order": order}


def test_a_rate_counts_the_calls_that_were_made_and_no_others(
    here: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [entry(LANE, f"7{n}") for n in range(3)]
    take_in(here.engine, here.accounts, here.seal, entries, datetime.now(UTC))
    # As if others had claimed what it saw waiting.
    monkeypatch.setattr(Books, "wanted", lambda _, room: room)
    config = here.accounts.lane(LANE)
    Pump(here, LANE, "cancel", config).run(lambda: True)
    here.threads.shutdown()
    assert here.rates.take(LANE, config.policy, 10).calls == 7


# --- what is in hand ------------------------------------------------------------------

FREE, QUICK, HANGS = (("akinon", name) for name in ("free", "quick", "hangs"))
BATCHES = ("notpanel", "batches")


class Offered:
    """Orders that a lane is offered, and whoever waits to hear of them."""

    def __init__(self, here: Runtime, hand: Hand, *orders: str) -> None:
        now = datetime.now(UTC)
        some = [entry(hand.lane, order) for order in orders]
        new = [as_new(one, here.accounts, here.seal, now) for one in some]
        self.given_back = json.dumps([one.id for one in new])
        """What is heard where none was kept."""
        ours, self._theirs = socket.socketpair()
        self._theirs.settimeout(20)
        hand.add(Offer(made_ready(new, now), ours))

    def heard(self) -> str:
        """What whoever offered them hears; waits for it."""
        with self._theirs:
            return self._theirs.recv(65_536).decode()


def pump_of(here: Runtime, hand: Hand) -> Pump:
    config = here.accounts.lane(hand.lane)
    return Pump(here, hand.lane, "cancel", config, hand, look=False)


@contextmanager
def at_work(
    pump: Pump, hanging: Silence, fails: type[Exception] | None = None
) -> Iterator[None]:
    """Its run in a thread of its own, whose calls hang to the end of the block."""
    over = threading.Event()
    with ThreadPoolExecutor(1) as thread:
        run = thread.submit(pump.run, lambda: not over.is_set())
        try:
            yield
        finally:
            over.set()
            hanging.end()
            pump.nudge()
    assert type(run.exception()) is (fails or type(None))


def states(here: Runtime) -> dict[str, str]:
    with reading(here.engine) as connection:
        return {r.order_id: r.state for r in list_rows(connection, Filter(), 100)}


def until(condition: Callable[[], object]) -> None:
    give_up = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < give_up, "it did not come about"
        time.sleep(0.01)


def test_what_is_offered_is_called_for_and_answered_for(here: Runtime) -> None:
    hand = Hand(FREE)
    some = [Offered(here, hand, f"{n}", f"{n}0", f"{n}00") for n in range(1, 4)]
    pump_of(here, hand).run(lambda: True)
    assert [one.heard() for one in some] == ["[]"] * 3
    # The simulated shop knows none of them, and has been asked for each.
    assert len(states(here)) == 9
    assert not {"queued", "sending"} & set(states(here).values())


def test_no_call_is_made_for_what_is_not_committed(
    here: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, at_the_call = Caller.ask, list[str | None]()

    def looked_at(self: Caller, claimed: Sequence[Any], *more: Any) -> Asked:
        at_the_call.extend(states(here).get(one.order.id) for one in claimed)
        return ask(self, claimed, *more)

    monkeypatch.setattr(Caller, "ask", looked_at)
    hand = Hand(FREE)
    Offered(here, hand, *(f"{n}" for n in range(1, 30)))
    pump_of(here, hand).run(lambda: True)
    assert at_the_call == ["sending"] * 29


def test_what_was_refused_as_a_batch_is_called_for_apart_from_what_is_offered(
    here: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits, now = [entry(BATCHES, n) for n in "12"], datetime.now(UTC)
    take_in(here.engine, here.accounts, here.seal, waits, now)
    with writing(here.engine) as connection:
        connection.execute(update(CANCELLATION).values(batch_cap=2))
    ask, together = Caller.ask, list[set[str]]()

    def looked_at(self: Caller, claimed: Sequence[Any], *more: Any) -> Asked:
        together.append({one.order.id for one in claimed})
        return ask(self, claimed, *more)

    monkeypatch.setattr(Caller, "ask", looked_at)
    hand = Hand(BATCHES)
    offered, pump = Offered(here, hand, "3", "4"), pump_of(here, hand)
    pump.nudge()
    pump.run(lambda: True)
    assert offered.heard() == "[]"
    assert sorted(map(sorted, together)) == [["1", "2"], ["3", "4"]]


def test_who_offers_to_a_lane_that_hangs_is_not_kept_waiting(
    here: Runtime, hanging: Silence
) -> None:
    hand = Hand(HANGS)
    first, pump = Offered(here, hand, "1"), pump_of(here, hand)
    with at_work(pump, hanging):
        assert first.heard() == "[]"
        for order in "234":
            more = Offered(here, hand, order)
            pump.nudge(look=False)
            assert more.heard() == more.given_back
        assert states(here) == {"1": "sending"}


def test_who_offers_waits_for_no_room_in_the_lanes_rate(
    here: Runtime, hanging: Silence, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, hand = here.accounts.lane(QUICK), Hand(QUICK)
    some, now = [entry(QUICK, "1")], datetime.now(UTC)
    take_in(here.engine, here.accounts, here.seal, some, now)
    [place] = here.rates.take(QUICK, config.policy, 1).places
    with place.in_use():
        pump = pump_of(here, hand)
    here.rates.release([place])
    resting, rest = threading.Event(), Crew.rest

    def seen(crew: Crew[Any], seconds: float) -> None:
        resting.set()
        rest(crew, seconds)

    monkeypatch.setattr(Crew, "rest", seen)
    with at_work(pump, hanging):
        assert resting.wait(10)
        offered = Offered(here, hand, "2")
        pump.nudge(look=False)
        assert offered.heard() == offered.given_back
        assert states(here) == {"1": "queued"}, "there was room already"
        until(lambda: states(here) != {"1": "queued"})


def test_once_a_pump_has_failed_offers_are_refused_while_it_brings_calls_home(
    here: Runtime, hanging: Silence, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand, looks = Hand(HANGS), list[float]()
    take_home = Crew.take_home
    first, pump = Offered(here, hand, "1"), pump_of(here, hand)

    def failing(_: Crew[Any]) -> None:
        raise LookupError("a bug")

    def counted(*given: Any) -> Any:
        looks.append(time.monotonic())
        return take_home(*given)

    with at_work(pump, hanging, LookupError):
        assert first.heard() == "[]"
        until(lambda: hanging.calls)
        monkeypatch.setattr(Crew, "check", failing)
        monkeypatch.setattr(Crew, "take_home", counted)
        heard = list[bool]()
        for number in range(20):
            more = Offered(here, hand, f"{number + 2}")
            pump.nudge(look=False)
            heard.append(more.heard() == more.given_back)
        assert all(heard)
        assert len(looks) < 100, "it looked without end"
