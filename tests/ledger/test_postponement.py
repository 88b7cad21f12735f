"""One transaction judges a bounded number of successors; later ones do the rest."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from sqlalchemy import Engine, select, update

from rescind.ledger.changes import postponement
from rescind.ledger.changes.deletion import count_ended, delete_ended
from rescind.ledger.changes.due_lanes import find_due_work
from rescind.ledger.changes.postponed_judgements import judge_postponed
from rescind.ledger.changes.rounds import ASKED_AGAIN
from rescind.ledger.reading.plans import plan_document
from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.postponement_table import POSTPONED, Concerned
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import open_ledger, reading, writing
from rescind.provider.outcomes import Reason
from tests.ledger.build import HOUR, NOW, add, hold, row, steps
from tests.ledger.delivering import URL
from tests.ledger.planned import after, claimed, finish, retried
from tests.ledger.plans import assert_by_index, plans, statements
from tests.ledger.recorded_plans import ended, plan_of, told

NO = State.REJECTED
LATER = NOW + HOUR


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction judges four."""
    monkeypatch.setattr(postponement, "MOST_JUDGED", 4)


def _tree(engine: Engine, first: str) -> list[str]:
    """Three that wait for ``first``, and two that wait for each of those."""
    found = [after(engine, first, order=f"after {n}") for n in range(1, 4)]
    pairs = [(one, n) for one in found for n in range(2)]
    return found + [after(engine, one, order=f"{n} of {one}") for one, n in pairs]


def _judge_all(engine: Engine) -> list[set[str]]:
    """The ids that each further transaction ends."""
    done = []
    with writing(engine) as connection:
        while recorded := judge_postponed(connection, NOW):
            done.append(set(recorded.ended))
    return done


def _states(engine: Engine, ids: Sequence[str]) -> set[str]:
    return {row(engine, one).state for one in ids}


@pytest.mark.usefixtures("few")
def test_what_one_transaction_cannot_judge_is_judged_later_and_once(
    engine: Engine,
) -> None:
    first = add(engine)
    tree = _tree(engine, first)
    recorded = finish(engine, claimed(engine, first), NO, Reason.REFUSED)
    assert recorded.ended == {first, *tree[:3]}
    assert _states(engine, tree[3:]) == {State.SCHEDULED}
    assert all(len(one) <= 3 + 4 for one in _judge_all(engine))
    assert _states(engine, tree) == {State.WITHDRAWN}
    assert {len(steps(engine, one)) for one in tree} == {2}
    assert _judge_all(engine) == []


@pytest.mark.usefixtures("few")
def test_all_successors_of_one_end_are_judged_in_its_transaction(
    engine: Engine,
) -> None:
    first = add(engine)
    tree = [after(engine, first, order=f"after {n}") for n in range(9)]
    finish(engine, claimed(engine, first))
    assert _states(engine, tree) == {State.QUEUED}


@pytest.mark.usefixtures("few")
def test_the_ends_of_many_leave_what_they_cannot_judge(engine: Engine) -> None:
    firsts = [add(engine, order=f"first {n}") for n in range(3)]
    tree = [after(engine, one, order=f"{n} {one}") for one in firsts for n in range(3)]
    finish(engine, hold(engine))
    assert _states(engine, tree) == {State.QUEUED, State.SCHEDULED}
    _judge_all(engine)
    assert _states(engine, tree) == {State.QUEUED}


@pytest.mark.usefixtures("few")
def test_a_plan_has_no_verdict_until_all_that_follows_is_judged(
    engine: Engine,
) -> None:
    first = add(engine)
    tree = _tree(engine, first)
    finish(engine, claimed(engine, first), NO, Reason.REFUSED)
    # Its only step has ended, and what follows that is not known yet.
    plan = plan_of(engine, tree[2], callback_url=URL)
    assert _verdict(engine, plan) is None
    assert not ended(engine, plan)
    _judge_all(engine)
    assert ended(engine, plan)
    assert [one.document["verdict"] for one in told(engine, plan)] == ["not_done"]


def _verdict(engine: Engine, plan: str) -> str | None:
    with reading(engine) as connection:
        shown = plan_document(connection, plan)
    assert shown is not None
    verdict: str | None = shown["verdict"]
    return verdict


