"""Cancellations that ended long ago are deleted completely, and no others change."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, Table, delete, select

from rescind.ledger.changes import deletion
from rescind.ledger.changes.call_log import CallMade
from rescind.ledger.changes.deletion import Pruning, count_ended
from rescind.ledger.changes.insertion import insert_new
from rescind.ledger.changes.recording import new_id
from rescind.ledger.changes.retries import retry
from rescind.ledger.states import FINAL, State
from rescind.ledger.storage.call_table import CALL
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.tables import CANCELLATION, LANE, TRANSITION
from rescind.ledger.storage.transactions import open_ledger, reading, writing
from tests.ledger.build import BY, HOUR, NOW, SECOND, change, hold, make, new
from tests.ledger.build import progress as in_state
from tests.ledger.build import row as row_of
from tests.ledger.single import record_calls

BEFORE = NOW - 48 * HOUR
OLD = BEFORE - SECOND
TABLES = (CANCELLATION, TRANSITION, CALL)
Dump = dict[str, list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "AT_ONCE", 3)
    monkeypatch.setattr(deletion, "CALLS_AT_ONCE", 2)


def prune(engine: Engine, before: datetime = BEFORE) -> tuple[int, int]:
    walk = Pruning(engine, before)
    while walk.step():
        pass
    return walk.cancellations, walk.calls


def dump(engine: Engine) -> Dump:
    with reading(engine) as connection:
        return {t.name: _rows(connection, t) for t in TABLES}


def _rows(connection: Any, table: Table) -> list[dict[str, Any]]:
    chosen = select(table).order_by(*table.primary_key)
    return [dict(row._mapping) for row in connection.execute(chosen)]


# --- properties ---------------------------------------------------------------------


@dataclass(frozen=True)
class Past:
    """A cancellation: when it was accepted and ended, in hours before ``NOW``."""

    accepted: int
    state: State
    ended: int


hours = st.integers(0, 100)
pasts = st.builds(
    lambda state, a, b: Past(max(a, b), state, min(a, b)),
    st.sampled_from(State),
    hours,
    hours,
)
calls = st.lists(st.tuples(st.sets(st.integers(0, 11), min_size=1), hours), max_size=8)
ON_ONE_LEDGER = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    deadline=None,
)


def fill(
    engine: Engine, past: Sequence[Past], made: Sequence[tuple[set[int], int]]
) -> None:
    """A ledger with this past; a call names some of the cancellations of its time."""
    with writing(engine) as connection:
        for table in (*TABLES, LANE):
            connection.execute(delete(table))
        ids, of_calls = [], [new_id() for _ in made]
        for number, one in enumerate(sorted(past, key=lambda one: -one.accepted)):
            ended = {"finished_at": NOW - one.ended * HOUR}
            state = in_state(one.state, **(ended if one.state in FINAL else {}))
            row = new(str(number), progress=state)
            insert_new(connection, [row], NOW - one.accepted * HOUR)
            ids.append(row.id)
        aged = sorted(made, key=lambda one: -one[1])
        for id_, (named, age) in zip(of_calls, aged, strict=True):
            its = tuple(ids[n] for n in sorted(named) if n < len(ids))
            call = CallMade(id_, "cancel", "answered", SECOND, NOW - age * HOUR, its)
            record_calls(connection, "notpanel", "default", [call])


def what_stays(was: Dump) -> Dump:
    """The rows that the promise keeps, computed without the code under test."""
    cutoff = in_ms(BEFORE)
    kept = [
        one
        for one in was["cancellation"]
        if one["finished_at"] is None or one["finished_at"] >= cutoff
    ]
    ids = {one["id"] for one in kept}
    return {
        "cancellation": kept,
        "transition": [t for t in was["transition"] if t["cancellation_id"] in ids],
        "call": [
            one
            for one in was["call"]
            if one["at"] >= cutoff or ids.intersection(one["cancellations"])
        ],
    }


@given(past=st.lists(pasts, max_size=12), made=calls)
@ON_ONE_LEDGER
def test_old_ended_cancellations_are_deleted_and_all_others_stay_complete(
    engine: Engine, past: list[Past], made: list[tuple[set[int], int]]
) -> None:
    fill(engine, past, made)
    was = dump(engine)
    stays = what_stays(was)
    gone = len(was["cancellation"]) - len(stays["cancellation"])
    with reading(engine) as connection:
        assert count_ended(connection, BEFORE) == gone
    assert prune(engine) == (gone, len(was["call"]) - len(stays["call"]))
    assert dump(engine) == stays
    assert prune(engine) == (0, 0)
    assert dump(engine) == stays


@given(past=st.lists(pasts, max_size=12), made=calls, steps=st.integers(0, 12))
@ON_ONE_LEDGER
def test_a_walk_that_stops_anywhere_leaves_no_partial_cancellation(
    engine: Engine, past: list[Past], made: list[tuple[set[int], int]], steps: int
) -> None:
    fill(engine, past, made)
    stays = what_stays(dump(engine))
    walk = Pruning(engine, BEFORE)
    for _ in range(steps):
        walk.step()
    left = dump(engine)
    ids = {one["id"] for one in left["cancellation"]}
    assert all(one in left[name] for name in stays for one in stays[name])
    assert {t["cancellation_id"] for t in left["transition"]} == ids
    prune(engine)
    assert dump(engine) == stays


# --- concurrency --------------------------------------------------------------------


def ended(engine: Engine, count: int = 1, at: datetime = OLD) -> list[str]:
    """So many cancelled ones, each with its history and its call."""
    with writing(engine) as connection:
        insert_new(connection, [new(str(n)) for n in range(count)], at)
    held = hold(engine, limit=count)
    call = CallMade(
        new_id(), "cancel", "answered", SECOND, at, tuple(one.id for one in held)
    )
    made = [change(one, State.FAILED, finished_at=at) for one in held]
    with writing(engine) as connection:
        record_calls(connection, "notpanel", "default", [call])
    make(engine, made)
    return [one.id for one in held]


def test_a_cancellation_is_deleted_with_its_steps_and_its_call(engine: Engine) -> None:
    ended(engine, 5)
    assert [len(rows) for rows in dump(engine).values()] == [5, 15, 1]
    assert prune(engine) == (5, 1)
    assert [len(rows) for rows in dump(engine).values()] == [0, 0, 0]


def test_two_at_once_delete_each_cancellation_once(engine: Engine) -> None:
    ended(engine, 40)
    start = threading.Barrier(2)
    found: list[tuple[int, int]] = []

    def run() -> None:
        start.wait()
        found.append(prune(engine))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [sum(counts) for counts in zip(*found, strict=True)] == [40, 1]


def test_a_cancellation_retried_after_it_was_found_old_is_not_deleted(
    engine: Engine,
) -> None:
    [one] = ended(engine)
    with writing(engine) as connection:
        assert retry(connection, row_of(engine, one), NOW, by=BY)
    was = dump(engine)
    with writing(engine) as connection:
        assert deletion.delete_ended(connection, [one], in_ms(BEFORE)) == 0
    assert dump(engine) == was


def test_deletion_does_not_wait_for_a_cancellation_being_retried(
    postgres_ledger_url: str,
) -> None:
    engine = open_ledger(postgres_ledger_url)
    first, _ = ended(engine, 2)
    with writing(engine) as connection:
        assert retry(connection, row_of(engine, first), NOW, by=BY)
        assert prune(engine) == (1, 0)
    assert [one["id"] for one in dump(engine)["cancellation"]] == [first]
    engine.dispose()
