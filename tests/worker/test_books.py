"""What a call brought is written down, whatever becomes of what is next."""

from __future__ import annotations

import itertools
import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from ledger.arrivals import made_ready
from ledger.call_log import CallMade
from ledger.claims import claim
from ledger.database import LedgerUnreachableError, open_ledger, reading, writing
from ledger.decision import Event, Halve, NotSent, PutBack, Wait
from ledger.lanes import LaneState, hold_for_operator, read_lane, write_lane
from ledger.listing import Filter, list_rows
from ledger.progress import Claimed
from ledger.queries import history
from ledger.records import new_id
from ledger.states import State
from ledger.tallies import totals
from providers.model import Finding, Outcome
from tests.ledger.build import LANE, new, policy, take_in
from worker import books
from worker.books import Books
from worker.calls import FINE, Asked, Effect
from worker.hand import Hand, Kept, keep
from worker.handoff import Offer

POLICY = policy(concurrency=4, trip_after=2)


@pytest.fixture
def own(engine: Engine) -> Books:
    return Books(engine, LANE, "cancel", POLICY, 1, Hand(LANE))


def answered(claimed: Sequence[Claimed], effect: Effect = FINE) -> Asked:
    now = datetime.now(UTC)
    ids = tuple(one.id for one in claimed)
    call = CallMade(new_id(), "cancel", "answered", timedelta(0), now, ids)
    events = dict.fromkeys(ids, Finding(Outcome.CANCELLED))
    return Asked(claimed, events, effect, now, call)


def states(engine: Engine) -> list[str]:
    with reading(engine) as connection:
        return sorted(row.state for row in list_rows(connection, Filter(), 100))


def test_one_transaction_ends_some_and_claims_others(
    own: Books, engine: Engine
) -> None:
    take_in(engine, map(new, "123"))
    first = own.turn([], 1, 0)
    second = own.turn([answered(first)], 1, 0)
    assert {one.id for one in first}.isdisjoint(one.id for one in second)
    assert states(engine) == ["cancelled", "queued", "sending"]


def test_who_tells_is_woken_by_an_end_that_somebody_wants_to_know_of(
    engine: Engine,
) -> None:
    woken: list[int] = []
    own = Books(engine, LANE, "cancel", POLICY, 1, Hand(LANE), lambda: woken.append(1))
    asking = new("2", callback_url="https://shop.example.com/")
    for one, times in ((new("1"), 0), (asking, 1)):
        take_in(engine, [one])
        own.turn([answered(own.turn([], 1, 0))], 0, 0)
        assert len(woken) == times


