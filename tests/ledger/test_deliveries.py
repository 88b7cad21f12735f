"""Each end is delivered once to each callback, whatever happens."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, select

from rescind.ledger.changes.deletion import Pruning, count_ended
from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.changes.retries import retry
from rescind.ledger.changes.sweeps import move
from rescind.ledger.deliveries import store
from rescind.ledger.deliveries.dispatch import claim_deliveries, settle
from rescind.ledger.deliveries.retry_policy import ClaimedDelivery, Response, judge
from rescind.ledger.deliveries.store import (
    BROKER,
    Ended,
    create_deliveries,
    resend,
    resend_given_up_of,
)
from rescind.ledger.reading.queries import as_record
from rescind.ledger.states import FINAL, RETRYABLE, State
from rescind.ledger.storage.call_table import CALL
from rescind.ledger.storage.side_tables import DELIVERY
from rescind.ledger.storage.tables import CANCELLATION, LANE, TRANSITION
from rescind.ledger.storage.transactions import reading, writing
from rescind.operations.resending import resend_all_given_up
from tests.ledger.build import (
    BY,
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
from tests.ledger.delivering import (
    GONE,
    HEARD,
    LEASE,
    NOT_TAKEN,
    TAKEN,
    TASK,
    URL,
    deliveries_for,
    ended,
    holding,
    settling,
)
from tests.ledger.single import record

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
numbers = st.integers(0, 3)
places = st.integers(0, 1)
"""Index from the latest claimed or held one, backwards."""
# A withdrawal ends only what was not claimed.
ENDS = FINAL - {State.WITHDRAWN}
ends = st.sampled_from([*sorted(ENDS), State.VERIFYING, State.QUEUED])
claiming = st.tuples(st.just("claim"), st.sampled_from([State.QUEUED, State.VERIFYING]))
ending = st.tuples(st.just("end"), places, ends)
wishes, beginnings = st.sampled_from(WISHES), st.sampled_from(BEGINNINGS)
targets = st.sampled_from(["shop.example.com", BROKER])
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
    """Cancellations, workers that may die at any time, and their deliveries."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.now = NOW
        self.wishes: dict[str, dict[str, Any]] = {}
        self.claimed: list[Any] = []
        self.held: list[ClaimedDelivery] = []
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
        """End it by any worker that claimed it, at any time, any number of times."""
        if number < len(self.claimed):
            held = self.claimed[-1 - number]
            at = {"finished_at": self.now} if state in FINAL else {"due_at": self.now}
            make(self.engine, [change(held, state, **at)], self.now)

    def retry(self, number: int) -> None:
        for one in self.ids()[number : number + 1]:
            found = row(self.engine, one)
            if State(found.state) in RETRYABLE:
                with writing(self.engine) as connection:
                    retry(connection, found, self.now, self.now + 10 * HOUR, by=BY)

    def time(self, passes: timedelta) -> None:
        self.now += passes
        with writing(self.engine) as connection:
            move(connection, [NOTPANEL], lambda _: PLAIN, self.now)

    def hold(self, target: str) -> None:
        self.held += holding(self.engine, target, 2, self.now)

    def settle(self, number: int, response: Response) -> None:
        if number < len(self.held):
            settling(self.engine, self.held[-1 - number], response, self.now)

    def resend(self, number: int) -> None:
        for one in self.ids()[number : number + 1]:
            with writing(self.engine) as connection:
                resend(connection, one, self.now)

    def begin_again(self) -> None:
        """Repeat it, as after a commit whose acknowledgement was lost."""
        with writing(self.engine) as connection:
            create_deliveries(
                connection,
                [
                    Ended(one, wish.get("callback_url"), wish.get("callback_task"))
                    for one, wish in self.wishes.items()
                    if State(row(self.engine, one).state) in FINAL
                ],
            )

    def expected_deliveries(self) -> set[tuple[str, int, str, str]]:
        """The deliveries that the promise requires, from the history alone."""
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

    def actual_deliveries(self) -> set[tuple[str, int, str, str]]:
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
def test_every_end_has_one_delivery_for_each_wanted_callback_and_no_others(
    engine: Engine, story: list[tuple[Any, ...]]
) -> None:
    with writing(engine) as connection:
        for table in (DELIVERY, TRANSITION, CALL, CANCELLATION, LANE):
            connection.execute(delete(table))
    lived = Story(engine)
    for name, *given_ in story:
        getattr(lived, name.replace(" ", "_"))(*given_)
    assert lived.actual_deliveries() == lived.expected_deliveries()


def test_an_end_and_its_delivery_are_committed_together_or_not_at_all(
    engine: Engine,
) -> None:
    with writing(engine) as connection:
        insert_new(connection, [new(callback_url=URL)], NOW)
    [held] = hold(engine)

    def end_and_fail() -> None:
        with writing(engine) as connection:
            assert (
                record(
                    connection, [change(held, State.FAILED)], NOW, NOTPANEL
                ).to_deliver
                == 1
            )
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        end_and_fail()
    assert deliveries_for(engine, held.id) == []
    assert row(engine, held.id).state == State.SENDING


def test_without_callbacks_no_query_looks_for_them(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "callbacks_of", None)
    add(engine)
    [held] = hold(engine)
    with writing(engine) as connection:
        assert (
            record(connection, [change(held, State.FAILED)], NOW, NOTPANEL).to_deliver
            == 0
        )
    assert deliveries_for(engine, held.id) == []