@pytest.mark.usefixtures("few")
def test_new_rounds_have_their_own_bound(engine: Engine) -> None:
    first = add(engine)
    tree = [after(engine, first, order=f"after {n}") for n in range(3)]
    finish(engine, claimed(engine, first), NO, Reason.REFUSED)
    retried(engine, first)
    finish(engine, claimed(engine, first))
    assert [row(engine, one).state for one in tree] == [
        State.QUEUED,
        State.WITHDRAWN,
        State.WITHDRAWN,
    ]
    _judge_all(engine)
    assert _states(engine, tree) == {State.QUEUED}


@pytest.mark.usefixtures("few")
def test_what_begins_again_before_it_is_followed_skips_nobody(engine: Engine) -> None:
    firsts = [add(engine, order=f"first {n}") for n in range(3)]
    tree = [after(engine, one, order=f"{n} {one}") for one in firsts for n in range(3)]
    finish(engine, hold(engine), NO, Reason.REFUSED)
    retried(engine, firsts[2])
    _judge_all(engine)
    assert _states(engine, tree[:6]) == {State.WITHDRAWN}
    assert _states(engine, tree[6:]) == {State.SCHEDULED}
    finish(engine, claimed(engine, firsts[2]))
    assert _states(engine, tree[6:]) == {State.QUEUED}


@pytest.mark.usefixtures("few")
def test_one_that_was_deleted_by_hand_stops_no_other(engine: Engine) -> None:
    first = add(engine)
    tree = _tree(engine, first)
    finish(engine, claimed(engine, first), NO, Reason.REFUSED)
    with writing(engine) as connection:
        gone = CANCELLATION.c.id == tree[0]
        connection.execute(CANCELLATION.delete().where(gone))
    _judge_all(engine)
    assert _states(engine, tree[1:]) == {State.WITHDRAWN}


@pytest.mark.usefixtures("few")
def test_retention_keeps_one_whose_successors_are_not_judged(engine: Engine) -> None:
    first = add(engine)
    tree = _tree(engine, first)
    finish(engine, claimed(engine, first), NO, Reason.REFUSED)
    # As if they had ended by themselves: no open successor keeps the three.
    ended_at = {"state": "expired", "reason": "deadline_passed", "due_at": None}
    with writing(engine) as connection:
        its = update(CANCELLATION).where(CANCELLATION.c.id.in_(tree[3:]))
        connection.execute(its.values(**ended_at, finished_at=in_ms(NOW)))
        assert count_ended(connection, LATER) == 6
        assert delete_ended(connection, tree[:3], in_ms(LATER)) == 0
    _judge_all(engine)
    with writing(engine) as connection:
        assert delete_ended(connection, tree[:3], in_ms(LATER)) == 3


# --- one that may not begin again yet -------------------------------------------------


def test_one_begins_again_when_what_its_own_end_has_released_has_ended(
    engine: Engine,
) -> None:
    first = add(engine)
    second = after(engine, first, order="b")
    third = after(engine, second, order="c", only_if="withdrawn")
    plan = plan_of(engine, first, second, callback_url=URL)
    finish(engine, claimed(engine, first), NO, Reason.REFUSED)
    its = claimed(engine, third)
    retried(engine, first)
    finish(engine, claimed(engine, first))
    # The third may still be sent because the second was not wanted.
    assert row(engine, second).state == State.WITHDRAWN
    assert _verdict(engine, plan) is None
    assert not ended(engine, plan)
    finish(engine, its)
    with writing(engine) as connection:
        assert not find_due_work(connection, NOW).postponed
        assert judge_postponed(connection, NOW + ASKED_AGAIN)
    assert row(engine, second).state == State.QUEUED
    finish(engine, claimed(engine, second, now=LATER))
    verdicts = [one.document["verdict"] for one in told(engine, plan)]
    assert verdicts == ["not_done", "done"]


