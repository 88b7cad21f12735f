"""Each end that somebody wants to know of is to be told once, whatever happens."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, select

from ledger import deliveries
from ledger import told as questions
from ledger.database import reading, writing
from ledger.deliveries import AT_ONCE, Ended, put_off, resend, resend_given_up, settle
from ledger.intake import insert_new
from ledger.queries import as_record
from ledger.records import record
from ledger.retention import Pruning, count_ended
from ledger.rounds import retry
from ledger.side_tables import DELIVERY
from ledger.states import FINAL, RETRYABLE, State
from ledger.sweeps import sweep_deadlines, sweep_leases
from ledger.tables import CALL, CANCELLATION, LANE, TRANSITION
from ledger.tallies import WEBHOOK, totals
from ledger.telling import DELAYS, Heard, Telling, judge
from ledger.told import anything_due, due_targets, list_told, told_of
from tests.ledger.build import (
    HOUR,
    NOW,
    PLAIN,
    SECOND,
    add,
    change,
    hold,
    make,
    new,
    progress,
    row,
)
from tests.ledger.build import (
    LANE as NOTPANEL,
)

URL = "https://shop.example.com/hook?key=secret"
TASK = {"callback_task": "shop.ended", "callback_queue": "shop"}
LEASE = timedelta(minutes=1)
TAKEN = Heard(taken=True, status=204)
NOT_TAKEN = Heard(taken=False, status=500, detail="HTTP 500")
GONE = Heard(taken=False, status=410, detail="HTTP 410", gone=True)


def ended(engine: Engine, order: str = "1", **values: Any) -> str:
    """One that has failed, whose producer is to be told by a webhook unless said."""
    asked = values or {"callback_url": URL}
    with writing(engine) as connection:
        insert_new(connection, [new(order, **asked)], NOW)
    [held] = hold(engine)
    make(engine, [change(held, State.FAILED, provider_message="it broke")])
    return held.id


def holding(
    engine: Engine,
    target: str = "shop.example.com",
    limit: int = 10,
    now: datetime = NOW,
) -> list[Telling]:
    with writing(engine) as connection:
        return deliveries.hold(connection, target, limit, LEASE, now)


def settling(
    engine: Engine, telling: Telling, heard: Heard, now: datetime = NOW
) -> int:
    with writing(engine) as connection:
        return settle(connection, [judge(telling, heard, now, 0.5)], now)


def told(engine: Engine, one: str) -> list[dict[str, Any]]:
    with reading(engine) as connection:
        return told_of(connection, one)


# --- one for each end ---------------------------------------------------------------

WISHES: list[dict[str, Any]] = [
    {},
    {"callback_url": URL},
    TASK,
    {"callback_url": URL, **TASK},
]
BEGINNINGS = [
    State.QUEUED,
    State.QUEUED,
    State.SCHEDULED,
    State.EXPIRED,
    State.REJECTED,
]
HEARD = [TAKEN, NOT_TAKEN, GONE]
numbers = st.integers(0, 3)
places = st.integers(0, 1)
"""From the latest one of those that were claimed or held, backwards."""
ends = st.sampled_from([*sorted(FINAL), State.VERIFYING, State.QUEUED])
claiming = st.tuples(st.just("claim"), st.sampled_from([State.QUEUED, State.VERIFYING]))
ending = st.tuples(st.just("end"), places, ends)
wishes, beginnings = st.sampled_from(WISHES), st.sampled_from(BEGINNINGS)
targets = st.sampled_from(["shop.example.com", deliveries.BROKER])
steps = st.one_of(
    st.tuples(st.just("submit"), st.integers(3, 9), wishes, beginnings),
    claiming,
    ending,
    claiming,
    ending,
    st.tuples(st.just("retry"), numbers),
    st.tuples(st.just("time"), st.sampled_from([SECOND, 10 * HOUR])),
    st.tuples(st.just("hold"), targets),
    st.tuples(st.just("settle"), places, st.sampled_from(HEARD)),
    st.tuples(st.just("resend"), numbers),
    st.tuples(st.just("begin again")),
)


class Story:
    """Some cancellations, workers that may die at any time, and what became of them."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.now = NOW
        self.wishes: dict[str, dict[str, Any]] = {}
        self.claimed: list[Any] = []
        self.held: list[Telling] = []
        for number, wish in enumerate(WISHES):
            self.submit(number, wish, State.QUEUED)

    def ids(self) -> list[str]:
        return list(self.wishes)

    def submit(self, number: int, wish: dict[str, Any], state: State) -> None:
        end = {"finished_at": self.now} if state in FINAL else {"due_at": self.now}
        late = self.now + 5 * HOUR if number % 2 else None
        one = new(
            str(number), progress=progress(state, **end), cancel_before=late, **wish
        )
        with writing(self.engine) as connection:
            if insert_new(connection, [one], self.now):
                self.wishes[one.id] = wish

    def claim(self, state: State) -> None:
        self.claimed += hold(self.engine, state, 2, self.now)

    def end(self, number: int, state: State) -> None:
        """By whoever claimed it, as late and as often as they like."""
        if number < len(self.claimed):
            held = self.claimed[-1 - number]
            at = {"finished_at": self.now} if state in FINAL else {"due_at": self.now}
            make(self.engine, [change(held, state, **at)], self.now)

    def retry(self, number: int) -> None:
        for one in self.ids()[number : number + 1]:
            found = row(self.engine, one)
            if State(found.state) in RETRYABLE:
                with writing(self.engine) as connection:
                    retry(connection, found, self.now, self.now + 10 * HOUR)

    def time(self, passes: timedelta) -> None:
        self.now += passes
        with writing(self.engine) as connection:
            sweep_leases(connection, NOTPANEL, PLAIN, self.now)
            sweep_deadlines(connection, NOTPANEL, PLAIN, self.now)

    def hold(self, target: str) -> None:
        self.held += holding(self.engine, target, 2, self.now)

    def settle(self, number: int, heard: Heard) -> None:
        if number < len(self.held):
            settling(self.engine, self.held[-1 - number], heard, self.now)

    def resend(self, number: int) -> None:
        for one in self.ids()[number : number + 1]:
            with writing(self.engine) as connection:
                resend(connection, one, self.now)

    def begin_again(self) -> None:
        """As after a commit whose acknowledgement was lost."""
        with writing(self.engine) as connection:
            deliveries.begin(
                connection,
                [
                    Ended(one, wish.get("callback_url"), wish.get("callback_task"))
                    for one, wish in self.wishes.items()
                    if State(row(self.engine, one).state) in FINAL
                ],
            )

    def should_be_told(self) -> set[tuple[str, int, str, str]]:
        """By the words of the promise: from the history alone."""
        t = TRANSITION.c
        with reading(self.engine) as connection:
            ends = connection.execute(
                select(t.cancellation_id, t.seq, t.to_state).where(
                    t.to_state.in_(FINAL)
                )
            ).all()
        kinds = {"webhook": "callback_url", "task": "callback_task"}
        return {
            (one, seq, kind, state)
            for one, seq, state in ends
            for kind, field in kinds.items()
            if field in self.wishes[one]
        }

    def is_told(self) -> set[tuple[str, int, str, str]]:
        d = DELIVERY.c
        chosen = select(d.cancellation_id, d.seq, d.kind, d.ended_state)
        with reading(self.engine) as connection:
            return {(a, b, c, e) for a, b, c, e in connection.execute(chosen)}


