"""One transaction completes a bounded number of plans; later ones do the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, select, update

from rescind.ledger.changes import postponed_completions
from rescind.ledger.changes.deletion import count_ended, delete_ended
from rescind.ledger.changes.due_lanes import find_due_work
from rescind.ledger.changes.postponed_judgements import judge_postponed
from rescind.ledger.reading.plans import plan_documents
from rescind.ledger.states import State
from rescind.ledger.storage.completion_table import COMPLETION
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.side_tables import DELIVERY
from rescind.ledger.storage.transactions import reading, writing
from rescind.provider.outcomes import Reason
from tests.ledger.build import HOUR, NOW, SECOND, add, hold
from tests.ledger.delivering import URL
from tests.ledger.planned import claimed, finish, retried
from tests.ledger.plans import assert_by_index, plans, statements
from tests.ledger.recorded_plans import ended, plan_of, told

NO = State.REJECTED


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction completes two plans."""
    monkeypatch.setattr(postponed_completions, "MOST_COMPLETED", 2)


def _sharing(engine: Engine, *steps: str, number: int = 5) -> list[str]:
    """Plans that all have these steps, in the order of their ids."""
    return sorted(
        plan_of(engine, *steps, key=f"{steps} {n}", callback_url=URL)
        for n in range(number)
    )


def _complete_all(engine: Engine) -> int:
    """Do what was left; returns in how many transactions."""
    number = 0
    while _is_left(engine):
        with writing(engine) as connection:
            assert judge_postponed(connection, NOW) is not None
        number += 1
    return number


def _is_left(engine: Engine) -> bool:
    with reading(engine) as connection:
        return find_due_work(connection, NOW).postponed


def _ended(engine: Engine, made: Sequence[str]) -> list[bool]:
    return [ended(engine, one) for one in made]


def _told(engine: Engine, made: Sequence[str]) -> list[int]:
    return [len(told(engine, one)) for one in made]


def test_what_one_transaction_cannot_complete_is_completed_later_and_once(
    engine: Engine,
) -> None:
    step = add(engine)
    made = _sharing(engine, step)
    assert finish(engine, claimed(engine, step)).to_deliver == 2
    assert _ended(engine, made) == [True, True, False, False, False]
    assert _complete_all(engine) == 2
    assert _ended(engine, made) == [True] * 5
    assert _told(engine, made) == [1] * 5


def test_several_ends_of_one_transaction_have_one_bound(engine: Engine) -> None:
    steps = [add(engine, order=str(n)) for n in range(3)]
    made = [one for step in steps for one in _sharing(engine, step, number=2)]
    held = {one.id: one for one in hold(engine)}
    finish(engine, [held[one] for one in steps[:2]])
    assert sum(_ended(engine, made)) == 2
    assert _complete_all(engine) == 1
    assert _told(engine, made) == [1, 1, 1, 1, 0, 0]


def test_a_plan_that_another_step_completes_meanwhile_is_told_once(
    engine: Engine,
) -> None:
    first, second = add(engine, order="1"), add(engine, order="2")
    made = _sharing(engine, first, number=4)
    both = plan_of(engine, first, second, callback_url=URL)
    held = {one.id: one for one in hold(engine)}
    finish(engine, held[first])
    finish(engine, held[second])
    assert _told(engine, [both]) == [1]
    _complete_all(engine)
    assert _told(engine, [*made, both]) == [1] * 5


def test_a_step_that_begins_again_first_completes_its_plans_when_it_has_ended(
    engine: Engine,
) -> None:
    step = add(engine)
    made = _sharing(engine, step)
    finish(engine, claimed(engine, step), NO, Reason.REFUSED)
    assert retried(engine, step)
    assert _ended(engine, made) == [False] * 5
    assert _complete_all(engine) == 1
    assert _told(engine, made) == [1, 1, 0, 0, 0]
    finish(engine, claimed(engine, step))
    _complete_all(engine)
    assert _ended(engine, made) == [True] * 5
    assert _told(engine, made) == [2, 2, 1, 1, 1]


def test_a_second_end_begins_with_the_first_plan_again(engine: Engine) -> None:
    step = add(engine)
    made = _sharing(engine, step)
    finish(engine, claimed(engine, step), NO, Reason.REFUSED)
    with writing(engine) as connection:
        judge_postponed(connection, NOW)
    assert retried(engine, step)
    finish(engine, claimed(engine, step))
    _complete_all(engine)
    assert _told(engine, made) == [2, 2, 2, 2, 1]


def test_retention_keeps_a_plan_until_its_end_is_told(engine: Engine) -> None:
    step, other = add(engine), add(engine, State.CANCELLED, order="other")
    _sharing(engine, step, other)
    finish(engine, claimed(engine, step))

    def deleted() -> int:
        with writing(engine) as connection:
            return delete_ended(connection, [step, other], in_ms(NOW + HOUR))

    def countable() -> int:
        with reading(engine) as connection:
            return count_ended(connection, NOW + SECOND)

    assert (deleted(), countable()) == (0, 0)
    _complete_all(engine)
    with reading(engine) as connection:
        assert connection.execute(select(COMPLETION)).all() == []


def test_retention_names_all_plans_of_a_step_in_one_parameter(engine: Engine) -> None:
    """PostgreSQL takes 65,535 parameters, and a step may have more plans."""
    step = add(engine, State.CANCELLED)
    made = _sharing(engine, step, number=20)
    assert _told(engine, made) == [1] * 20
    with writing(engine) as connection:
        connection.execute(update(DELIVERY).values(state="delivered", due_at=None))
    with writing(engine) as connection, parameters(connection) as numbers:
        assert delete_ended(connection, [step], in_ms(NOW + HOUR)) == 1
    assert max(numbers) < 10
    with reading(engine) as connection:
        assert plan_documents(connection, made) == []


@contextmanager
def parameters(connection: Connection) -> Iterator[list[int]]:
    """How many parameters each statement of this block has."""
    numbers: list[int] = []

    def note(_: object, __: object, ___: object, values: Any, *____: object) -> None:
        numbers.append(len(values))

    event.listen(connection, "before_cursor_execute", note)
    yield numbers
    event.remove(connection, "before_cursor_execute", note)


def test_a_new_plan_does_not_look_at_the_others_of_its_step(engine: Engine) -> None:
    step = add(engine, State.CANCELLED)
    _sharing(engine, step, number=1)
    with statements(engine) as seen:
        made = plan_of(engine, step, key="new", callback_url=URL)
    assert _told(engine, [made]) == [1]
    asked = [" ".join(one.split()) for one in seen]
    assert not any("SELECT plan_step.plan_id FROM plan_step" in one for one in asked)


def test_the_plans_that_were_left_are_found_by_indexes(engine: Engine) -> None:
    step = add(engine)
    _sharing(engine, step)
    finish(engine, claimed(engine, step))
    with reading(engine) as connection, plans(connection, ("postponed",)) as found:
        find_due_work(connection, NOW)
    assert_by_index(found, "ix_completion_due")
    with writing(engine) as connection, plans(connection, ("plan_step",)) as found:
        judge_postponed(connection, NOW)
    assert "ix_plan_step_cancellation" in found[0]
