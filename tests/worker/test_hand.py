"""Whatever becomes of what is in hand, each offer is answered for once, and truly."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Engine

from ledger.arrivals import Arrivals, made_ready
from ledger.database import reading, writing
from ledger.lanes import all_lanes
from ledger.listing import Filter, list_rows
from tests.ledger.build import LANE, LEASE, NOW, new, row, take_in
from worker.hand import STILL_SECONDS, Hand, Kept, keep
from worker.handoff import Offer


class Offered:
    """An offer, and whoever waits to hear of it."""

    def __init__(self, orders: Arrivals) -> None:
        ours, self._theirs = socket.socketpair()
        self._theirs.setblocking(False)
        self.orders = orders
        self.offer = Offer(orders, ours)

    def heard(self) -> frozenset[str] | str:
        """The ids that were not kept; or that it waits, or has heard all."""
        try:
            said = self._theirs.recv(2**20)
        except BlockingIOError:
            return "waits"
        return frozenset(json.loads(said)) if said else "no more"

    def close(self) -> None:
        self._theirs.close()
        self.offer.pipe.close()


class Hands(RuleBasedStateMachine):
    """A hand beside plain lists of what was offered, kept and left out."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0
        self.hand = Hand(LANE, self._call)
        self.waiting: list[Offered] = []
        self.over: list[Offered] = []
        """Those that are to be told, and have not been."""
        self.seen: set[str] = set()
        """The ids that are in the ledger, or were left out."""
        self.left_out: set[str] = set()
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
        given = self._first(most)
        assert given == self._ids()[:most]
        out = frozenset(one for n, one in enumerate(given) if n in left_out)
        self.hand.kept(Kept(len(given), [], out))
        self.left_out |= out
        self._see(given)

    @rule(most=st.integers(0, 12))
    def fail_to_keep(self, most: int) -> None:
        """As a transaction that was rolled back would."""
        self._first(most)

    @rule(most=st.integers(0, 12))
    def give_back(self, most: int) -> None:
        self.hand.give_back(most)
        while len(self._ids()) > most:
            self.over.append(self.waiting.pop())

    @rule()
    def answer(self) -> None:
        calls = self.calls
        self.hand.answer()
        self._are_told(calls)

    @rule()
    def refuse(self) -> None:
        calls = self.calls
        self.hand.refuse()
        self.over += self.waiting
        self.waiting = []
        self._are_told(calls)

    @rule(most=st.integers(1, 12))
    def keep_what_is_refused_meanwhile(self, most: int) -> None:
        """As a transaction that is committed at the end of its child's turn would."""
        given = self._first(most)
        self.refuse()
        self.hand.kept(Kept(len(given)))

    @invariant()
    def nobody_is_told_before_it_is_over(self) -> None:
        assert {one.heard() for one in (*self.waiting, *self.over)} <= {"waits"}

    @invariant()
    def it_holds_what_is_neither_kept_nor_given_back(self) -> None:
        assert len(self.hand) == len(self._ids())
        assert self._first(10_000) == self._ids()

    def _are_told(self, calls: int) -> None:
        for one in self.over:
            kept = self.seen - self.left_out
            assert one.heard() == frozenset(one.orders.ids) - kept
            assert one.heard() == "no more"
            one.close()
        assert self.calls == calls + bool(self.over), "there is room again"
        self.over = []

    def _see(self, given: list[str]) -> None:
        self.seen |= set(given)
        done = [one for one in self.waiting if self.seen.issuperset(one.orders.ids)]
        self.over += done
        self.waiting = [one for one in self.waiting if one not in done]

    def _first(self, most: int) -> list[str]:
        return [one for part in self.hand.first(most) for one in part.ids]

    def _ids(self) -> list[str]:
        every = (one for offered in self.waiting for one in offered.orders.ids)
        return [one for one in every if one not in self.seen]

    def teardown(self) -> None:
        for one in (*self.waiting, *self.over):
            one.close()


def test_each_offer_is_answered_once_and_truly_when_it_is_over() -> None:
    some = settings(max_examples=60, stateful_step_count=25)
    run_state_machine_as_test(Hands, settings=some)


def test_what_does_not_move_has_waited_for_long_enough_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own, now = Hand(LANE), 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    assert own.patience == STILL_SECONDS, "nothing waits"
    made = offered(own, "1", "2", "3")
    now += STILL_SECONDS / 2
    assert own.patience == STILL_SECONDS / 2
    own.kept(Kept(1))
    assert own.patience == STILL_SECONDS
    own.kept(Kept(0))
    now += 2 * STILL_SECONDS
    assert own.patience == 0
    made.close()


# --- in the ledger --------------------------------------------------------------------


@pytest.fixture
def own() -> Iterator[Hand]:
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


def kept(engine: Engine, own: Hand, most: int) -> Kept:
    with writing(engine) as connection:
        return keep(connection, own, most, LEASE, NOW)


def test_as_many_are_claimed_as_may_be_and_the_others_wait(
    engine: Engine, own: Hand
) -> None:
    first, second = offered(own, "1", "2"), offered(own, "3", "4")
    what = kept(engine, own, 3)
    own.kept(what)
    own.answer()
    assert [one.order.id for one in what.claimed] == ["1", "2", "3"]
    assert states(engine) == dict.fromkeys("123", "sending")
    assert (first.heard(), second.heard()) == (frozenset(), "waits")


def test_each_hears_of_its_own_that_were_left_out(engine: Engine, own: Hand) -> None:
    take_in(engine, [new("2"), new("3")])
    first, second, third = (offered(own, *some) for some in ("12", "34", "5"))
    own.kept(kept(engine, own, 5))
    own.answer()
    assert first.heard() == frozenset(first.orders.ids[1:])
    assert second.heard() == frozenset(second.orders.ids[:1])
    assert third.heard() == frozenset()


def test_what_is_claimed_was_committed_by_whoever_claimed_it(
    engine: Engine, own: Hand
) -> None:
    offered(own, "1")
    [held] = kept(engine, own, 1).claimed
    assert row(engine, held.id).version == held.version


def test_what_was_rolled_back_is_kept_the_next_time(engine: Engine, own: Hand) -> None:
    made = offered(own, "1", "2")
    with suppress(LookupError), writing(engine) as connection:
        keep(connection, own, 1, LEASE, NOW)
        raise LookupError("a bug")
    assert made.heard() == "waits"
    what = kept(engine, own, 2)
    assert (what.orders, len(what.claimed), what.left_out) == (2, 2, frozenset())


def test_its_lane_is_known_once_something_is_kept(engine: Engine, own: Hand) -> None:
    own.kept(kept(engine, own, 1))
    with reading(engine) as connection:
        assert all_lanes(connection) == {}
    for order in "12":
        offered(own, order)
        own.kept(kept(engine, own, 1))
    with reading(engine) as connection:
        assert list(all_lanes(connection)) == [LANE]