@given(st.lists(steps, min_size=8, max_size=30))
@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)
def test_every_end_has_one_delivery_of_each_kind_that_was_asked_for_and_no_other(
    engine: Engine, story: list[tuple[Any, ...]]
) -> None:
    with writing(engine) as connection:
        for table in (DELIVERY, TRANSITION, CALL, CANCELLATION, LANE):
            connection.execute(delete(table))
    lived = Story(engine)
    for name, *given_ in story:
        getattr(lived, name.replace(" ", "_"))(*given_)
    assert lived.is_told() == lived.should_be_told()


def test_an_end_and_its_delivery_are_made_together_or_not_at_all(
    engine: Engine,
) -> None:
    with writing(engine) as connection:
        insert_new(connection, [new(callback_url=URL)], NOW)
    [held] = hold(engine)

    def end_and_fail() -> None:
        with writing(engine) as connection:
            assert (
                record(connection, [change(held, State.FAILED)], NOW, NOTPANEL).to_tell
                == 1
            )
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        end_and_fail()
    assert told(engine, held.id) == []
    assert row(engine, held.id).state == State.SENDING


def test_where_nobody_asked_nobody_is_looked_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "asked_for", None)
    add(engine)
    [held] = hold(engine)
    with writing(engine) as connection:
        assert (
            record(connection, [change(held, State.FAILED)], NOW, NOTPANEL).to_tell == 0
        )
    assert told(engine, held.id) == []