def test_a_claim_that_fails_takes_no_answer_with_it(
    own: Books, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(engine, map(new, "12"))
    first = own.turn([], 1, 0)

    def broken(*_: Any) -> list[Claimed]:
        raise LookupError("a bug")

    monkeypatch.setattr(books, "claim", broken)
    with pytest.raises(LookupError):
        own.turn([answered(first)], 1, 0)
    assert states(engine) == ["cancelled", "queued"]


def test_a_lane_that_an_answer_holds_is_claimed_from_no_more(
    own: Books, engine: Engine
) -> None:
    take_in(engine, map(new, "12"))
    first = own.turn([], 1, 0)
    held = answered(first, Effect(held="the key is wrong"))
    assert own.turn([held], 1, 0) == []
    with reading(engine) as connection:
        assert read_lane(connection, LANE).held_reason == "the key is wrong"


def test_a_lane_that_is_being_probed_is_called_once_at_a_time(
    own: Books, engine: Engine
) -> None:
    take_in(engine, map(new, "1234"))
    for _ in range(POLICY.trip_after):
        one = own.turn([], 1, 0)
        own.turn([answered(one, Effect(failed="no answer"))], 0, 0)
    with writing(engine) as connection:
        lane = read_lane(connection, LANE)
        assert lane.paused_until is not None
        write_lane(connection, LANE, replace(lane, paused_until=None))
    assert own.turn([], 2, 1) == []
    assert len(own.turn([], 2, 0)) == 1


def test_told_to_stop_it_records_and_claims_nothing(
    own: Books, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(engine, map(new, "12"))
    first = own.turn([], 1, 0)
    monkeypatch.setattr(books, "stopping", lambda: True)
    assert own.turn([answered(first)], 1, 0) == []
    assert states(engine) == ["cancelled", "queued"]


def test_alike_orders_are_decided_alike_and_others_by_themselves(
    own: Books, engine: Engine
) -> None:
    take_in(engine, map(new, "123"))
    with writing(engine) as connection:
        now = datetime.now(UTC)
        held = claim(connection, LANE, State.QUEUED, 3, timedelta(minutes=5), now)
    asked = answered(held)
    odd = held[1].id
    events = {**asked.events, odd: Finding(Outcome.REFUSED)}
    own.turn([Asked(held, events, FINE, asked.at, asked.call)], 0, 0)
    with reading(engine) as connection:
        ends = {one.id: history(connection, one.id)[-1]["to"] for one in held}
    assert ends.pop(odd) == "verifying"
    assert set(ends.values()) == {"cancelled"}


def counted(engine: Engine) -> dict[str, int]:
    with reading(engine) as connection:
        return {one.metric: one.count for one in totals(connection)}


def test_what_is_made_again_for_a_lost_acknowledgement_is_counted_once(
    own: Books, engine: Engine
) -> None:
    take_in(engine, [new()])
    throttled = Effect(throttled=timedelta(seconds=1), why="slowly")
    ended = answered(own.turn([], 1, 0), throttled)
    own.turn([ended], 0, 0)
    own.turn([ended], 0, 0)
    expected = {"accepted": 1, "attempt": 1, "call": 1, "outcome": 1, "throttle": 1}
    assert counted(engine) == expected


@pytest.mark.parametrize("event", [NotSent(), PutBack(), Wait(), Halve(2)])
def test_what_cannot_have_reached_the_provider_is_no_attempt(
    own: Books, engine: Engine, event: Event
) -> None:
    take_in(engine, [new()])
    asked = answered(own.turn([], 1, 0))
    events = dict.fromkeys(asked.events, event)
    own.turn([replace(asked, events=events)], 0, 0)
    assert states(engine) == ["queued"]
    assert counted(engine) == {"accepted": 1, "call": 1}


# --- what is in hand ------------------------------------------------------------------


class Offered:
    """Orders that a lane is offered, and whoever waits to hear of them."""

    def __init__(self, own: Books, *orders: str) -> None:
        now = datetime.now(UTC)
        new_ones = [new(one, opened_at=now) for one in orders]
        self.ids = [one.id for one in new_ones]
        ours, self._theirs = socket.socketpair()
        self._theirs.settimeout(0.0)
        self._hand = own.hand
        own.hand.add(Offer(made_ready(new_ones, now), ours))

    def heard(self) -> str:
        """What whoever offered them hears, once everybody is told."""
        self._hand.answer()
        try:
            return self._theirs.recv(65_536).decode()
        except BlockingIOError:
            return "nothing yet"

    @property
    def refused(self) -> str:
        """What whoever offered them hears where none was kept."""
        return json.dumps(self.ids)


def by_order(engine: Engine) -> dict[str, str]:
    with reading(engine) as connection:
        return {r.order_id: r.state for r in list_rows(connection, Filter(), 100)}


def named(claimed: Sequence[Claimed]) -> list[str]:
    return [one.order.id for one in claimed]


def test_what_is_offered_is_claimed_as_it_is_committed(
    own: Books, engine: Engine
) -> None:
    offered = Offered(own, "1", "2")
    claimed = own.turn([], 2, 0, look=False)
    assert named(claimed) == ["1", "2"]
    assert by_order(engine) == {"1": "sending", "2": "sending"}
    assert offered.heard() == "[]"


def test_who_offered_hears_nothing_before_all_of_it_is_committed(
    own: Books, engine: Engine
) -> None:
    offered = Offered(own, "1", "2")
    own.turn([], 1, 0)
    assert by_order(engine) == {"1": "sending"}
    assert offered.heard() == "nothing yet"
    own.turn([], 1, 0)
    assert by_order(engine) == {"1": "sending", "2": "sending"}
    assert offered.heard() == "[]"


def test_what_was_kept_ends_like_any_other(own: Books, engine: Engine) -> None:
    Offered(own, "1")
    own.turn([answered(own.turn([], 1, 0))], 0, 0)
    assert by_order(engine) == {"1": "cancelled"}
    assert counted(engine) == {"accepted": 1, "attempt": 1, "call": 1, "outcome": 1}


def test_what_waits_in_the_ledger_goes_before_what_is_in_hand(
    own: Books, engine: Engine
) -> None:
    take_in(engine, [new("a"), new("b")])
    Offered(own, "1", "2")
    assert sorted(named(own.turn([], 3, 0))) == ["1", "a", "b"]
    assert by_order(engine).get("2") is None


def test_a_deadline_that_comes_meanwhile_is_in_the_next_call(
    own: Books, engine: Engine
) -> None:
    Offered(own, "1", "2")
    own.turn([], 1, 0, look=False)
    before = datetime.now(UTC) + timedelta(minutes=5)
    take_in(engine, [new("urgent", cancel_before=before)])
    assert named(own.turn([], 1, 0)) == ["urgent"]
    assert named(own.turn([], 1, 0)) == ["2"]


def test_what_is_more_than_may_be_called_stays_in_hand(
    own: Books, engine: Engine
) -> None:
    offered = Offered(own, "1", "2")
    assert named(own.turn([], 1, 0)) == ["1"]
    assert offered.heard() == "nothing yet"
    own.hand.give_back()
    assert by_order(engine) == {"1": "sending"}


@pytest.mark.parametrize(
    "lane",
    [
        hold_for_operator(LaneState(), datetime.now(UTC)),
        LaneState(paused_until=datetime.now(UTC) + timedelta(hours=1)),
    ],
    ids=["held", "paused"],
)
def test_what_a_lane_is_offered_that_may_not_be_called_stays_in_hand(
    own: Books, engine: Engine, lane: LaneState
) -> None:
    with writing(engine) as connection:
        write_lane(connection, LANE, lane)
    offered = Offered(own, "1", "2")
    assert own.turn([], 4, 0) == []
    assert states(engine) == []
    assert offered.heard() == "nothing yet"


def test_told_to_stop_it_keeps_nothing_and_says_nothing(
    own: Books, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = Offered(own, "1")
    monkeypatch.setattr(books, "stopping", lambda: True)
    assert own.turn([], 1, 0) == []
    assert states(engine) == []
    assert offered.heard() == "nothing yet"


def test_what_cannot_be_kept_is_refused_and_takes_no_answer_with_it(
    own: Books, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(engine, [new("1")])
    first = own.turn([], 1, 0)
    offered = Offered(own, "2")

    def broken(_: Connection, hand: Hand, *__: Any) -> Any:
        if hand:
            raise LookupError("a bug")
        return Kept()

    monkeypatch.setattr(books, "keep", broken)
    with pytest.raises(LookupError):
        own.turn([answered(first)], 1, 0)
    assert by_order(engine) == {"1": "cancelled"}
    assert offered.heard() == offered.refused


@contextmanager
def acknowledgement_lost(engine: Engine) -> Iterator[Connection]:
    """A transaction that is committed, and nobody hears of it."""
    with writing(engine) as connection:
        yield connection
    raise LedgerUnreachableError("no answer to COMMIT")


def test_a_commit_whose_acknowledgement_is_lost_claims_nothing_and_refuses(
    own: Books, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = Offered(own, "1")
    monkeypatch.setattr(books, "writing", acknowledgement_lost)
    with pytest.raises(LedgerUnreachableError):
        own.turn([], 1, 0)
    assert offered.heard() == offered.refused
    # It may have been kept even so: then it is read back, and never sent again.
    assert by_order(engine) == {"1": "sending"}


def test_an_answer_whose_commit_was_lost_is_recorded_once_and_offers_are_refused(
    own: Books, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    take_in(engine, [new("1")])
    first = own.turn([], 1, 0)
    offered = Offered(own, "2")
    ways = itertools.chain([acknowledgement_lost], itertools.repeat(writing))

    def at_first_lost(engine: Engine) -> Any:
        return next(ways)(engine)

    monkeypatch.setattr(books, "writing", at_first_lost)
    monkeypatch.setattr("time.sleep", lambda _: None)
    assert own.turn([answered(first)], 1, 0) == []
    assert offered.heard() == offered.refused
    assert by_order(engine) == {"1": "cancelled", "2": "sending"}
    expected = {"accepted": 2, "attempt": 1, "call": 1, "outcome": 1}
    assert counted(engine) == expected


def test_a_connection_that_breaks_in_the_middle_refuses_and_loses_no_answer(
    postgres_ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, other = open_ledger(postgres_ledger_url), open_ledger(postgres_ledger_url)
    own = Books(engine, LANE, "cancel", POLICY, 1, Hand(LANE))
    take_in(engine, [new("1")])
    first, offered = own.turn([], 1, 0), Offered(own, "2")

    def then_breaks(connection: Connection, hand: Hand, *a: Any, **b: Any) -> Any:
        found = keep(connection, hand, *a, **b)
        if found.orders:
            pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
            with writing(other) as killer:
                killer.execute(text(f"SELECT pg_terminate_backend({pid})"))
        return found

    monkeypatch.setattr(books, "keep", then_breaks)
    monkeypatch.setattr("time.sleep", lambda _: None)
    assert own.turn([answered(first)], 1, 0) == []
    assert offered.heard() == offered.refused
    assert by_order(engine) == {"1": "cancelled"}
    engine.dispose()
    other.dispose()


def test_a_ledger_that_is_locked_refuses_what_is_offered(
    sqlite_ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.database.BUSY_SECONDS", 0.05)
    monkeypatch.setattr("ledger.database.TURN_SECONDS", 0.05)
    engine, other = open_ledger(sqlite_ledger_url), open_ledger(sqlite_ledger_url)
    own = Books(engine, LANE, "cancel", POLICY, 1, Hand(LANE))
    offered = Offered(own, "1")
    with (
        writing(other),
        pytest.raises(LedgerUnreachableError, match="locked by another program"),
    ):
        own.turn([], 1, 0)
    assert offered.heard() == offered.refused
    assert states(engine) == []
    engine.dispose()
    other.dispose()


def test_what_its_maker_kept_meanwhile_is_claimed_once(
    own: Books, engine: Engine
) -> None:
    offered = Offered(own, "1", "2")
    one = new("1", id=offered.ids[0])
    take_in(engine, [one])
    assert named(own.turn([], 4, 0, look=False)) == ["2"]
    assert offered.heard() == f'["{one.id}"]'
    assert by_order(engine) == {"1": "queued", "2": "sending"}
