"""Whatever becomes of what is in hand, each offer is answered for once, and truly."""

from __future__ import annotations

import json
import socket
import sys
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, Engine

from ledger.arrivals import Arrivals, made_ready
from ledger.database import reading, writing
from ledger.lanes import all_lanes
from ledger.queries import Filter, list_rows
from tests.ledger.build import LANE, LEASE, NOW, new, row, take_in
from worker.hand import KEEP_SECONDS, Hand, Kept, keep
from worker.handoff import Offer


class Offered:
    """An offer, and whoever waits to hear of it."""

    def __init__(self, orders: Arrivals) -> None:
        ours, self._theirs = socket.socketpair()
        self._theirs.setblocking(False)
        self.orders = orders
        self.offer = Offer(orders, ours)

    def heard(self) -> frozenset[str] | str | None:
        """The ids that were left out; None if it was refused; or that it waits."""
        try:
            said = self._theirs.recv(2**20)
        except BlockingIOError:
            return "waits"
        return frozenset(json.loads(said)) if said else None

    def close(self) -> None:
        self._theirs.close()
        self.offer.pipe.close()


class Hands(RuleBasedStateMachine):
    """A hand beside a plain list of what was offered, kept and left out."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.hand = Hand(LANE, self._call)
        self.waiting: list[Offered] = []
        self.kept: dict[str, bool] = {}
        """Of each id that is in the ledger whether it was left out."""
        self.unanswered: list[Offered] = []
        self.answered = 0
        self.number = 0

    def _call(self) -> None:
        self.calls += 1

    @rule(size=st.integers(1, 5))
    def offer(self, size: int) -> None:
        some = [new(f"{self.number}-{n}") for n in range(size)]
        self.number += 1
        made = Offered(made_ready(some, NOW))
        self.hand.add(made.offer)
        self.waiting.append(made)

    @rule(most=st.integers(0, 12), left_out=st.sets(st.integers(0, 12)))
    def keep(self, most: int, left_out: set[int]) -> None:
        """As a transaction that was committed would."""
        given = [one for part in self.hand.parts(0, most) for one in part.ids]
        assert given == self._ids()[:most]
        out = frozenset(one for n, one in enumerate(given) if n in left_out)
        self.hand.kept(Kept(len(given), [], out))
        self.kept |= {one: one in out for one in given}
        done = [one for one in self.waiting if set(one.orders.ids) <= set(self.kept)]
        self.waiting = [one for one in self.waiting if one not in done]
        self.unanswered += done

    @rule(most=st.integers(0, 12))
    def fail_to_keep(self, most: int) -> None:
        """As a transaction that was rolled back would."""
        self.hand.parts(0, most)

    @rule(most=st.integers(1, 12))
    def keep_what_is_refused_meanwhile(self, most: int) -> None:
        """As a transaction that is committed at the end of its child's turn would."""
        given = [one for part in self.hand.parts(0, most) for one in part.ids]
        self.refuse()
        self.hand.kept(Kept(len(given)))
        self.kept |= dict.fromkeys(given, False)

    @rule()
    def answer(self) -> None:
        calls = self.calls
        assert self.hand.answer() == bool(self.unanswered)
        for one in self.unanswered:
            out = frozenset(i for i in one.orders.ids if self.kept[i])
            assert one.heard() == out
            assert one.heard() is None, "it was answered twice"
            one.close()
        assert self.calls == calls + bool(self.unanswered)
        self.unanswered = []

    @rule()
    def refuse(self) -> None:
        calls = self.calls
        self.hand.refuse()
        for one in self.waiting:
            assert one.heard() is None
            one.close()
        assert self.calls == calls + bool(self.waiting)
        self.waiting = []

    @precondition(lambda self: self.waiting or self.unanswered)
    @invariant()
    def nobody_hears_more_than_is_true(self) -> None:
        for one in (*self.waiting, *self.unanswered):
            assert one.heard() == "waits"

    @invariant()
    def it_holds_what_is_neither_kept_nor_refused(self) -> None:
        assert len(self.hand) == len(self._ids())
        assert self.hand.offers == len(self.waiting)
        parts = self.hand.parts(0, sys.maxsize)
        assert [one for part in parts for one in part.ids] == self._ids()

    def _ids(self) -> list[str]:
        every = (one for offered in self.waiting for one in offered.orders.ids)
        return [one for one in every if one not in self.kept]

    def teardown(self) -> None:
        for one in (*self.waiting, *self.unanswered):
            one.close()


