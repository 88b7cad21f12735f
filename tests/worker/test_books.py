"""What a call brought is written down, whatever becomes of what is next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from ledger.claims import claim
from ledger.database import reading, writing
from ledger.decision import Event, Halve, NotSent, PutBack, Wait
from ledger.lanes import read_lane, write_lane
from ledger.listing import Filter, list_rows
from ledger.progress import Claimed
from ledger.queries import history
from ledger.records import CallMade, new_id
from ledger.states import State
from ledger.tallies import totals
from providers.model import Finding, Outcome
from tests.ledger.build import LANE, new, policy, take_in
from worker import books
from worker.books import Books
from worker.calls import FINE, Asked, Effect
from worker.hand import Hand

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
