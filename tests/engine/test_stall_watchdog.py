"""The watchdog reports lanes that stand still, and no others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs

from providers.registry import BY_NAME
from rescind.config.accounts import Accounts, LaneConfig
from rescind.engine.call_deadlines import longest_call
from rescind.engine.stall_watchdog import (
    AGAIN_SECONDS,
    DUE_FOR,
    LOOK_SECONDS,
    STALL_SECONDS,
    STANDS_STILL,
    StallWatch,
)
from rescind.ledger.changes.call_log import CallMade, append_calls
from rescind.ledger.changes.lane_states import LaneState, hold_for_operator, write_lane
from rescind.ledger.changes.recording import new_id
from rescind.ledger.changes.stalled_lanes import stalled_lanes
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading, writing
from rescind.operations import actions
from rescind.provider.account import Account
from tests.ledger.build import (
    BY,
    HOUR,
    LANE,
    NOW,
    SECOND,
    add,
    change,
    hold,
    make,
    policy,
)
from tests.ledger.plans import statements

PROVIDER = BY_NAME[LANE[0]]
ACCOUNT = Account(base_url="https://provider.example")
LONGEST = longest_call(policy()).total_seconds()


def accounts(fault: str | None = None, **rules: Any) -> Accounts:
    account = None if fault else ACCOUNT
    return Accounts({LANE: LaneConfig(PROVIDER, policy(**rules), account, fault)})


class Worker:
    """A process that checks every few seconds."""

    def __init__(self, engine: Engine, known: Accounts | None = None) -> None:
        self.engine = engine
        self.accounts = known or accounts()
        self.seconds = DUE_FOR.total_seconds()
        self.watch = StallWatch(self._wait_reasons, lambda: self.seconds)
        self.look()

    def _wait_reasons(self, lane: tuple[str, str], operation: str) -> str:
        return f"{operation} of {'/'.join(lane)}: nothing"

    def look(self) -> None:
        now = NOW + timedelta(seconds=self.seconds)
        self.watch.look(self.engine, self.accounts, now)

    def run(self, seconds: float, step: float = LOOK_SECONDS) -> None:
        end = self.seconds + seconds
        while self.seconds < end:
            self.seconds = min(end, self.seconds + step)
            self.look()


def stalled(engine: Engine) -> Mapping[tuple[str, str], object]:
    with reading(engine) as connection:
        return stalled_lanes(connection)


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    with capture_logs() as logs:
        yield logs


def test_a_lane_that_stands_still_is_logged_once_a_minute_until_it_moves(
    engine: Engine, logged: list[Any]
) -> None:
    add(engine, order="1")
    add(engine, order="2")
    worker = Worker(engine)
    worker.run(STALL_SECONDS - LOOK_SECONDS)
    assert (logged, stalled(engine)) == ([], {})
    worker.run(LOOK_SECONDS)
    since = NOW + DUE_FOR
    assert stalled(engine) == {LANE: since}
    assert logged == [
        {
            "event": STANDS_STILL,
            "log_level": "warning",
            "lane": "notpanel/default",
            "operation": "cancel",
            "due": 2,
            "oldest": NOW.isoformat(),
            "seconds": 30,
            "waits_for": "cancel of notpanel/default: nothing",
        }
    ]
    worker.run(AGAIN_SECONDS)
    assert [one["seconds"] for one in logged] == [30, 90]
    assert stalled(engine) == {LANE: since}
    call(engine, "cancel")
    worker.run(LOOK_SECONDS)
    assert stalled(engine) == {}
    assert logged[-1]["event"] == "lane stands still no longer"


def call(engine: Engine, operation: str) -> None:
    made = CallMade(new_id(), operation, "answered", SECOND, NOW, (new_id(),))
    with writing(engine) as connection:
        append_calls(connection, [(LANE, made)])


def test_a_stall_is_shown_by_every_process(engine: Engine) -> None:
    add(engine)
    worker = Worker(engine)
    worker.run(STALL_SECONDS)
    at = NOW + timedelta(seconds=worker.seconds)
    (seen,) = actions.lanes(engine, worker.accounts, at)
    status, why = seen.status(at)
    assert (status, seen.document(at)["stalled_since"]) == (
        "open",
        "2020-11-20T18:09:10.123Z",
    )
    assert why is not None
    assert "it stands still" in why


@pytest.mark.parametrize(
    "state", [State.QUEUED, State.VERIFYING, State.REQUESTED], ids=str
)
def test_each_operation_is_looked_at(
    engine: Engine, logged: list[Any], state: State
) -> None:
    add(engine, state)
    worker = Worker(engine)
    worker.run(STALL_SECONDS + LONGEST)
    operation = {"queued": "cancel", "verifying": "verify", "requested": "poll"}
    assert {one["operation"] for one in logged} == {operation[state]}


QUIET: Mapping[str, tuple[LaneState, Accounts]] = {
    "held": (hold_for_operator(LaneState(), NOW, BY), accounts()),
    "paused": (LaneState(paused_until=NOW + HOUR), accounts()),
    "without an account": (LaneState(), accounts("no key")),
    "with a rate to wait for": (LaneState(), accounts(rate="1/hour")),
}


@pytest.mark.parametrize("case", QUIET)
def test_a_lane_with_a_reason_is_not_logged(
    engine: Engine, logged: list[Any], case: str
) -> None:
    state, known = QUIET[case]
    add(engine)
    with writing(engine) as connection:
        write_lane(connection, LANE, state)
    Worker(engine, known).run(10 * STALL_SECONDS)
    assert (logged, stalled(engine)) == ([], {})


@pytest.mark.parametrize("corrected", [False, True])
def test_a_held_lane_stands_still_once_the_accounts_file_has_changed(
    engine: Engine, logged: list[Any], corrected: bool
) -> None:
    """For then one call may test it, though the time of the test has not come."""
    add(engine)
    refused = LaneState(held_at=NOW, probe_at=NOW + HOUR)
    with writing(engine) as connection:
        write_lane(connection, LANE, refused)
    lane = LaneConfig(PROVIDER, policy(probe_after=HOUR), ACCOUNT)
    changed_at = NOW + SECOND if corrected else NOW - SECOND
    known = Accounts({LANE: replace(lane, changed_at=changed_at)})
    Worker(engine, known).run(10 * STALL_SECONDS)
    assert (LANE in stalled(engine)) == bool(logged) == corrected


@pytest.mark.parametrize(
    ("state", "values"),
    [
        (State.QUEUED, {"due_at": NOW + HOUR}),
        (State.SENDING, {"due_at": NOW + HOUR}),
        (State.SCHEDULED, {"due_at": NOW}),
        (State.CANCELLED, {}),
    ],
)
def test_a_lane_without_due_work_is_not_logged(
    engine: Engine, logged: list[Any], state: State, values: dict[str, Any]
) -> None:
    add(engine, state, **values)
    Worker(engine).run(10 * STALL_SECONDS)
    assert logged == []


def test_calls_that_hang_are_given_their_time(
    engine: Engine, logged: list[Any]
) -> None:
    for order in "12":
        add(engine, order=order)
    hold(engine, limit=1)
    worker = Worker(engine)
    worker.run(STALL_SECONDS + LONGEST - LOOK_SECONDS)
    assert logged == []
    worker.run(LOOK_SECONDS)
    assert len(logged) == 1


@pytest.mark.parametrize("how", ["a call", "an end"])
def test_a_lane_that_another_worker_serves_is_not_logged(
    engine: Engine, logged: list[Any], how: str
) -> None:
    for number in range(20):
        add(engine, order=str(number))
    worker = Worker(engine)
    for _ in range(5):
        worker.run(STALL_SECONDS - LOOK_SECONDS)
        if how == "a call":
            call(engine, "cancel")
        else:
            (one,) = hold(engine, limit=1)
            make(engine, [replace(change(one, State.CANCELLED), attempted=True)])
    assert logged == []


def test_a_lane_whose_orders_are_claimed_and_returned_does_not_stand_still(
    engine: Engine, logged: list[Any]
) -> None:
    """The clock of the worker that returns them is behind: to others, they are long
    due."""
    add(engine)
    worker = Worker(engine)
    for _ in range(5):
        worker.run(STALL_SECONDS - LOOK_SECONDS)
        (one,) = hold(engine)
        make(engine, [change(one, State.QUEUED, due_at=NOW)])
    assert logged == []


def test_new_orders_do_not_hide_that_a_lane_stands_still(
    engine: Engine, logged: list[Any]
) -> None:
    add(engine)
    worker = Worker(engine)
    for number in range(6):
        add(engine, order=f"new-{number}")
        worker.run(LOOK_SECONDS)
    assert [one["due"] for one in logged] == [7]


def test_the_calls_of_one_operation_do_not_hide_that_another_stands_still(
    engine: Engine, logged: list[Any]
) -> None:
    add(engine, State.VERIFYING)
    worker = Worker(engine)
    for _ in range(3):
        worker.run((STALL_SECONDS + LONGEST) / 3)
        call(engine, "cancel")
    worker.run(LOOK_SECONDS)
    assert {one["operation"] for one in logged} == {"verify"}


def test_time_without_checks_does_not_count(engine: Engine, logged: list[Any]) -> None:
    add(engine)
    worker = Worker(engine)
    worker.run(HOUR.total_seconds(), step=HOUR.total_seconds())
    assert logged == []


def test_a_new_worker_does_not_clear_a_stall_that_another_one_has_found(
    engine: Engine,
) -> None:
    add(engine)
    worker = Worker(engine)
    worker.run(STALL_SECONDS)
    other = Worker(engine)
    other.run(LOOK_SECONDS)
    assert stalled(engine) == {LANE: NOW + DUE_FOR}
    with writing(engine) as connection:
        write_lane(connection, LANE, hold_for_operator(LaneState(), NOW, BY))
    assert stalled(engine) == {LANE: NOW + DUE_FOR}
    other.run(LOOK_SECONDS)
    assert stalled(engine) == {}


def test_idle_lanes_cost_two_statements(engine: Engine) -> None:
    for number in range(20):
        lane = (LANE[0], f"a{number}")
        add(engine, State.CANCELLED, order=str(number), lane=lane)
    worker = Worker(engine)
    with statements(engine) as asked:
        worker.run(LOOK_SECONDS)
    assert sum("SELECT" in one for one in asked) == 2
    with statements(engine) as asked:
        worker.look()
    assert asked == []
