"""What repeats is counted: the history tells the same with fewer rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, func, select

from rescind.browse.counts import calls_made, written
from rescind.ledger.changes.call_log import CallMade
from rescind.ledger.changes.recording import LaneChanges, new_id, record_many
from rescind.ledger.progress import Claimed
from rescind.ledger.reading.counter_totals import totals
from rescind.ledger.reading.queries import history, stamp
from rescind.ledger.states import State
from rescind.ledger.storage.call_table import CALL
from rescind.ledger.storage.milliseconds import in_ms, to_ms
from rescind.ledger.storage.side_tables import TALLY
from rescind.ledger.storage.tables import CANCELLATION, TRANSITION
from rescind.ledger.storage.transactions import reading, writing
from tests.ledger.build import LANE, NOW, SECOND, add, change, hold, new, row, take_in
from tests.ledger.plans import plans

REFUSED, TIMEOUT = "connection refused", "no route within 5 s"
MINUTE = timedelta(minutes=1)
FOLDING = ("UPDATE transition", "DELETE FROM transition", "UPDATE call")


def result(
    held: Sequence[Claimed],
    at: datetime,
    words: str | None = REFUSED,
    evidence: str = "not_sent",
    **call: Any,
) -> LaneChanges:
    """One call for all of these, after which they wait again."""
    ids = tuple(one.id for one in held)
    spent = timedelta(milliseconds=7)
    made = CallMade(new_id(), "cancel", evidence, spent, at, ids, detail=words, **call)
    back = [
        replace(
            change(one, State.QUEUED, attempts=0, spent=0, due_at=at),
            call_id=made.id,
            evidence=words,
        )
        for one in held
    ]
    return LaneChanges(LANE, back, [made])


def record(engine: Engine, done: LaneChanges, at: datetime) -> frozenset[str]:
    with writing(engine) as connection:
        return record_many(connection, [done], at).stale


def outage(engine: Engine, tries: int, since: int = 0, **call: Any) -> None:
    """Claim all due orders and fail to send them, each minute, so many times."""
    for number in range(since, since + tries):
        at = NOW + number * MINUTE
        record(engine, result(hold(engine, limit=30, now=at), at, **call), at)


def rows_of(engine: Engine) -> tuple[int, int]:
    """How many steps and calls have rows."""
    with reading(engine) as connection:
        steps, calls = (
            connection.execute(select(func.count()).select_from(one)).scalar_one()
            for one in (TRANSITION, CALL)
        )
    return steps, calls


def story(engine: Engine, one: str) -> list[dict[str, Any]]:
    with reading(engine) as connection:
        return history(connection, one)


def calls_counted(engine: Engine) -> int:
    with reading(engine) as connection:
        return sum(one.count for one in totals(connection) if one.metric == "call")


def test_an_outage_adds_no_rows_however_long_it_lasts(engine: Engine) -> None:
    take_in(engine, map(new, "abc"))
    outage(engine, 2)
    after_two = rows_of(engine)
    # Without folding: 3 orders, each accepted, and claimed and put back 40 times.
    outage(engine, 40, since=2)
    assert after_two == rows_of(engine) == (3 * (1 + 2), 1)


def test_the_folded_step_tells_how_often_and_from_when_to_when(engine: Engine) -> None:
    one = add(engine)
    outage(engine, 83)
    last = story(engine, one)[-1]
    assert (last["from"], last["to"]) == (State.SENDING, State.QUEUED)
    assert last["repeats"] == 82
    assert last["at"] == stamp(to_ms(NOW))
    assert last["until"] == stamp(to_ms(NOW + 82 * MINUTE))
    assert last["evidence"]["detail"] == REFUSED
    with reading(engine) as connection:
        assert written(connection) == (1 + 2 * 83, 83)
        assert calls_made(connection) == [("notpanel", "cancel", "not_sent", 83)]
    assert calls_counted(engine) == 83


def test_the_next_real_attempt_follows_the_folded_step(engine: Engine) -> None:
    one = add(engine)
    outage(engine, 5)
    [held] = hold(engine, now=NOW + 9 * MINUTE)
    done = replace(change(held, State.CANCELLED), attempted=True)
    record(engine, LaneChanges(LANE, [done]), NOW + 9 * MINUTE)
    told = [(step["from"], step["to"], step["repeats"]) for step in story(engine, one)]
    assert told == [
        (None, State.QUEUED, 0),
        (State.QUEUED, State.SENDING, 0),
        (State.SENDING, State.QUEUED, 4),
        (State.QUEUED, State.SENDING, 0),
        (State.SENDING, State.CANCELLED, 0),
    ]
    assert row(engine, one).version == 1 + 2 * 6


@pytest.mark.parametrize(
    "other",
    [
        {"words": TIMEOUT},
        {"evidence": "throttled"},
        {"status": 503},
        {"body": "the provider's own words"},
    ],
    ids=str,
)
def test_a_try_that_says_something_else_has_rows_of_its_own(
    engine: Engine, other: dict[str, Any]
) -> None:
    one = add(engine)
    outage(engine, 2)
    outage(engine, 1, since=2, **other)
    assert [step["repeats"] for step in story(engine, one)] == [0, 0, 1, 0, 0]


def test_an_attempt_that_may_have_reached_the_provider_is_never_folded(
    engine: Engine,
) -> None:
    one = add(engine)
    for _ in range(3):
        done = result(hold(engine), NOW)
        sent = [replace(its, attempted=True) for its in done.changes]
        record(engine, replace(done, changes=sent), NOW)
    assert [step["repeats"] for step in story(engine, one)] == [0] * 7


def test_readings_that_say_the_same_again_add_neither_step_nor_call(
    engine: Engine,
) -> None:
    one = add(engine, State.VERIFYING)
    for number in range(9):
        at = NOW + number * MINUTE
        [held] = hold(engine, State.VERIFYING, now=at)
        call = CallMade(new_id(), "read", "not_sent", SECOND, at, (one,), detail="x")
        again = replace(change(held, State.VERIFYING, due_at=at), call_id=call.id)
        record(engine, LaneChanges(LANE, [again], [call]), at)
    assert rows_of(engine) == (1, 1)
    assert calls_counted(engine) == 9


def test_calls_far_apart_or_of_another_lane_do_not_repeat_each_other(
    engine: Engine,
) -> None:
    def call(at: datetime, lane: tuple[str, str] = LANE) -> LaneChanges:
        made = CallMade(new_id(), "read", "not_sent", SECOND, at, ("gone",))
        return LaneChanges(lane, (), [made])

    for at in (NOW, NOW + MINUTE, NOW + timedelta(hours=7)):
        record(engine, call(at), at)
    record(engine, call(NOW, ("notpanel", "other")), NOW)
    with reading(engine) as connection:
        kept = select(CALL.c.repeats, CALL.c.until).order_by(CALL.c.id)
        found = [tuple(one) for one in connection.execute(kept)]
    assert found == [(1, in_ms(NOW + MINUTE)), (0, None), (0, None)]


def test_a_commit_that_is_repeated_counts_once(engine: Engine) -> None:
    add(engine)
    outage(engine, 2)
    again = result(hold(engine, now=NOW + MINUTE), NOW)
    assert record(engine, again, NOW) == frozenset()
    before = rows_of(engine), calls_counted(engine)
    assert record(engine, again, NOW) == {again.changes[0].ids[0]}
    assert (rows_of(engine), calls_counted(engine)) == before


def test_folding_reads_by_index(engine: Engine) -> None:
    take_in(engine, (new(str(n)) for n in range(30)))
    outage(engine, 2)
    work = [result(hold(engine, limit=30, now=NOW + MINUTE), NOW)]
    with writing(engine) as connection, plans(connection, FOLDING) as found:
        record_many(connection, work, NOW)
    assert len(found) == 3
    for plan in found:
        assert "SCAN transition" not in plan
        assert "Seq Scan on transition" not in plan
        assert "SCAN call" not in plan


# --- any sequence of results --------------------------------------------------------

ENDS = st.sampled_from(["refused", "refused", "timeout", "throttled", "put back"])
TRIES = st.lists(st.tuples(ENDS, st.booleans()), max_size=12)
OVER = settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
Step = tuple[str | None, str, str | None]


@dataclass
class Model:
    """The steps as they happened, each with its time."""

    steps: dict[str, list[tuple[Step, str | None]]] = field(default_factory=dict)

    def add(self, one: str, at: datetime, *steps: Step) -> None:
        self.steps.setdefault(one, []).extend((s, stamp(to_ms(at))) for s in steps)


def _done(name: str, held: Sequence[Claimed], at: datetime) -> LaneChanges:
    if name == "put back":
        done = result(held, at, "put back")
        return LaneChanges(LANE, [replace(c, call_id=None) for c in done.changes])
    words, evidence = {
        "refused": (REFUSED, "not_sent"),
        "timeout": (TIMEOUT, "not_sent"),
        "throttled": ("wait", "throttled"),
    }[name]
    return result(held, at, words, evidence)


def _unfolded(steps: Sequence[dict[str, Any]]) -> Iterator[tuple[Step, str | None]]:
    """The steps of a history, each repeated pair as two; their times are unknown,
    except the last one's."""
    for step in steps:
        said = step["evidence"]
        words = said["detail"] if isinstance(said, dict) else said
        whole = (step["from"], step["to"], words)
        yield whole, step["at"]
        for number in range(step["repeats"]):
            at = step["until"] if number == step["repeats"] - 1 else None
            yield (State.QUEUED, State.SENDING, None), at
            yield whole, at