def test_what_is_told_is_what_was_true_at_its_end(engine: Engine) -> None:
    one = ended(engine)
    then = as_record(row(engine, one))
    with writing(engine) as connection:
        assert retry(connection, row(engine, one), NOW + HOUR, NOW + 9 * HOUR)
    [telling] = holding(engine, now=NOW + HOUR)
    assert telling.record == then
    assert as_record(row(engine, one)) != then
    assert (telling.url, telling.webhook_id) == (URL, f"msg_{one}_3")


def test_only_an_end_is_told(engine: Engine) -> None:
    with writing(engine) as connection:
        insert_new(connection, [new(callback_url=URL)], NOW)
    [held] = hold(engine)
    with writing(engine) as connection:
        assert (
            record(connection, [change(held, State.VERIFYING)], NOW, NOTPANEL).to_tell
            == 0
        )
    assert told(engine, held.id) == []


# --- holding ------------------------------------------------------------------------


def test_no_two_hold_one_at_the_same_time(engine: Engine) -> None:
    for order in range(20):
        ended(engine, str(order))
    start, found = threading.Barrier(4), list[Telling]()

    def take() -> None:
        start.wait()
        found.extend(holding(engine, limit=7))

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.cancellation_id for one in found}) == len(found)
    found += holding(engine, limit=20)
    assert len(found) == 20


def test_whose_holder_vanished_is_told_again_under_the_same_id(engine: Engine) -> None:
    ended(engine)
    [lost] = holding(engine)
    assert holding(engine, now=NOW + LEASE - SECOND) == []
    [again] = holding(engine, now=NOW + LEASE)
    assert again.webhook_id == lost.webhook_id
    assert (lost.attempts, again.attempts) == (1, 2)


def test_one_who_comes_late_settles_nothing(engine: Engine) -> None:
    one = ended(engine)
    [late] = holding(engine)
    [other] = holding(engine, now=NOW + LEASE)
    assert settling(engine, late, GONE) == 0
    assert told(engine, one)[0]["state"] == "waiting"
    assert settling(engine, other, TAKEN) == 1
    assert settling(engine, late, GONE) == 0
    assert told(engine, one)[0]["state"] == "delivered"


@pytest.mark.parametrize("heard", HEARD, ids=["taken", "not taken", "gone"])
def test_an_attempt_is_written_down_and_counted_once(
    engine: Engine, heard: Heard
) -> None:
    # A commit whose acknowledgement was lost is made again.
    ended(engine)
    [telling] = holding(engine)
    assert settling(engine, telling, heard) == 1
    assert settling(engine, telling, heard) == 0
    with reading(engine) as connection:
        counted = [t for t in totals(connection) if t.metric == WEBHOOK]
    [one] = counted
    results = {TAKEN: "delivered", NOT_TAKEN: "failed", GONE: "given_up"}
    assert (one.first, one.count) == (results[heard], 1)


