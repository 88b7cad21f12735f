from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from socket import gethostname
from typing import Any

import pytest
from sqlalchemy import Engine, insert, update
from sqlalchemy.exc import IntegrityError

from rescind.browse.counts import calls_made
from rescind.ledger.changes.call_log import CallMade
from rescind.ledger.changes.recording import (
    ForbiddenEdgeError,
    LaneChanges,
    new_id,
    record_many,
)
from rescind.ledger.changes.transitions import write_steps
from rescind.ledger.progress import Change, Claimed, Progress
from rescind.ledger.reading.counter_totals import totals
from rescind.ledger.reading.queries import history
from rescind.ledger.states import EDGES, FINAL, State
from rescind.ledger.storage.cancellation_rows import progress_of
from rescind.ledger.storage.milliseconds import to_ms
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import reading, writing
from rescind.provider.outcomes import Reason
from tests.ledger.build import (
    HOUR,
    LANE,
    NOW,
    SECOND,
    add,
    change,
    hold,
    make,
    new,
    progress,
    row,
    steps,
    take_in,
)
from tests.ledger.plans import assert_by_index, plans, statements

Held = tuple[tuple[str, str], list[Claimed]]
LIVING = sorted((edge for edge in EDGES if edge[0] not in FINAL), key=str)
WHOLE = Progress(
    State.VERIFYING,
    provider_code="455",
    provider_message="sipariş bulunamadı \\ \" ' %s :x ü😀",
    attempts=7,
    spent=3,
    polls=11,
    lost=True,
    hint=Reason.NOT_FOUND,
    sent_at=NOW - HOUR,
    since=NOW - SECOND,
    step=4,
    batch_cap=25,
    due_at=NOW + HOUR,
)


def test_every_field_of_a_decision_is_stored(engine: Engine) -> None:
    one = add(engine)
    [held] = hold(engine)
    to = replace(WHOLE, state=State.VERIFYING)
    assert make(engine, [Change([one], held.version, State.SENDING, to)]) == frozenset()
    kept = row(engine, one)
    assert progress_of(kept) == to
    assert kept.version == held.version + 1
    assert kept.updated_at == to_ms(NOW)


@pytest.mark.parametrize(("before", "after"), LIVING, ids=str)
def test_every_edge_can_be_made_and_is_in_the_history(
    engine: Engine, before: State, after: State
) -> None:
    one = add(engine, before)
    made = Change([one], 1, before, progress(after), evidence="because")
    assert make(engine, [made], NOW + SECOND) == frozenset()
    assert row(engine, one).state == after
    assert steps(engine, one) == [(1, None, before), (2, before, after)]
    with reading(engine) as connection:
        last = history(connection, one)[-1]
    assert (last["from"], last["to"], last["evidence"]) == (before, after, "because")


def test_a_change_within_a_state_adds_no_step_to_the_history(engine: Engine) -> None:
    one = add(engine, State.VERIFYING)
    [held] = hold(engine, State.VERIFYING)
    assert make(engine, [change(held, State.VERIFYING, polls=1)]) == frozenset()
    assert row(engine, one).polls == 1
    assert steps(engine, one) == [(1, None, State.VERIFYING)]


def test_the_same_steps_are_appended_to_each_history(engine: Engine) -> None:
    ids = take_in(engine, [new("1"), new("2")])
    claimed = {"from_state": State.QUEUED, "to_state": State.SENDING}
    back = {"from_state": State.SENDING, "to_state": State.QUEUED}
    words = {"reason": "refused", "evidence": "it said: 'ü'"}
    with writing(engine) as connection:
        write_steps(
            connection,
            ids,
            [
                {"seq": 2, "at": to_ms(NOW), **claimed},
                {"seq": 3, "at": to_ms(NOW + SECOND), **back, **words},
            ],
        )
    for one in ids:
        assert steps(engine, one) == [
            (1, None, State.QUEUED),
            (2, State.QUEUED, State.SENDING),
            (3, State.SENDING, State.QUEUED),
        ]
        with reading(engine) as connection:
            last = history(connection, one)[-1]
        assert (last["reason"], last["evidence"]) == ("refused", "it said: 'ü'")


