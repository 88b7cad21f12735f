"""The sweep keeps deadlines whatever became of a lane, and wakes what can be called."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from kombu.exceptions import OperationalError
from sqlalchemy import Engine
from structlog.testing import capture_logs

from ledger.database import LedgerUnreachableError, writing
from ledger.lanes import register_lanes
from ledger.states import State
from providers.registry import BY_NAME
from tests.ledger.build import HOUR, NOW, add, row, say_in_newer_words
from worker import sweeper
from worker.accounts import Accounts, LaneConfig
from worker.sweeper import each, sweep

KNOWN = ("iletimerkezi", "default")
TAKEN_OUT = ("iletimerkezi", "taken-out")
UNREGISTERED = ("no-provider", "default")
LATE = NOW + HOUR


@pytest.fixture
def accounts() -> Accounts:
    provider = BY_NAME["iletimerkezi"]
    values = {"key": "a", "hash": "b"}
    account = provider.account_model.model_validate(values)
    return Accounts({KNOWN: LaneConfig(provider, provider.policy, account)})


@pytest.fixture(autouse=True)
def _nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeper, "_said", set[str]())


def register(engine: Engine, *lanes: tuple[str, str]) -> None:
    with writing(engine) as connection:
        register_lanes(connection, lanes)


@pytest.mark.parametrize("lane", [TAKEN_OUT, UNREGISTERED])
@pytest.mark.parametrize("registered", [True, False])
def test_deadlines_are_kept_on_a_lane_that_nobody_can_call(
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
    assert sweep(engine, accounts, LATE) == []
    states = [row(engine, one).state for one in (queued, planned, lost, free)]
    assert states == ["expired", "expired", "verifying", "queued"]


def test_a_worker_that_vanished_is_noticed_on_a_lane_that_nobody_can_call(
    engine: Engine, accounts: Accounts
) -> None:
    register(engine, UNREGISTERED)
    one = add(engine, State.SENDING, lane=UNREGISTERED)
    assert sweep(engine, accounts, NOW) == []
    assert row(engine, one).state == State.VERIFYING


def test_only_what_can_be_called_is_woken(engine: Engine, accounts: Accounts) -> None:
    for lane in (KNOWN, TAKEN_OUT, UNREGISTERED):
        register(engine, lane)
        add(engine, lane=lane)
        add(engine, State.REQUESTED, lane=lane, order="2")
    woken = sweep(engine, accounts, NOW)
    assert woken == [(KNOWN, "cancel"), (KNOWN, "poll")]


def left_alone(engine: Engine, accounts: Accounts, now: datetime) -> list[str]:
    with capture_logs() as logs:
        sweep(engine, accounts, now)
    said = [one for one in logs if one["event"] == "rows left alone"]
    return [one for entry in said for one in entry["cancellations"]]


def test_a_row_of_a_newer_version_is_named_once_and_woken_for_never(
    engine: Engine, accounts: Accounts
) -> None:
    register(engine, KNOWN)
    newer = add(engine, lane=KNOWN)
    say_in_newer_words(engine, newer)
    assert sweep(engine, Accounts(), NOW) == []
    assert left_alone(engine, accounts, NOW) == [newer]
    assert left_alone(engine, accounts, NOW + timedelta(seconds=1)) == []
    add(engine, lane=KNOWN, order="2")
    assert sweep(engine, accounts, NOW) == [(KNOWN, "cancel")]


@pytest.mark.parametrize(
    "error", [OperationalError("away"), LedgerUnreachableError("away"), KeyError("x")]
)
def test_one_part_of_the_sweep_that_fails_stops_no_other(error: Exception) -> None:
    done: list[str] = []

    def fails() -> None:
        raise error

    with capture_logs() as logs:
        each({"not woken": fails, "nothing is deleted": lambda: done.append("x")})
    assert done == ["x"]
    assert [one["event"] for one in logs] == ["not woken"]