def test_one_that_is_not_taken_is_tried_again_until_it_is_given_up(
    engine: Engine,
) -> None:
    one, now = ended(engine), NOW
    for attempt, delay in enumerate(DELAYS, 1):
        [telling] = holding(engine, now=now)
        assert telling.attempts == attempt
        settling(engine, telling, NOT_TAKEN, now)
        assert holding(engine, now=now + delay) == []
        now += delay * 1.1
    [last] = holding(engine, now=now)
    settling(engine, last, NOT_TAKEN, now)
    [kept] = told(engine, one)
    assert (kept["state"], kept["attempts"], kept["status"]) == ("given_up", 10, 500)
    assert (kept["detail"], kept["due_at"]) == ("HTTP 500", None)


def test_one_whose_cancellation_was_deleted_by_hand_stops_no_other(
    engine: Engine,
) -> None:
    gone, there = ended(engine, "1"), ended(engine, "2")
    with writing(engine) as connection:
        for table in (TRANSITION, CANCELLATION):
            mine = table.c["id" if table is CANCELLATION else "cancellation_id"] == gone
            connection.execute(delete(table).where(mine))
    assert [one.cancellation_id for one in holding(engine)] == [there]


def test_only_its_own_target_holds_one_and_the_longest_due_goes_first(
    engine: Engine,
) -> None:
    ids = {ended(engine, "1"), ended(engine, "2")}
    other = ended(engine, "3", callback_url="https://b.example.com:8443/")
    task = ended(engine, "4", **TASK)
    [first] = holding(engine, limit=1)
    settling(engine, first, replace(NOT_TAKEN, wait=timedelta(seconds=30)))
    [second] = holding(engine, limit=1, now=NOW + HOUR)
    [third] = holding(engine, limit=1, now=NOW + HOUR)
    assert {first.cancellation_id, second.cancellation_id} == ids
    assert third.cancellation_id == first.cancellation_id
    assert [t.cancellation_id for t in holding(engine, "b.example.com:8443")] == [other]
    assert [t.cancellation_id for t in holding(engine, deliveries.BROKER)] == [task]


def test_one_that_wants_to_be_left_alone_is_and_nobody_else(engine: Engine) -> None:
    ended(engine, "1")
    ended(engine, "2", callback_url="https://b.example.com/")
    with writing(engine) as connection:
        put_off(connection, "shop.example.com", NOW + HOUR)
    with reading(engine) as connection:
        assert due_targets(connection, "", NOW) == (["b.example.com"], "")
        both = ["b.example.com", "shop.example.com"]
        assert due_targets(connection, "", NOW + HOUR) == (both, "")


@pytest.mark.parametrize("url", ["https://[/", "https:///x", "nothing"])
def test_an_address_that_cannot_be_read_is_found_as_well(
    engine: Engine, url: str
) -> None:
    one = ended(engine, callback_url=url)
    with reading(engine) as connection:
        (target,), _ = due_targets(connection, "", NOW)
    assert [held.cancellation_id for held in holding(engine, target)] == [one]


def test_targets_are_gone_through_some_at_a_time(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "MOST_TARGETS", 2)
    for number in range(5):
        ended(engine, str(number), callback_url=f"https://h{number}.example.com/")
    after, seen = "", list[str]()
    with reading(engine) as connection:
        for _ in range(3):
            found, after = due_targets(connection, after, NOW)
            assert len(found) <= 2
            seen += found
    assert (seen, after) == ([f"h{number}.example.com" for number in range(5)], "")


def test_something_is_due_when_its_time_has_come(engine: Engine) -> None:
    with reading(engine) as connection:
        assert not anything_due(connection, NOW + HOUR)
    ended(engine)
    with reading(engine) as connection:
        assert not anything_due(connection, NOW - SECOND)
        assert anything_due(connection, NOW)


# --- sending again ------------------------------------------------------------------


@pytest.mark.parametrize("heard", HEARD, ids=["taken", "not taken", "gone"])
def test_what_was_told_is_told_again_from_the_beginning(
    engine: Engine, heard: Heard
) -> None:
    one = ended(engine)
    [first] = holding(engine)
    settling(engine, first, heard)
    with writing(engine) as connection:
        assert resend(connection, one, NOW) == 1
        assert resend(connection, "nobody", NOW) == 0
    [again] = holding(engine)
    assert (again.webhook_id, again.attempts) == (first.webhook_id, 1)