@given(tries=TRIES)
@OVER
def test_the_unfolded_history_is_what_happened(
    engine: Engine, tries: list[tuple[str, bool]]
) -> None:
    with writing(engine) as connection:
        for table in (TRANSITION, CALL, CANCELLATION, TALLY):
            connection.execute(delete(table))
    model = Model()
    for one in take_in(engine, map(new, "ab")):
        model.add(one, NOW, (None, State.QUEUED, None))
    for number, (name, both) in enumerate(tries):
        at = NOW + number * SECOND
        held = hold(engine, limit=2 if both else 1, now=at)
        done = _done(name, held, at)
        assert record(engine, done, at) == frozenset()
        words = done.changes[0].evidence
        for each in held:
            claim, back = (State.QUEUED, State.SENDING), (State.SENDING, State.QUEUED)
            model.add(each.id, at, (*claim, None), (*back, words))
    for id_, happened in model.steps.items():
        told = list(_unfolded(story(engine, id_)))
        assert [step for step, _ in told] == [step for step, _ in happened]
        pairs = zip(told, happened, strict=True)
        assert all(at in (None, true) for (_, at), (_, true) in pairs)
        assert row(engine, id_).version == len(happened)
        assert _no_two_alike(story(engine, id_))
    with reading(engine) as connection:
        made = sum(number for *_, number in calls_made(connection))
    assert made == calls_counted(engine)
    assert made == sum(name != "put back" for name, _ in tries)


def _no_two_alike(steps: Sequence[dict[str, Any]]) -> bool:
    """Whether no pair of steps says the same as the pair before it."""
    backs = [step for step in steps if step["to"] == State.QUEUED][1:]
    words = [
        (s["evidence"]["evidence"], s["evidence"]["detail"])
        if isinstance(s["evidence"], dict)
        else s["evidence"]
        for s in backs
    ]
    return all(one != other for one, other in pairwise(words))