def test_each_offer_is_answered_once_when_all_of_it_is_kept_or_refused() -> None:
    some = settings(max_examples=60, stateful_step_count=25)
    run_state_machine_as_test(Hands, settings=some)


def test_what_came_first_has_waited_for_long_enough_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own, made = Hand(LANE), Offered(made_ready([new()], NOW))
    made.offer.came_at = 100.0
    for now, left in ((100.0, KEEP_SECONDS), (100.0 + KEEP_SECONDS, 0), (200.0, 0)):
        monkeypatch.setattr("time.monotonic", lambda now=now: now)
        assert own.patience == KEEP_SECONDS, "nothing waits"
        own.add(made.offer)
        assert own.patience == left
        own.kept(Kept(1))
        made.offer.kept = 0
    made.close()


# --- in the ledger --------------------------------------------------------------------


@pytest.fixture
def own() -> Any:
    found = Hand(LANE)
    yield found
    found.refuse()


def offered(own: Hand, *orders: str) -> Offered:
    made = Offered(made_ready([new(one) for one in orders], NOW))
    own.add(made.offer)
    return made


def states(engine: Engine) -> dict[str, str]:
    with reading(engine) as connection:
        return {r.order_id: r.state for r in list_rows(connection, Filter(), 100)}


def kept(engine: Engine, own: Hand, most: int, *, rest: bool) -> Kept:
    with writing(engine) as connection:
        return keep(connection, own, most, LEASE, rest=rest)


def test_as_many_are_claimed_as_may_be_and_the_others_wait(
    engine: Engine, own: Hand
) -> None:
    first, second = offered(own, "1", "2"), offered(own, "3", "4")
    what = kept(engine, own, 3, rest=False)
    own.kept(what)
    own.answer()
    assert [one.order.id for one in what.claimed] == ["1", "2", "3"]
    assert states(engine) == dict.fromkeys("123", "sending")
    assert (first.heard(), second.heard()) == (frozenset(), "waits")


def test_what_must_not_wait_is_kept_as_queued(engine: Engine, own: Hand) -> None:
    first, second = offered(own, "1", "2"), offered(own, "3")
    own.kept(kept(engine, own, 1, rest=True))
    own.answer()
    assert states(engine) == {"1": "sending", "2": "queued", "3": "queued"}
    assert first.heard() == second.heard() == frozenset()


def test_each_hears_of_its_own_that_were_left_out(engine: Engine, own: Hand) -> None:
    take_in(engine, [new("2"), new("3")])
    first, second, third = (offered(own, *some) for some in ("12", "34", "5"))
    own.kept(kept(engine, own, 3, rest=True))
    own.answer()
    assert first.heard() == frozenset(first.orders.ids[1:])
    assert second.heard() == frozenset(second.orders.ids[:1])
    assert third.heard() == frozenset()


def test_what_is_claimed_was_committed_by_whoever_claimed_it(
    engine: Engine, own: Hand
) -> None:
    offered(own, "1")
    [held] = kept(engine, own, 1, rest=False).claimed
    assert row(engine, held.id).version == held.version


def test_what_was_rolled_back_is_kept_the_next_time(engine: Engine, own: Hand) -> None:
    made = offered(own, "1", "2")

    def fails(connection: Connection) -> None:
        keep(connection, own, 1, timedelta(minutes=1), rest=True)
        raise LookupError("a bug")

    with pytest.raises(LookupError), writing(engine) as connection:
        fails(connection)
    assert made.heard() == "waits"
    what = kept(engine, own, 2, rest=True)
    assert (what.orders, len(what.claimed), what.left_out) == (2, 2, frozenset())


def test_its_lane_is_known_once_something_is_kept(engine: Engine, own: Hand) -> None:
    own.kept(kept(engine, own, 1, rest=True))
    with reading(engine) as connection:
        assert all_lanes(connection) == {}
    for order in "12":
        offered(own, order)
        own.kept(kept(engine, own, 1, rest=True))
    with reading(engine) as connection:
        assert list(all_lanes(connection)) == [LANE]
