"""Each due time has one run, and each open run has at most one holder."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from rescind.ledger.scheduling import schedule_runs
from rescind.ledger.scheduling.schedule_history import (
    as_document,
    last_ended,
    last_runs,
    runs_of,
)
from rescind.ledger.scheduling.schedule_runs import (
    KEPT,
    OPERATOR,
    Counts,
    Run,
    RunState,
    claim_run,
    finish,
    open_run,
    ready,
    release_run,
    renew,
    start_manual_run,
)
from rescind.ledger.storage.transactions import open_ledger, reading, writing
from tests.ledger.build import BY, HOUR, LEASE, NOW, SECOND

DUE = NOW.replace(microsecond=0)


def opened(engine: Engine, due_at: datetime = DUE, name: str = "a") -> bool:
    with writing(engine) as connection:
        return open_run(connection, name, due_at, NOW)


def taken(engine: Engine, now: datetime = NOW, name: str = "a") -> Run | None:
    with writing(engine) as connection:
        return claim_run(connection, name, now, LEASE)


def held(engine: Engine, now: datetime = NOW) -> Run:
    run = taken(engine, now)
    assert run is not None
    return run


def ended(
    engine: Engine, run: Run, state: RunState = RunState.SUBMITTED, **more: Any
) -> bool:
    with writing(engine) as connection:
        return finish(connection, run, state, NOW, **more)


def runs(engine: Engine, name: str = "a", limit: int = 1000) -> list[dict[str, Any]]:
    with reading(engine) as connection:
        return [as_document(row) for row in runs_of(connection, name, limit)]


def is_ready(engine: Engine, now: datetime) -> list[str]:
    with reading(engine) as connection:
        return [row.name for row in ready(connection, now)]


def at_once(engine: Engine, act: Callable[[Engine], object]) -> list[object]:
    """The results of several threads that do the same at the same time."""
    url = engine.url.render_as_string(hide_password=False)
    start, found = threading.Barrier(4), []

    def do() -> None:
        own = open_ledger(url)
        with reading(own):
            start.wait()
        found.append(act(own))
        own.dispose()

    threads = [threading.Thread(target=do) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    return found


# --- one run for each due time ------------------------------------------------------


def test_of_several_that_open_a_run_at_once_only_one_run_is_made(
    engine: Engine,
) -> None:
    assert at_once(engine, opened) == [True] * 4
    assert len(runs(engine)) == 1


def test_a_due_time_that_was_run_is_not_run_again(engine: Engine) -> None:
    opened(engine)
    ended(engine, held(engine))
    assert opened(engine)
    assert taken(engine) is None
    assert [run["state"] for run in runs(engine)] == ["submitted"]


def test_a_due_time_waits_while_the_former_run_is_open(engine: Engine) -> None:
    opened(engine)
    assert not opened(engine, DUE + HOUR)
    assert opened(engine, DUE + HOUR, name="another")
    run = held(engine)
    assert not opened(engine, DUE + HOUR)
    ended(engine, run)
    assert opened(engine, DUE + HOUR)
    assert len(runs(engine)) == 2


# --- one holder ---------------------------------------------------------------------


def test_of_several_that_claim_a_run_at_once_only_one_has_it(engine: Engine) -> None:
    opened(engine)
    found = at_once(engine, taken)
    assert sum(one is not None for one in found) == 1


def test_a_run_can_be_claimed_again_when_its_lease_runs_out_and_no_sooner(
    engine: Engine,
) -> None:
    opened(engine)
    assert is_ready(engine, NOW) == ["a"]
    first = held(engine)
    late = NOW + LEASE
    assert is_ready(engine, late - SECOND) == []
    assert taken(engine, late - SECOND) is None
    assert is_ready(engine, late) == ["a"]
    second = held(engine, late)
    assert (first.attempts, second.attempts) == (1, 2)
    assert second.due_at == first.due_at == DUE


def test_a_worker_whose_lease_ran_out_changes_nothing(engine: Engine) -> None:
    opened(engine)
    slow = held(engine)
    second = held(engine, NOW + LEASE)
    with writing(engine) as connection:
        assert not renew(connection, slow, NOW + 2 * LEASE)
        assert not release_run(connection, slow, NOW)
    assert not ended(engine, slow, RunState.FAILED, why="slow")
    assert ended(engine, second, counts=Counts(3, 1, 1, 1))
    (run,) = runs(engine)
    assert (run["state"], run["why"]) == ("submitted", None)


def test_an_ended_run_does_not_change(engine: Engine) -> None:
    opened(engine)
    run = held(engine)
    assert ended(engine, run, RunState.HELD, counts=Counts(6), why="too many")
    before = runs(engine)
    assert not ended(engine, run)
    assert runs(engine) == before
    assert before[0]["found"] == 6
    assert before[0]["accepted"] == 0


def test_a_lease_is_renewed(engine: Engine) -> None:
    opened(engine)
    run = held(engine)
    with writing(engine) as connection:
        assert renew(connection, run, NOW + 2 * LEASE)
    assert is_ready(engine, NOW + LEASE) == []
    assert is_ready(engine, NOW + 2 * LEASE) == ["a"]


@pytest.mark.parametrize(("why", "attempts"), [(None, 1), ("it was away", 2)])
def test_only_a_run_that_was_tried_counts_as_an_attempt(
    engine: Engine, why: str | None, attempts: int
) -> None:
    opened(engine)
    run = held(engine)
    with writing(engine) as connection:
        assert release_run(connection, run, NOW + HOUR, why=why)
    assert taken(engine, NOW + HOUR - SECOND) is None
    assert held(engine, NOW + HOUR).attempts == attempts


# --- manual runs --------------------------------------------------------------------


def test_a_manual_run_has_its_own_due_time_and_no_worker_claims_it(
    engine: Engine,
) -> None:
    opened(engine)
    with writing(engine) as connection:
        found = [
            start_manual_run(connection, "a", DUE + HOUR, LEASE, by=BY)
            for _ in range(3)
        ]
    moments = {run.due_at for run in found}
    assert len(moments) == 3
    # The schedule's own due times are whole seconds.
    assert DUE + HOUR not in moments
    assert held(engine, NOW + LEASE).due_at == DUE
    assert taken(engine, NOW + LEASE) is None
    assert {run.asked_by for run in found} == {OPERATOR}


# --- how many runs are kept ---------------------------------------------------------


def test_the_newest_runs_and_all_open_ones_are_kept(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert KEPT == 200
    monkeypatch.setattr(schedule_runs, "KEPT", 3)
    with writing(engine) as connection:
        stuck = start_manual_run(connection, "a", DUE - HOUR, LEASE, by=BY)
    opened(engine, name="another")
    with writing(engine) as connection:
        for number in range(5):
            moment = DUE + number * HOUR + SECOND / 2
            run = start_manual_run(connection, "a", moment, LEASE, by=BY)
            finish(connection, run, RunState.FAILED, NOW, why=str(number))
    assert [run["why"] for run in runs(engine)] == ["4", "3", "2", None]
    assert len(runs(engine, "another")) == 1
    assert stuck.asked_by == OPERATOR


def test_the_newest_run_and_the_newest_ended_run_are_found(engine: Engine) -> None:
    for name in ("a", "b"):
        opened(engine, name=name)
    run = held(engine)
    with reading(engine) as connection:
        assert last_ended(connection, "a") is None
    ended(engine, run, RunState.FAILED, why="x")
    opened(engine, DUE + HOUR)
    with reading(engine) as connection:
        last = last_runs(connection)
        over = last_ended(connection, "a")
    assert {name: row.state for name, row in last.items()} == dict.fromkeys(
        "ab", "running"
    )
    assert over is not None
    assert over.why == "x"