def test_who_still_held_one_that_is_told_again_has_nothing_to_say_of_it_any_more(
    engine: Engine,
) -> None:
    one = ended(engine)
    [held] = holding(engine)
    with writing(engine) as connection:
        assert resend(connection, one, NOW) == 1
    assert settling(engine, held, GONE) == 0
    assert told(engine, one)[0]["state"] == "waiting"


def test_all_that_was_given_up_and_nothing_else_is_told_again(engine: Engine) -> None:
    lost, fine = (
        ended(engine, "1"),
        ended(engine, "2", callback_url="https://b.example.com/"),
    )
    settling(engine, holding(engine)[0], GONE)
    settling(engine, holding(engine, "b.example.com")[0], TAKEN)
    with writing(engine) as connection:
        assert resend_given_up(connection, NOW) == 1
        assert resend_given_up(connection, NOW) == 0
    states = [told(engine, one)[0]["state"] for one in (lost, fine)]
    assert states == ["waiting", "delivered"]
    assert AT_ONCE > 1


def test_they_are_listed_by_how_they_stand(engine: Engine) -> None:
    ids = [ended(engine, str(number)) for number in range(4)]
    held = {one.cancellation_id: one for one in holding(engine)}
    settling(engine, held[ids[0]], GONE)
    settling(engine, held[ids[1]], TAKEN)
    settling(engine, held[ids[2]], NOT_TAKEN)

    def listed(state: str | None) -> list[str]:
        with reading(engine) as connection:
            return [one["cancellation"] for one in list_told(connection, state, 3)]

    assert listed("given_up") == [ids[0]]
    assert listed("delivered") == [ids[1]]
    # The one that is held is tried again when its lease has run out.
    assert listed("waiting") == [ids[2], ids[3]]
    assert listed(None) == ids[:0:-1]


def test_no_list_shows_more_of_an_address_than_its_host(engine: Engine) -> None:
    one = ended(engine)
    with reading(engine) as connection:
        shown = str([told_of(connection, one), list_told(connection, None, 9)])
    assert "shop.example.com" in shown
    assert "/hook" not in shown
    assert "secret" not in shown
    assert "secret" not in repr(holding(engine))


# --- retention ----------------------------------------------------------------------


def test_nothing_is_deleted_that_somebody_is_still_to_be_told_of(
    engine: Engine,
) -> None:
    waits, fine = (
        ended(engine, "1"),
        ended(engine, "2", callback_url="https://b.example.com/"),
    )
    settling(engine, holding(engine)[0], NOT_TAKEN)
    settling(engine, holding(engine, "b.example.com")[0], TAKEN)
    assert prune(engine) == 1
    assert told(engine, fine) == []
    assert len(told(engine, waits)) == 1
    settling(engine, holding(engine, now=NOW + HOUR)[0], GONE)
    assert prune(engine) == 1
    assert told(engine, waits) == []


def prune(engine: Engine) -> int:
    before = NOW + 48 * HOUR
    with reading(engine) as connection:
        counted = count_ended(connection, before)
    walk = Pruning(engine, before)
    while walk.step():
        pass
    assert counted == walk.cancellations
    return counted


# --- counted ------------------------------------------------------------------------


def test_each_attempt_is_counted_by_what_came_of_it_and_a_late_one_is_not(
    engine: Engine,
) -> None:
    ended(engine)
    [telling] = holding(engine)
    assert settling(engine, telling, NOT_TAKEN) == 1
    assert settling(engine, telling, TAKEN) == 0
    [again] = holding(engine, now=NOW + HOUR)
    settling(engine, again, TAKEN, NOW + HOUR)
    ended(engine, "2")
    [other] = holding(engine)
    settling(engine, other, GONE)
    with reading(engine) as connection:
        of_them = [one for one in totals(connection) if one.metric == WEBHOOK]
    counted = {one.first: one.count for one in of_them}
    assert counted == {"delivered": 1, "failed": 1, "given_up": 1}