def test_it_is_asked_again_until_then(engine: Engine) -> None:
    first = add(engine)
    second = after(engine, first, order="b")
    third = after(engine, second, order="c", only_if="withdrawn")
    finish(engine, claimed(engine, first), NO, Reason.REFUSED)
    its = claimed(engine, third)
    retried(engine, first)
    finish(engine, claimed(engine, first))
    for number in (1, 2):
        with writing(engine) as connection:
            assert judge_postponed(connection, NOW + number * ASKED_AGAIN)
        assert row(engine, second).state == State.WITHDRAWN
    finish(engine, its)
    with writing(engine) as connection:
        assert judge_postponed(connection, NOW + 3 * ASKED_AGAIN)
    assert row(engine, second).state == State.QUEUED


def test_one_that_began_again_meanwhile_is_not_judged(engine: Engine) -> None:
    first = add(engine)
    one = after(engine, first)
    finish(engine, claimed(engine, first))
    with writing(engine) as connection:
        postponement.postpone(connection, Concerned.ITSELF, [one], NOW)
        assert judge_postponed(connection, NOW) is not None
        assert judge_postponed(connection, NOW) is None
    assert row(engine, one).state == State.QUEUED


# --- what it costs, and two at once ---------------------------------------------------


def test_a_single_end_asks_for_no_bound(engine: Engine) -> None:
    first = add(engine)
    for number in range(3):
        after(engine, first, order=str(number))
    held = claimed(engine, first)
    with statements(engine) as seen:
        finish(engine, held)
    assert not any("postponed_judgement" in each for each in seen)
    assert sum("dependency" in each for each in seen) == 2


def test_what_is_due_is_found_by_an_index(engine: Engine) -> None:
    with reading(engine) as connection, plans(connection, ("postponed",)) as found:
        find_due_work(connection, NOW)
    assert_by_index(found, "ix_postponed_due")


def test_two_sweeps_judge_each_once(
    ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postponement, "MOST_JUDGED", 2)
    engine = open_ledger(ledger_url)
    first = add(engine)
    tree = _tree(engine, first)
    finish(engine, claimed(engine, first), NO, Reason.REFUSED)
    together = threading.Barrier(2)

    def judge() -> None:
        together.wait()
        more = True
        while more:
            with writing(engine) as connection:
                judge_postponed(connection, NOW)
                more = find_due_work(connection, NOW).postponed

    threads = [threading.Thread(target=judge) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {len(steps(engine, one)) for one in tree} == {2}
    with reading(engine) as connection:
        assert connection.execute(select(POSTPONED)).all() == []
    engine.dispose()


def test_a_retry_before_a_postponed_judgement_leaves_it_to_that(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One waits for two. The end of one of these is not wanted, and is judged later;
    the other one is retried before that."""
    monkeypatch.setattr(postponement, "MOST_JUDGED", 1)
    others, retried_one, refused = (add(engine, order=name) for name in "abc")
    after(engine, others, order="others")
    waiting = after(engine, retried_one, refused, order="waiting")
    held = {one.id: one for one in hold(engine)}
    finish(engine, held[retried_one], State.FAILED, Reason.UNRESOLVED)
    finish(engine, [held[others], held[refused]], NO, Reason.REFUSED)
    assert row(engine, waiting).state == "scheduled"
    assert retried(engine, retried_one, NOW)
    _judge_all(engine)
    assert row(engine, waiting).state == "withdrawn"


def test_the_end_of_a_plan_that_a_later_judgement_brings_is_told(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step that was judged last has not ended again: another one has."""
    first, second = add(engine, order="first"), add(engine, order="second")
    after(engine, first, order="besides")
    last = after(engine, first, second, order="last")
    plan = plan_of(engine, first, last, callback_url=URL)
    held = {one.id: one for one in hold(engine)}
    finish(engine, held[first], NO, Reason.REFUSED)
    finish(engine, held[second], NO, Reason.REFUSED)
    assert [one.document["verdict"] for one in told(engine, plan)] == ["not_done"]
    assert retried(engine, first, NOW)
    monkeypatch.setattr(postponement, "MOST_JUDGED", 2)
    finish(engine, claimed(engine, first))
    _judge_all(engine)
    assert row(engine, last).state == "withdrawn"
    verdicts = [one.document["verdict"] for one in told(engine, plan)]
    assert sorted(verdicts) == ["done", "not_done"]
