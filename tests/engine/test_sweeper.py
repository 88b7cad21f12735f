"""The sweep keeps the deadlines of all lanes, and finds those that can be called."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from kombu.exceptions import OperationalError
from sqlalchemy import Engine, update
from structlog.testing import capture_logs

from providers.registry import BY_NAME
from rescind.config.accounts import Accounts, Lane, LaneConfig
from rescind.engine import sweeper
from rescind.engine.sweeper import each, sweep
from rescind.ledger.changes import postponement, sweeps
from rescind.ledger.changes.lane_states import (
    LaneState,
    hold_for_operator,
    register_lanes,
    write_lane,
)
from rescind.ledger.changes.leases import acquire, release
from rescind.ledger.states import State
from rescind.ledger.storage.postponement_table import Concerned
from rescind.ledger.storage.tables import CANCELLATION
from rescind.ledger.storage.transactions import LedgerUnreachableError, writing
from rescind.provider.outcomes import Reason
from tests.ledger.build import BY, HOUR, NOW, add, row, say_in_newer_words
from tests.ledger.planned import after, claimed, finish
from tests.ledger.plans import statements

KNOWN = ("iletimerkezi", "default")
TAKEN_OUT = ("iletimerkezi", "taken-out")
UNREGISTERED = ("no-provider", "default")
LATE = NOW + HOUR
HELD = hold_for_operator(LaneState(), NOW, BY)
PAUSED = LaneState(paused_until=NOW + HOUR)


@pytest.fixture
def accounts() -> Accounts:
    provider = BY_NAME["iletimerkezi"]
    values = {"key": "a", "hash": "b"}
    account = provider.account_model.model_validate(values)
    return Accounts({KNOWN: LaneConfig(provider, provider.policy, account)})


@pytest.fixture(autouse=True)
def _nothing_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeper, "_logged", set[object]())


def swept(
    engine: Engine, accounts: Accounts, now: datetime = NOW
) -> dict[Lane, set[str]]:
    found = sweep(engine, accounts, now, "this worker")
    return {lane: set(one) for lane, one in found.items()}


def register(engine: Engine, *lanes: tuple[str, str]) -> None:
    with writing(engine) as connection:
        register_lanes(connection, lanes)


@pytest.mark.parametrize("lane", [TAKEN_OUT, UNREGISTERED])
@pytest.mark.parametrize("registered", [True, False])
def test_deadlines_are_kept_on_a_lane_that_cannot_be_called(
    engine: Engine, accounts: Accounts, lane: tuple[str, str], registered: bool
) -> None:
    if registered:
        register(engine, lane)
    queued = add(engine, lane=lane, order="1", cancel_before=LATE)
    planned = add(
        engine, State.SCHEDULED, lane=lane, order="2", cancel_before=LATE, due_at=LATE
    )
    lost = add(engine, lane=lane, order="3", cancel_before=LATE, lost=True)
    free = add(engine, lane=lane, order="4")
    assert swept(engine, accounts, LATE) == {}
    states = [row(engine, one).state for one in (queued, planned, lost, free)]
    assert states == ["expired", "expired", "verifying", "queued"]


def test_a_worker_that_vanished_is_noticed_on_a_lane_that_cannot_be_called(
    engine: Engine, accounts: Accounts
) -> None:
    register(engine, UNREGISTERED)
    one = add(engine, State.SENDING, lane=UNREGISTERED)
    assert swept(engine, accounts) == {}
    assert row(engine, one).state == State.VERIFYING


def test_only_lanes_that_can_be_called_are_notified(
    engine: Engine, accounts: Accounts
) -> None:
    for lane in (KNOWN, TAKEN_OUT, UNREGISTERED):
        register(engine, lane)
        add(engine, lane=lane)
        add(engine, State.REQUESTED, lane=lane, order="2")
    assert swept(engine, accounts) == {KNOWN: {"cancel", "poll"}}


@pytest.mark.parametrize("state", [HELD, PAUSED], ids=["held", "paused"])
def test_a_lane_that_may_not_be_called_is_not_notified(
    engine: Engine, accounts: Accounts, state: LaneState
) -> None:
    add(engine, lane=KNOWN)
    with writing(engine) as connection:
        write_lane(connection, KNOWN, state)
    assert swept(engine, accounts) == {}
    with writing(engine) as connection:
        write_lane(connection, KNOWN, LaneState())
    assert swept(engine, accounts) == {KNOWN: {"cancel"}}


def test_orders_that_were_just_moved_are_due_at_once(
    engine: Engine, accounts: Accounts
) -> None:
    add(engine, State.SENDING, lane=KNOWN, due_at=LATE)
    add(engine, State.SCHEDULED, lane=KNOWN, order="2", due_at=LATE)
    assert swept(engine, accounts) == {}
    assert swept(engine, accounts, LATE) == {KNOWN: {"cancel", "verify"}}


def test_a_backlog_is_moved_by_one_sweep_in_several_transactions(
    engine: Engine, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeps, "AT_ONCE", 2)
    monkeypatch.setattr(sweeper, "AT_ONCE", 2)
    ids = [
        add(engine, lane=lane, order=str(n), cancel_before=NOW)
        for lane in (KNOWN, TAKEN_OUT, UNREGISTERED)
        for n in range(5)
    ]
    assert swept(engine, accounts) == {}
    assert {row(engine, one).state for one in ids} == {State.EXPIRED}


def test_while_another_sweep_moves_orders_this_one_only_finds_due_lanes(
    engine: Engine, accounts: Accounts
) -> None:
    one = add(engine, lane=KNOWN, cancel_before=LATE)
    add(engine, lane=KNOWN, order="312000002", key="312000002")
    with writing(engine) as connection:
        assert acquire(connection, "sweep", "another worker", 20.0, LATE)
    assert swept(engine, accounts) == {KNOWN: {"cancel"}}
    assert swept(engine, accounts, LATE) == {KNOWN: {"cancel"}}
    assert row(engine, one).state == State.QUEUED
    with writing(engine) as connection:
        release(connection, "sweep", "another worker")
    assert swept(engine, accounts, LATE) == {KNOWN: {"cancel"}}
    assert row(engine, one).state == State.EXPIRED


def test_a_worker_that_dies_in_its_sweep_holds_up_others_for_three_seconds(
    engine: Engine, accounts: Accounts
) -> None:
    one = add(engine, lane=KNOWN, cancel_before=NOW)
    lease = sweeper.LEASE, "a dead worker", sweeper.LEASE_SECONDS
    with writing(engine) as connection:
        assert acquire(connection, *lease, NOW)
    for seconds in (0, 1, 2):
        swept(engine, accounts, NOW + timedelta(seconds=seconds))
        assert row(engine, one).state == State.QUEUED
    swept(engine, accounts, NOW + timedelta(seconds=3))
    assert row(engine, one).state == State.EXPIRED


def test_a_sweep_that_fails_gives_its_lease_back(
    engine: Engine, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(engine, lane=KNOWN, cancel_before=NOW)
    with monkeypatch.context() as broken:
        broken.setattr(sweeper, "move", None)
        with pytest.raises(TypeError):
            swept(engine, accounts)
    assert swept(engine, accounts) == {}


@pytest.mark.parametrize("lanes", [1, 30])
def test_a_ledger_at_rest_costs_one_statement_whatever_the_number_of_lanes(
    engine: Engine, accounts: Accounts, lanes: int
) -> None:
    register(engine, *((KNOWN[0], str(n)) for n in range(lanes)))
    with statements(engine) as seen:
        assert swept(engine, accounts) == {}
    assert len(seen) == 1


def test_sweeping_many_lanes_costs_no_more_statements_than_one(engine: Engine) -> None:
    provider = BY_NAME[KNOWN[0]]
    config = LaneConfig(provider, provider.policy)
    counts = []
    for n in (1, 30):
        lanes = [(KNOWN[0], f"{n}-{one}") for one in range(n)]
        for lane in lanes:
            add(engine, State.SENDING, lane=lane)
            add(engine, lane=lane, order="2")
        with statements(engine) as seen:
            due = swept(engine, Accounts(dict.fromkeys(lanes, config)))
        assert due == {lane: {"cancel", "verify"} for lane in lanes}
        counts.append(len(seen))
    assert counts[0] == counts[1] <= 15


def left_alone(engine: Engine, accounts: Accounts, now: datetime) -> list[str]:
    with capture_logs() as logs:
        swept(engine, accounts, now)
    logged = [one for one in logs if one["event"] == "rows left alone"]
    return [one for entry in logged for one in entry["cancellations"]]


def test_a_row_of_a_newer_version_is_logged_once_and_never_notified(
    engine: Engine, accounts: Accounts
) -> None:
    register(engine, KNOWN)
    newer = add(engine, lane=KNOWN)
    say_in_newer_words(engine, newer)
    assert swept(engine, Accounts()) == {}
    assert left_alone(engine, accounts, NOW) == [newer]
    assert left_alone(engine, accounts, NOW + timedelta(seconds=1)) == []
    add(engine, lane=KNOWN, order="2")
    assert swept(engine, accounts) == {KNOWN: {"cancel"}}


def test_a_row_of_a_newer_version_that_comes_again_is_logged_again(
    engine: Engine, accounts: Accounts
) -> None:
    newer = add(engine, lane=KNOWN)
    was = row(engine, newer)
    say_in_newer_words(engine, newer)
    assert left_alone(engine, accounts, NOW) == [newer]
    with writing(engine) as connection:
        connection.execute(update(CANCELLATION).values(reason=was.reason))
    assert left_alone(engine, accounts, NOW) == []
    say_in_newer_words(engine, newer)
    assert left_alone(engine, accounts, NOW) == [newer]


@pytest.mark.parametrize(
    "error", [OperationalError("away"), LedgerUnreachableError("away"), KeyError("x")]
)
def test_one_part_of_the_sweep_that_fails_stops_no_other(error: Exception) -> None:
    done: list[str] = []

    def fails() -> None:
        raise error

    with capture_logs() as logs:
        each({"no pulse": fails, "nothing is deleted": lambda: done.append("x")})
    assert done == ["x"]
    assert [one["event"] for one in logs] == ["no pulse"]


def test_it_judges_what_the_transaction_of_an_end_has_left(
    engine: Engine, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postponement, "MOST_JUDGED", 1)
    first = add(engine)
    second = after(engine, first, order="second")
    last = [after(engine, second, order=f"last {n}") for n in range(2)]
    finish(engine, claimed(engine, first), State.REJECTED, Reason.REFUSED)
    assert row(engine, second).state == State.WITHDRAWN
    assert {row(engine, one).state for one in last} == {State.SCHEDULED}
    swept(engine, accounts)
    assert {row(engine, one).state for one in last} == {State.WITHDRAWN}


def test_a_judgement_that_fails_keeps_no_lane_from_being_notified(
    engine: Engine, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = add(engine, lane=KNOWN)
    with writing(engine) as connection:
        postponement.postpone(connection, Concerned.ITSELF, [one], NOW)
    monkeypatch.setattr(sweeper, "judge_postponed", None)
    with capture_logs() as logs:
        assert swept(engine, accounts) == {KNOWN: {"cancel"}}
    assert [log["event"] for log in logs] == ["what was postponed was not judged"]
