from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, func, select

from rescind.ledger.changes.insertion import insert_new, standing
from rescind.ledger.changes.new_cancellation import NewCancellation, beginning
from rescind.ledger.progress import Progress
from rescind.ledger.reading.queries import history
from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import to_ms
from rescind.ledger.storage.tables import CANCELLATION, TRANSITION
from rescind.ledger.storage.transactions import reading, writing
from rescind.provider.outcomes import Reason
from tests.ledger.build import BY, HOUR, LANE, NOW, SECOND, new, row, steps, take_in


def counts(engine: Engine) -> tuple[int, int]:
    with reading(engine) as connection:
        return (
            connection.execute(select(func.count(CANCELLATION.c.id))).scalar_one(),
            connection.execute(select(func.count(TRANSITION.c.seq))).scalar_one(),
        )


def insert(engine: Engine, *some: NewCancellation) -> frozenset[str]:
    with writing(engine) as connection:
        return insert_new(connection, some, NOW)


def test_every_field_of_a_submission_is_stored(engine: Engine) -> None:
    params = {"reasons": {"101": 2}, "is_all": True, "note": 'ş "quoted" \\ %s :x'}
    one = new(
        "ord_1",
        key="mine",
        group="spring",
        params=params,
        metadata={"shop_order": "1001", "n": [1, None, 2.5, {"ü": "😀"}]},
        sealed="gAAAA",
        callback_url="https://example.com/?a=b&c=%20",
        not_before=NOW + SECOND,
        cancel_before=NOW + HOUR,
    )
    assert insert(engine, one) == {one.id}
    kept = row(engine, one.id)
    assert kept.params == params
    assert kept.meta == one.metadata
    assert (kept.order_id, kept.key, kept.group_name) == ("ord_1", "mine", "spring")
    assert (kept.sealed, kept.callback_url) == (one.sealed, one.callback_url)
    assert kept.state == State.SCHEDULED
    assert kept.due_at == kept.not_before == to_ms(NOW + SECOND)
    assert kept.cancel_before == kept.urgency == to_ms(NOW + HOUR)
    assert kept.created_at == kept.updated_at == to_ms(NOW)
    assert (kept.version, kept.attempts, kept.lost) == (1, 0, 0)


def test_a_new_cancellation_has_a_first_step_in_its_history(engine: Engine) -> None:
    [one] = take_in(engine, [new()])
    assert steps(engine, one) == [(1, None, State.QUEUED)]


def test_an_invalid_entry_is_stored_with_its_reason(engine: Engine) -> None:
    wrong = Progress(
        State.REJECTED,
        Reason.INVALID_REQUEST,
        provider_message="order is required",
        finished_at=NOW,
    )
    [one] = take_in(engine, [new(progress=wrong)])
    assert row(engine, one).provider_message == "order is required"
    with reading(engine) as connection:
        [first] = history(connection, one)
    assert (first["to"], first["evidence"]) == (State.REJECTED, "order is required")


@pytest.mark.parametrize(
    ("not_before", "state", "due"),
    [
        (None, State.QUEUED, NOW),
        (NOW, State.QUEUED, NOW),
        (NOW - HOUR, State.QUEUED, NOW),
        (NOW + timedelta(milliseconds=1), State.SCHEDULED, None),
    ],
)
def test_the_first_state_depends_on_not_before(
    not_before: Any, state: State, due: Any
) -> None:
    assert beginning(not_before, NOW) == Progress(state, due_at=due or not_before)


def test_a_repeated_submission_changes_nothing(engine: Engine) -> None:
    first = new("1", metadata={"n": 1})
    again = new("1", metadata={"n": 2})
    assert insert(engine, first) == {first.id}
    before = row(engine, first.id)
    assert insert(engine, again) == frozenset()
    assert row(engine, first.id) == before
    assert counts(engine) == (1, 1)


def test_the_first_of_two_equal_keys_in_one_message_is_stored(engine: Engine) -> None:
    first, again = new("1", metadata={"n": 1}), new("1", metadata={"n": 2})
    assert insert(engine, first, again) == {first.id}
    assert row(engine, first.id).meta == {"n": 1}
    assert counts(engine) == (1, 1)


def test_another_account_provider_or_key_is_another_cancellation(
    engine: Engine,
) -> None:
    some = [
        new("1"),
        new("1", key="2"),
        new("1", lane=("notpanel", "b")),
        new("1", lane=("ithink", "default")),
    ]
    assert len(insert(engine, *some)) == 4


def test_an_empty_submission_is_accepted(engine: Engine) -> None:
    assert insert(engine) == frozenset()
    with reading(engine) as connection:
        assert standing(connection, []) == {}


def test_existing_rows_are_found_by_their_paths(engine: Engine) -> None:
    one, two = new("1"), new("2", lane=("ithink", "b"))
    insert(engine, one, two)
    absent = ("notpanel", "default", "2")
    with reading(engine) as connection:
        found = standing(connection, [one.path, two.path, absent])
    assert {path: kept.id for path, kept in found.items()} == {
        one.path: one.id,
        two.path: two.id,
    }


def test_an_existing_row_is_found_by_its_key_in_a_lane_of_any_size(
    engine: Engine,
) -> None:
    plans: list[str] = []
    sqlite = engine.dialect.name == "sqlite"

    def explain(_: object, cursor: Any, statement: str, values: Any, *__: Any) -> None:
        if statement.startswith("SELECT"):
            cursor.execute(f"EXPLAIN {'QUERY PLAN ' * sqlite}{statement}", values)
            plans.append(" ".join(str(line) for line in cursor.fetchall()))

    with reading(engine) as connection:
        event.listen(connection, "before_cursor_execute", explain)
        standing(connection, [(*LANE, "1"), (*LANE, "2")])
    [plan] = plans
    assert ("account=? AND key=?" if sqlite else "(key = each.key))") in plan


def test_a_thousand_cancellations_are_inserted_by_one_statement(engine: Engine) -> None:
    assert len(insert(engine, *(new(str(n)) for n in range(1000)))) == 1000
    assert counts(engine) == (1000, 1000)


def test_the_same_submission_from_many_threads_is_accepted_once(engine: Engine) -> None:
    # Each thread in its own order, as two producers may send them.
    sent = [
        [new(str(n)) for n in order]
        for order in (range(300), range(299, -1, -1), range(300), range(299, -1, -1))
    ]
    start = threading.Barrier(len(sent))
    taken: list[frozenset[str]] = []
    failed: list[Exception] = []

    def produce(some: list[NewCancellation]) -> None:
        start.wait()
        try:
            taken.append(insert(engine, *some))
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=produce, args=(some,)) for some in sent]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert sum(map(len, taken)) == 300
    assert counts(engine) == (300, 300)


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs", "Cc"])), inner
        )
    ),
    max_leaves=6,
)


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.dictionaries(st.text(st.characters(exclude_categories=["Cs", "Cc"])), values),
    st.text(st.characters(exclude_categories=["Cs", "Cc"])),
)
def test_any_metadata_and_any_text_come_back_as_they_were(
    engine: Engine, metadata: dict[str, Any], text: str
) -> None:
    one = new(text, group=text, metadata=metadata)
    one = NewCancellation(
        one.id, *one.path[:2], text, one.id, one.progress, NOW, BY, text, metadata
    )
    assert insert(engine, one) == {one.id}
    kept = row(engine, one.id)
    assert (kept.order_id, kept.group_name, kept.params) == (text, text, metadata)
