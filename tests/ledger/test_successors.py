"""What follows the end of a cancellation for those that wait for it."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from rescind.ledger.changes.deletion import count_ended, delete_ended
from rescind.ledger.changes.dependencies import Waiting
from rescind.ledger.changes.new_cancellation import waiting
from rescind.ledger.changes.plan_decisions import release, skip
from rescind.ledger.changes.recording import Recorded
from rescind.ledger.changes.retries import retry
from rescind.ledger.changes.successors import follow
from rescind.ledger.changes.sweeps import move
from rescind.ledger.changes.waiting_insertion import (
    DEEPEST,
    MOST_SUCCESSORS,
    insert_waiting,
    lock,
)
from rescind.ledger.changes.withdrawals import withdraw
from rescind.ledger.conditions import Predecessor, Verdict, allows, canonical, judge
from rescind.ledger.deliveries.delivery_queries import deliveries_of
from rescind.ledger.progress import Claimed
from rescind.ledger.reading.counter_totals import totals
from rescind.ledger.reading.predecessors import predecessors_of, waiting_for_failed
from rescind.ledger.reading.queries import history
from rescind.ledger.states import State
from rescind.ledger.storage import counters
from rescind.ledger.storage.dependency_table import DEPENDENCY
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.transactions import open_ledger, reading, writing
from rescind.provider.outcomes import InvalidRequestError, Reason
from tests.ledger.build import (
    BY,
    HOUR,
    LANE,
    NOW,
    PLAIN,
    SECOND,
    add,
    hold,
    new,
    row,
    steps,
)
from tests.ledger.delivering import URL
from tests.ledger.planned import after, claimed, finish, retried
from tests.ledger.plans import assert_by_index, plans, statements

LATER = NOW + HOUR
BOTH = ("FROM cancellation", "FROM dependency", "JOIN dependency")
OK, NO = State.CANCELLED, State.REJECTED


# --- the decision -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "ends", "verdict"),
    [
        ("cancelled", ["cancelled/partial"], Verdict.WANTED),
        ("cancelled", ["cancelled/confirmed", "queued"], Verdict.WAITS),
        ("cancelled", ["rejected/not_found", "queued"], Verdict.NOT_WANTED),
        ("cancelled", ["failed/unresolved"], Verdict.WAITS),
        ("cancelled", ["failed/unresolved", "expired/deadline_passed"], "not_wanted"),
        ("cancelled", ["withdrawn/not_wanted"], Verdict.NOT_WANTED),
        ("rejected/not_found", ["rejected/not_found"], Verdict.WANTED),
        ("rejected/not_found", ["rejected/refused"], Verdict.NOT_WANTED),
        ("failed/never_sent", ["failed/never_sent"], Verdict.WANTED),
        ("failed/never_sent", ["failed/unresolved"], Verdict.WAITS),
        ("any", ["failed/unresolved", "withdrawn/requested"], Verdict.WANTED),
        ("any", ["requested"], Verdict.WAITS),
        ("any", [None], Verdict.NOT_WANTED),
    ],
)
def test_the_verdict_of_the_predecessors(
    condition: str, ends: list[str | None], verdict: str
) -> None:
    assert judge([_predecessor(condition, end) for end in ends])[0] == verdict


def _predecessor(condition: str, end: str | None) -> Predecessor:
    if end is None:
        return Predecessor("1", condition, None)
    state, _, reason = end.partition("/")
    known = Reason(reason) if reason else None
    return Predecessor("1", condition, State(state), known)


def test_a_condition_has_one_text() -> None:
    assert canonical(["rejected", "cancelled", "rejected"]) == "cancelled rejected"
    assert canonical(["cancelled", "any"]) == "any"
    assert not allows("cancelled", State.QUEUED, None)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "at least one end"),
        (["queued"], "a final state"),
        (["cancelled/refused"], "names no reason of cancelled"),
        (["any/confirmed"], "a final state"),
    ],
)
def test_a_wrong_condition_is_refused_in_a_sentence(
    words: list[str], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        canonical(words)


# --- released, and not wanted -------------------------------------------------------


def test_one_that_waits_is_scheduled_and_never_due(engine: Engine) -> None:
    first = add(engine)
    one = after(engine, first)
    was = row(engine, one)
    assert (was.state, was.waits_for) == (State.SCHEDULED, 1)
    with writing(engine) as connection:
        move(connection, [LANE], lambda _: PLAIN, NOW + timedelta(days=900))
    assert row(engine, one).state == State.SCHEDULED
    assert [each.id for each in hold(engine)] == [first]


def test_the_last_predecessor_releases_it_in_its_own_transaction(
    engine: Engine,
) -> None:
    first, second = add(engine, order="1"), add(engine, order="2")
    one = after(engine, first, second)
    held = {each.id: each for each in hold(engine)}
    assert finish(engine, held[first]).released == frozenset()
    assert row(engine, one).waits_for == 1
    assert finish(engine, held[second], now=LATER).released == {LANE}
    was = row(engine, one)
    assert (was.state, was.waits_for) == (State.QUEUED, 0)
    # The time that it may take begins now.
    assert was.opened_at == was.due_at == in_ms(LATER)
    assert steps(engine, one)[1:] == [(2, State.SCHEDULED, State.QUEUED)]


def test_a_predecessor_that_ended_before_releases_it_at_once(engine: Engine) -> None:
    first = add(engine, State.CANCELLED)
    one = after(engine, first)
    assert row(engine, one).state == State.QUEUED


def test_a_released_one_waits_for_its_time(engine: Engine) -> None:
    one = after(engine, add(engine, State.CANCELLED), not_before=LATER)
    was = row(engine, one)
    assert (was.state, was.due_at) == (State.SCHEDULED, in_ms(LATER))
    assert was.waits_for == 0


def test_what_is_not_wanted_ends_with_all_that_wait_for_it(engine: Engine) -> None:
    first = add(engine)
    one = after(engine, first, order="a", callback_url=URL)
    two = after(engine, one, order="b")
    also = after(engine, two, order="c", only_if="withdrawn/not_wanted")
    recorded = finish(engine, claimed(engine, first), NO, Reason.NOT_FOUND)
    for each in (one, two):
        was = row(engine, each)
        assert (was.state, was.reason) == (State.WITHDRAWN, Reason.NOT_WANTED)
    assert row(engine, also).state == State.QUEUED
    assert recorded.to_deliver == 1
    with reading(engine) as connection:
        said = history(connection, one)[-1]
        assert said["evidence"].startswith("a predecessor is rejected (not_found)")
        assert said["by"] is None
        assert len(deliveries_of(connection, one)) == 1


def test_one_that_is_not_wanted_is_counted_as_an_end(engine: Engine) -> None:
    finish_first = add(engine)
    after(engine, finish_first)
    finish(engine, claimed(engine, finish_first), NO, Reason.REFUSED)
    with reading(engine) as connection:
        found = {
            (one.first, one.second): one.count
            for one in totals(connection)
            if one.metric == counters.OUTCOME
        }
    assert found == {("rejected", "refused"): 1, ("withdrawn", "not_wanted"): 1}


def test_a_deadline_runs_while_it_waits_and_counts_for_its_successors(
    engine: Engine,
) -> None:
    one = after(engine, add(engine), order="a", cancel_before=NOW + SECOND)
    two = after(engine, one, order="b")
    with writing(engine) as connection:
        move(connection, [LANE], lambda _: PLAIN, LATER)
    assert row(engine, one).state == State.EXPIRED
    assert row(engine, two).reason == Reason.NOT_WANTED


def test_a_chain_of_the_greatest_length_ends_at_once(engine: Engine) -> None:
    first = last = add(engine)
    for number in range(DEEPEST):
        last = after(engine, last, order=str(number + 2))
    finish(engine, claimed(engine, first), NO, Reason.REFUSED)
    assert row(engine, last).reason == Reason.NOT_WANTED


# --- failed, retried ----------------------------------------------------------------


def test_a_failed_one_neither_releases_nor_skips(engine: Engine) -> None:
    first = add(engine)
    one = after(engine, first)
    finish(engine, claimed(engine, first), State.FAILED, Reason.UNRESOLVED)
    assert row(engine, one).waits_for == 1
    assert row(engine, one).state == State.SCHEDULED
    assert retried(engine, first)
    finish(engine, claimed(engine, first))
    assert row(engine, one).state == State.QUEUED


def test_a_retried_predecessor_that_is_cancelled_reopens_what_was_skipped(
    engine: Engine,
) -> None:
    first = add(engine)
    one = after(engine, first, order="a")
    two = after(engine, one, order="b")
    finish(engine, claimed(engine, first), NO, Reason.REFUSED)
    assert retried(engine, first)
    assert row(engine, one).state == State.WITHDRAWN
    assert finish(engine, claimed(engine, first)).released == {LANE}
    assert row(engine, one).state == State.QUEUED
    finish(engine, claimed(engine, one))
    assert row(engine, two).state == State.QUEUED


def test_what_an_operator_skipped_is_not_reopened(engine: Engine) -> None:
    first = add(engine)
    one = after(engine, first)
    finish(engine, claimed(engine, first), State.FAILED, Reason.UNRESOLVED)
    with writing(engine) as connection:
        skip(connection, one, NOW, by="a person")
    retried(engine, first)
    finish(engine, claimed(engine, first))
    assert row(engine, one).reason == Reason.NOT_WANTED
    with reading(engine) as connection:
        last = history(connection, one)[-1]
    assert (last["evidence"], last["by"]) == ("skip", "a person")


def test_an_operator_releases_what_waits_for_a_failed_one(engine: Engine) -> None:
    first = add(engine)
    one = after(engine, first)
    finish(engine, claimed(engine, first), State.FAILED, Reason.UNRESOLVED)
    with writing(engine) as connection:
        release(connection, one, NOW, by="a person")
    assert row(engine, one).state == State.QUEUED
    assert row(engine, one).waits_for is None
    with reading(engine) as connection:
        assert history(connection, one)[-1]["by"] == "a person"


def test_what_was_not_wanted_is_not_released_after_its_deadline(
    engine: Engine,
) -> None:
    one = after(engine, add(engine, State.REJECTED), cancel_before=NOW + HOUR)
    assert row(engine, one).reason == Reason.NOT_WANTED
    with (
        pytest.raises(InvalidRequestError, match="submit it again with another key"),
        writing(engine) as connection,
    ):
        release(connection, one, NOW + HOUR, by=BY)


def test_no_predecessor_is_retried_while_one_that_it_released_may_be_sent(
    engine: Engine,
) -> None:
    first = add(engine)
    one = after(engine, first, only_if="rejected")
    finish(engine, claimed(engine, first), NO, Reason.REFUSED)
    with pytest.raises(
        InvalidRequestError, match=f"{one} was released because {first}"
    ):
        retried(engine, first)
    finish(engine, claimed(engine, one))
    assert retried(engine, first)


def test_a_retry_heeds_one_that_was_released_since_its_row_was_read(
    engine: Engine,
) -> None:
    first = add(engine, State.REJECTED)
    read_before = row(engine, first)
    one = after(engine, first, only_if="rejected")
    with (
        pytest.raises(InvalidRequestError, match=f"{one} was released because {first}"),
        writing(engine) as connection,
    ):
        retry(connection, read_before, NOW, policy=PLAIN, by=BY)


def test_a_retry_does_not_send_what_is_not_wanted(engine: Engine) -> None:
    first = add(engine, State.REJECTED)
    one = after(engine, first)
    with pytest.raises(InvalidRequestError, match=f"{one} is not wanted"):
        retried(engine, one)
    with writing(engine) as connection:
        release(connection, one, NOW, by=BY)
    assert row(engine, one).state == State.QUEUED


# --- two at once, and what does not pay ---------------------------------------------


def test_two_workers_that_end_the_last_two_predecessors_release_it_once(
    ledger_url: str,
) -> None:
    engine = open_ledger(ledger_url)
    for number in range(8):
        lanes = [("notpanel", f"{number}{side}") for side in "ab"]
        both = [add(engine, order=f"{number}", lane=lane) for lane in lanes]
        one = after(engine, *both, order=f"after {number}")
        held = [claimed(engine, *each) for each in zip(both, lanes, strict=True)]
        together, done = threading.Barrier(2), list[Recorded]()

        def end(its: Claimed, lane: tuple[str, str]) -> None:
            together.wait()  # noqa: B023  (joined within the loop)
            done.append(finish(engine, its, lane=lane))  # noqa: B023

        threads = [
            threading.Thread(target=end, args=each)
            for each in zip(held, lanes, strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(len(each.released) for each in done) == [0, 1]
        assert [to for _, _, to in steps(engine, one)] == ["scheduled", "queued"]
    engine.dispose()


def test_cancellations_without_dependencies_need_no_statement_more(
    engine: Engine,
) -> None:
    one = add(engine)
    held = claimed(engine, one)
    with statements(engine) as seen:
        finish(engine, held)
    assert not any("dependency" in each for each in seen)
    assert sum("cancellation" in each for each in seen if "UPDATE" in each) == 1


def test_successors_are_found_by_indexes(engine: Engine) -> None:
    first = add(engine)
    for number in range(3):
        after(engine, first, order=str(number + 2))
    with writing(engine) as connection, plans(connection, BOTH) as found:
        follow(connection, [first], NOW)
    assert_by_index(found, "ix_dependency_predecessor")
    with reading(engine) as connection, plans(connection, BOTH) as more:
        waiting_for_failed(connection, 10)
    # All of this index is read: it holds nothing else.
    assert all("ix_failed_predecessor" in plan for plan in more)
    found += more
    assert not any("Seq Scan on dependency" in plan for plan in found)
    assert not any("SCAN dependency" in plan for plan in found)


def test_a_thousand_are_followed_without_comparing_each_with_each(
    engine: Engine,
) -> None:
    first = add(engine)
    after(engine, first)
    many = [f"{number:08}" for number in range(MOST_SUCCESSORS)]
    with writing(engine) as connection, plans(connection, BOTH) as found:
        follow(connection, [first, *many], NOW)
    assert_by_index(found, "ix_dependency_predecessor")
    # Each id is looked up: no list of them is read for each row.
    assert not any("Join Filter" in plan for plan in found)


@pytest.mark.parametrize(
    ("end", "reason"), [(OK, Reason.CONFIRMED), (NO, Reason.REFUSED)]
)
def test_what_follows_an_end_takes_as_many_statements_for_many_as_for_one(
    engine: Engine, end: State, reason: Reason
) -> None:
    numbers = []
    for number in (1, 20):
        first = add(engine, order=f"first of {number}")
        for each in range(number):
            after(engine, first, order=f"{each} of {number}")
        held = claimed(engine, first)
        with statements(engine) as seen:
            finish(engine, held, end, reason)
        numbers.append(len(seen))
    assert numbers[0] == numbers[1]


def test_one_waits_for_the_row_that_another_transaction_has_inserted_meanwhile(
    engine: Engine,
) -> None:
    first = add(engine)
    there = after(engine, first, order="a")
    same, one = (new(order, progress=waiting()) for order in ("a", "b"))
    both = [
        Waiting(same, [first], "cancelled", 1),
        Waiting(one, [same.id], "cancelled", 2),
    ]
    with writing(engine) as connection:
        lock(connection, [first])
        inserted, _ = insert_waiting(connection, both, NOW)
    assert inserted == {one.id}
    assert row(engine, one.id).waits_for == 1
    with reading(engine) as connection:
        assert [each.id for each in predecessors_of(connection, [one.id])[one.id]] == [
            there
        ]
    finish(engine, claimed(engine, first), NO, Reason.REFUSED)
    assert row(engine, one.id).reason == Reason.NOT_WANTED


# --- retention ----------------------------------------------------------------------


def test_a_predecessor_is_kept_while_a_successor_is_open(engine: Engine) -> None:
    first = add(engine)
    one = after(engine, first)
    finish(engine, claimed(engine, first), State.FAILED, Reason.UNRESOLVED)
    before = in_ms(LATER)
    with writing(engine) as connection:
        assert count_ended(connection, LATER) == 0
        assert delete_ended(connection, [first], before) == 0
        skip(connection, one, NOW, by=BY)
        assert count_ended(connection, LATER) == 2
        assert delete_ended(connection, [first, one], before) == 2
        assert connection.execute(select(DEPENDENCY)).all() == []


def test_deletion_takes_no_predecessor_for_which_a_retry_begins_to_wait(
    postgres_ledger_url: str,
) -> None:
    engine = open_ledger(postgres_ledger_url)
    first = add(engine)
    one = after(engine, first)
    finish(engine, claimed(engine, first), State.FAILED, Reason.UNRESOLVED)
    with writing(engine) as connection:
        withdraw(connection, [one], NOW, by=BY)
    was = row(engine, one)
    with writing(engine) as retrying, writing(engine) as deleting:
        assert retry(retrying, was, NOW, policy=PLAIN, by=BY)
        assert delete_ended(deleting, [first], in_ms(LATER)) == 0
    assert row(engine, one).waits_for == 1
    assert row(engine, first).state == State.FAILED
    engine.dispose()