def test_a_step_that_exists_already_is_refused(engine: Engine) -> None:
    ids = take_in(engine, [new("1"), new("2")])
    first = {"seq": 1, "at": to_ms(NOW), "to_state": State.QUEUED}
    with pytest.raises(IntegrityError), writing(engine) as connection:
        write_steps(connection, ids, [first])


def test_steps_without_cancellations_are_accepted(engine: Engine) -> None:
    with writing(engine) as connection:
        write_steps(connection, [], [{"seq": 1, "at": 1, "to_state": State.QUEUED}])


# --- fencing ------------------------------------------------------------------------


def test_a_stale_claim_changes_nothing_and_is_reported(
    engine: Engine,
) -> None:
    one = add(engine)
    [slow] = hold(engine)
    assert make(engine, [change(slow, State.VERIFYING)]) == frozenset()
    before = row(engine, one)
    assert make(engine, [change(slow, State.CANCELLED)]) == {one}
    assert row(engine, one) == before
    assert len(steps(engine, one)) == 3


def test_a_first_claim_is_stale_once_another_worker_has_claimed(engine: Engine) -> None:
    add(engine, State.VERIFYING)
    [slow] = hold(engine, State.VERIFYING)
    later = NOW + HOUR
    [quick] = hold(engine, State.VERIFYING, now=later)
    assert make(engine, [change(slow, State.REJECTED)]) == {slow.id}
    assert make(engine, [change(quick, State.CANCELLED)]) == frozenset()
    assert row(engine, slow.id).state == State.CANCELLED


def test_the_right_version_in_another_state_changes_nothing(engine: Engine) -> None:
    one = add(engine, State.VERIFYING)
    wrong = Change([one], 1, State.SENDING, progress(State.CANCELLED))
    assert make(engine, [wrong]) == {one}
    assert row(engine, one).state == State.VERIFYING


def test_an_unknown_id_is_reported_as_stale(engine: Engine) -> None:
    gone = Change(["nobody"], 1, State.SENDING, progress(State.CANCELLED))
    assert make(engine, [gone]) == {"nobody"}


def test_current_claims_are_changed_beside_stale_ones(
    engine: Engine,
) -> None:
    for order in "abc":
        add(engine, order=order)
    first, second, third = hold(engine)
    make(engine, [change(second, State.VERIFYING)])
    ended = [change(held, State.CANCELLED) for held in (first, second, third)]
    assert make(engine, ended) == {second.id}
    states = [row(engine, one.id).state for one in (first, second, third)]
    assert states == [State.CANCELLED, State.VERIFYING, State.CANCELLED]


def test_of_one_change_for_many_only_current_claims_are_changed_and_counted(
    engine: Engine,
) -> None:
    ids = take_in(engine, map(new, "abc"))
    moved = hold(engine)[1]
    make(engine, [change(moved, State.VERIFYING)])
    ended = Change(ids, 2, State.SENDING, progress(State.CANCELLED), attempted=True)
    assert make(engine, [ended]) == {moved.id}
    last = {one: steps(engine, one)[-1] for one in ids}
    assert last.pop(moved.id) == (3, State.SENDING, State.VERIFYING)
    assert set(last.values()) == {(3, State.SENDING, State.CANCELLED)}
    with reading(engine) as connection:
        counted = {one.metric: one.count for one in totals(connection)}
    assert (counted["outcome"], counted["attempt"]) == (2, 2)


def test_of_two_that_end_it_at_once_only_one_succeeds(engine: Engine) -> None:
    one = add(engine)
    [held] = hold(engine)
    ends = [State.CANCELLED, State.REJECTED, State.FAILED, State.VERIFYING]
    start = threading.Barrier(len(ends))
    conflicts: list[frozenset[str]] = []

    def end(state: State) -> None:
        start.wait()
        conflicts.append(make(engine, [change(held, state)]))

    threads = [threading.Thread(target=end, args=(state,)) for state in ends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(len, conflicts)) == [0, 1, 1, 1]
    assert len(steps(engine, one)) == 3


@pytest.mark.parametrize("state", sorted(FINAL))
def test_a_final_state_is_never_left(engine: Engine, state: State) -> None:
    one = add(engine, state)
    for to in set(State):
        with pytest.raises(ForbiddenEdgeError, match=f"{state} is final"):
            make(engine, [Change([one], 1, state, progress(to))])
    # Nor by a worker that believes the row is in another state.
    believed = Change([one], 1, State.SENDING, progress(State.QUEUED))
    assert make(engine, [believed]) == {one}
    assert row(engine, one).state == state