def test_a_delivery_shows_the_record_as_it_was_at_the_end(engine: Engine) -> None:
    one = ended(engine)
    then = as_record(row(engine, one))
    assert then.pop("by") == BY, "a receiver gets no actor"
    with writing(engine) as connection:
        assert retry(connection, row(engine, one), NOW + HOUR, NOW + 9 * HOUR, by=BY)
    [delivery] = holding(engine, now=NOW + HOUR)
    assert delivery.record == then
    assert as_record(row(engine, one)) != then
    assert (delivery.url, delivery.webhook_id) == (URL, f"msg_{one}_3")


def test_only_a_final_state_is_delivered(engine: Engine) -> None:
    with writing(engine) as connection:
        insert_new(connection, [new(callback_url=URL)], NOW)
    [held] = hold(engine)
    with writing(engine) as connection:
        assert (
            record(
                connection, [change(held, State.VERIFYING)], NOW, NOTPANEL
            ).to_deliver
            == 0
        )
    assert deliveries_for(engine, held.id) == []


# --- resending ----------------------------------------------------------------------


@pytest.mark.parametrize("response", HEARD, ids=["taken", "not taken", "gone"])
def test_a_resent_delivery_starts_from_the_beginning(
    engine: Engine, response: Response
) -> None:
    one = ended(engine)
    [first] = holding(engine)
    settling(engine, first, response)
    with writing(engine) as connection:
        assert resend(connection, one, NOW) == 1
        assert resend(connection, "nobody", NOW) == 0
    [again] = holding(engine)
    assert (again.webhook_id, again.attempts) == (first.webhook_id, 1)


def test_a_worker_that_holds_a_resent_delivery_can_no_longer_settle_it(
    engine: Engine,
) -> None:
    one = ended(engine)
    [held] = holding(engine)
    with writing(engine) as connection:
        assert resend(connection, one, NOW) == 1
    assert settling(engine, held, GONE) == 0
    assert deliveries_for(engine, one)[0]["state"] == "waiting"


def test_all_given_up_deliveries_and_no_others_are_resent(engine: Engine) -> None:
    lost, fine = (
        ended(engine, "1"),
        ended(engine, "2", callback_url="https://b.example.com/"),
    )
    settling(engine, holding(engine)[0], GONE)
    settling(engine, holding(engine, "b.example.com")[0], TAKEN)
    assert resend_all_given_up(engine, NOW, by=BY) == 1
    assert resend_all_given_up(engine, NOW, by=BY) == 0
    states = [deliveries_for(engine, one)[0]["state"] for one in (lost, fine)]
    assert states == ["waiting", "delivered"]


def test_given_up_deliveries_are_resent_in_several_transactions(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "AT_ONCE", 2)
    give_up(engine, 5)
    assert resend_all_given_up(engine, NOW, most=3, by=BY) == 4
    assert resend_all_given_up(engine, NOW, by=BY) == 1
    assert len(holding(engine)) == 5


def test_deliveries_given_up_again_meanwhile_are_not_resent_for_ever(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "AT_ONCE", 2)
    give_up(engine, 3)
    resend_some = store.resend_given_up_of

    def refused_at_once(connection: Any, ids: Any, now: datetime) -> int:
        count = resend_some(connection, ids, now)
        for held in claim_deliveries(connection, "shop.example.com", 9, LEASE, NOW):
            later = NOW + HOUR
            settle(connection, [judge(held, GONE, later, 0.5)], later)
        return count

    monkeypatch.setattr(store, "resend_given_up_of", refused_at_once)
    assert resend_all_given_up(engine, NOW, by=BY) == 3


def test_of_some_cancellations_only_given_up_deliveries_are_resent(
    engine: Engine,
) -> None:
    lost, other = give_up(engine, 2)
    fine = ended(engine, "fine")
    settling(engine, holding(engine)[0], TAKEN)
    with writing(engine) as connection:
        assert resend_given_up_of(connection, [lost, fine, lost, "nobody"], NOW) == 1
    states = [deliveries_for(engine, one)[0]["state"] for one in (lost, other, fine)]
    assert states == ["waiting", "given_up", "delivered"]


def give_up(engine: Engine, number: int) -> list[str]:
    ids = [ended(engine, str(n)) for n in range(number)]
    for held in holding(engine):
        settling(engine, held, GONE)
    return ids


# --- retention ----------------------------------------------------------------------


def test_a_cancellation_with_a_waiting_delivery_is_not_deleted(
    engine: Engine,
) -> None:
    waits, fine = (
        ended(engine, "1"),
        ended(engine, "2", callback_url="https://b.example.com/"),
    )
    settling(engine, holding(engine)[0], NOT_TAKEN)
    settling(engine, holding(engine, "b.example.com")[0], TAKEN)
    assert prune(engine) == 1
    assert deliveries_for(engine, fine) == []
    assert len(deliveries_for(engine, waits)) == 1
    settling(engine, holding(engine, now=NOW + HOUR)[0], GONE)
    assert prune(engine) == 1
    assert deliveries_for(engine, waits) == []


def prune(engine: Engine) -> int:
    before = NOW + 48 * HOUR
    with reading(engine) as connection:
        counted = count_ended(connection, before)
    walk = Pruning(engine, before)
    while walk.step():
        pass
    assert counted == walk.cancellations
    return counted