def test_a_change_that_does_not_exist_raises_an_error(engine: Engine) -> None:
    one = add(engine)
    wrong = Change([one], 1, State.QUEUED, progress(State.CANCELLED))
    with pytest.raises(ForbiddenEdgeError, match="no edge queued -> cancelled"):
        make(engine, [wrong])
    assert row(engine, one).state == State.QUEUED


def test_an_empty_list_of_changes_is_accepted(engine: Engine) -> None:
    assert make(engine, []) == frozenset()


def test_a_thousand_changes_are_made_at_once(engine: Engine) -> None:
    ids = take_in(engine, (new(str(n)) for n in range(1000)))
    held = hold(engine, limit=1000)
    assert make(engine, [change(one, State.CANCELLED) for one in held]) == frozenset()
    assert {row(engine, one).state for one in ids[::97]} == {State.CANCELLED}


# --- what the database itself refuses -----------------------------------------------

BAD_ROWS: Mapping[str, Mapping[str, Any]] = {
    "ck_state": {"state": "lost"},
    "ck_finished_when_final: open": {"finished_at": 1},
    "ck_finished_when_final: final": {
        "state": "cancelled",
        "reason": "confirmed",
        "due_at": None,
    },
    "ck_due_when_open: open": {"due_at": None},
    "ck_due_when_open: final": {
        "state": "failed",
        "reason": "unresolved",
        "finished_at": 1,
    },
    "ck_reason_when_final": {"state": "rejected", "finished_at": 1, "due_at": None},
    "ck_attempts: attempts": {"attempts": -1},
    "ck_attempts: spent": {"spent": -1},
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_the_database_refuses_an_impossible_row(engine: Engine, name: str) -> None:
    one = add(engine)
    with (
        pytest.raises(IntegrityError, match=name.split(":", maxsplit=1)[0]),
        writing(engine) as connection,
    ):
        connection.execute(update(CANCELLATION).values(BAD_ROWS[name]))
    assert row(engine, one).state == State.QUEUED


def test_the_database_refuses_a_second_row_with_the_same_key(engine: Engine) -> None:
    one = add(engine)
    doubled = {**row(engine, one)._mapping, "id": "another"}
    with pytest.raises(IntegrityError), writing(engine) as connection:
        connection.execute(insert(CANCELLATION), [doubled])


def test_a_failure_in_a_transaction_undoes_all_of_it(engine: Engine) -> None:
    add(engine)
    [held] = hold(engine)
    with pytest.raises(ForbiddenEdgeError):
        make(
            engine,
            [
                change(held, State.CANCELLED),
                Change([held.id], held.version, State.QUEUED, progress(State.FAILED)),
            ],
        )
    assert row(engine, held.id).state == State.SENDING


# --- calls ----------------------------------------------------------------------------


def test_a_call_is_stored_with_the_step_that_it_caused(engine: Engine) -> None:
    one = add(engine)
    [held] = hold(engine)
    call = CallMade(
        id=new_id(),
        operation="cancel",
        evidence="answered",
        took=timedelta(milliseconds=42.4),
        at=NOW,
        cancellations=(one,),
        status=400,
        body='{"error":"no"}',
    )
    made = replace(change(held, State.REJECTED), call_id=call.id)
    with writing(engine) as connection:
        record_many(connection, [LaneChanges(LANE, (), [call])], NOW)
    make(engine, [made])
    with reading(engine) as connection:
        evidence = history(connection, one)[-1]["evidence"]
        counts = calls_made(connection)
    assert evidence == {
        "call": call.id,
        "operation": "cancel",
        "evidence": "answered",
        "status": 400,
        "took_ms": 42,
        "body": '{"error":"no"}',
        "worker": f"{gethostname()} {os.getpid()}",
    }
    assert counts == [("notpanel", "cancel", "answered", 1)]


def test_ids_sort_by_time_and_never_repeat() -> None:
    ids = [new_id() for _ in range(2000)]
    assert sorted(ids) == ids
    assert len(set(ids)) == 2000


def test_a_call_recorded_again_is_stored_once(engine: Engine) -> None:
    # A commit whose acknowledgement was lost is repeated, with the same calls.
    call = CallMade(new_id(), "cancel", "answered", SECOND, NOW, ("one",))
    for _ in range(2):
        with writing(engine) as connection:
            record_many(connection, [LaneChanges(LANE, (), [call])], NOW)
    with reading(engine) as connection:
        assert [count for *_, count in calls_made(connection)] == [1]


# --- of many lanes at once ------------------------------------------------------------

OTHERS = [("notpanel", "other"), ("ithink", "default"), ("akinon", "a")]


def held_in(engine: Engine, lanes: Sequence[tuple[str, str]], each: int) -> list[Held]:
    take_in(engine, (new(str(n), lane=lane) for lane in lanes for n in range(each)))
    return [(lane, hold(engine, lane=lane, limit=each)) for lane in lanes]


def counted(engine: Engine, metric: str) -> dict[tuple[str, str], int]:
    with reading(engine) as connection:
        found = (one for one in totals(connection) if one.metric == metric)
        return {(one.provider, one.account): one.count for one in found}


def a_call(*cancellations: str) -> CallMade:
    return CallMade(new_id(), "cancel", "answered", SECOND, NOW, cancellations)


def test_stale_claims_in_one_lane_do_not_affect_the_others(engine: Engine) -> None:
    held = held_in(engine, [LANE, *OTHERS], 3)
    gone = held[1][1][1]
    make(engine, [change(gone, State.VERIFYING)])
    ended = [
        (lane, [change(one, State.CANCELLED) for one in some]) for lane, some in held
    ]
    work = [
        LaneChanges(lane, [replace(one, attempted=True) for one in some])
        for lane, some in ended
    ]
    with writing(engine) as connection:
        recorded = record_many(connection, work, NOW)
    assert recorded.stale == {gone.id}
    for _, some in held:
        for one in some:
            expected = State.VERIFYING if one is gone else State.CANCELLED
            assert row(engine, one.id).state == expected
            assert len(steps(engine, one.id)) == 3
    numbers = {lane: 2 if lane == OTHERS[0] else 3 for lane in (LANE, *OTHERS)}
    assert counted(engine, "outcome") == counted(engine, "attempt") == numbers


def test_the_calls_of_each_lane_are_stored_and_counted_separately(
    engine: Engine,
) -> None:
    work = [LaneChanges(lane, (), [a_call("x"), a_call("y")]) for lane in OTHERS]
    for _ in range(2):
        with writing(engine) as connection:
            record_many(connection, work, NOW)
    assert counted(engine, "call") == dict.fromkeys(OTHERS, 2)
    with reading(engine) as connection:
        assert [number for *_, number in calls_made(connection)] == [2, 2, 2]


def test_many_lanes_cost_no_more_statements_than_one(engine: Engine) -> None:
    held = held_in(engine, [("notpanel", str(n)) for n in range(20)], 1)
    work = [
        LaneChanges(lane, [change(one, State.REJECTED)], [a_call(one.id)])
        for lane, [one] in held
    ]
    counts = []
    for some in (work[:1], work[1:]):
        with writing(engine) as connection, statements(connection) as seen:
            assert record_many(connection, some, NOW).stale == frozenset()
            counts.append(len(seen))
    assert counts == [3, 3]


def test_a_change_uses_the_index_of_ids(engine: Engine) -> None:
    [(_, held)] = held_in(engine, [LANE], 30)
    work = [LaneChanges(LANE, [change(one, State.CANCELLED) for one in held])]
    with writing(engine) as connection, plans(connection) as found:
        record_many(connection, work, NOW)
    by_id = "(id=?)" if engine.dialect.name == "sqlite" else "cancellation_pkey"
    assert_by_index(found, by_id)


def test_concurrent_changes_of_the_same_rows_do_not_deadlock(
    engine: Engine,
) -> None:
    held = held_in(engine, [LANE, *OTHERS], 100)
    work = [
        LaneChanges(lane, [change(one, State.CANCELLED) for one in some])
        for lane, some in held
    ]
    back = [replace(one, changes=one.changes[::-1]) for one in reversed(work)]
    start = threading.Barrier(4)
    stale: list[int] = []

    def run(own: Sequence[LaneChanges]) -> None:
        start.wait()
        with writing(engine) as connection:
            stale.append(len(record_many(connection, own, NOW).stale))

    threads = [threading.Thread(target=run, args=(own,)) for own in (work, back) * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(stale) == [0, 400, 400, 400]
