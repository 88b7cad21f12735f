"""The workable backlog counts the due orders that their lanes' rates allow."""

from __future__ import annotations

import math
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Redis
from sqlalchemy import Engine

from providers.registry import BY_NAME
from rescind.config.accounts import Accounts, LaneConfig
from rescind.ledger.changes.lane_states import (
    LaneState,
    hold_for_operator,
    write_lane,
)
from rescind.ledger.states import State
from rescind.ledger.storage.transactions import reading, writing
from rescind.telemetry import workable_backlog as module
from rescind.telemetry.exposition import exposition
from rescind.telemetry.workable_backlog import workable, workable_backlog
from tests.ledger.build import BY, HOUR, LANE, NOW, SECOND, add, new, policy, take_in
from tests.telemetry.test_metrics import Scraped

OTHER = ("notpanel", "branch")
READS = (State.VERIFYING, State.REQUESTED)
COUNTS = st.dictionaries(st.sampled_from([State.QUEUED, *READS]), st.integers(0, 500))
RATES = st.sampled_from(["none", "90/minute", "5/second", "1/30 second", "100/hour"])


def accounts(**values: object) -> Accounts:
    """Two lanes of one provider, of which each has these values of its policy."""
    one = LaneConfig(BY_NAME["notpanel"], policy(**values))
    return Accounts({LANE: one, OTHER: one})


def backlog(engine: Engine, known: Accounts, **states: LaneState) -> int:
    lanes = {(LANE[0], account): state for account, state in states.items()}
    with reading(engine) as connection:
        return workable_backlog(connection, lanes, known, NOW)


# --- one lane -----------------------------------------------------------------------


@given(COUNTS, RATES, RATES, st.integers(1, 100), st.integers(1, 100))
def test_it_is_never_more_than_is_due_or_than_the_rate_allows(
    due: dict[State, int], rate: str, read_rate: str, batch: int, read_batch: int
) -> None:
    of_lane = policy(rate=rate, read_rate=read_rate, batch=batch, read_batch=read_batch)
    found = workable(of_lane, of_lane.concurrency, due)
    assert 0 <= found <= sum(due.values())
    assert found <= module._allowed(rate) * max(batch, read_batch)
    assert workable(of_lane, 0, due) == 0


@given(COUNTS, RATES, st.integers(1, 100))
def test_it_is_all_that_is_due_or_all_that_the_rate_allows(
    due: dict[State, int], rate: str, batch: int
) -> None:
    of_lane = policy(rate=rate, batch=batch, read_batch=batch)
    allowed = module._allowed(rate) * batch
    expected = min(float(sum(due.values())), allowed)
    found = workable(of_lane, of_lane.concurrency, due)
    assert math.isclose(found, expected, abs_tol=1.0)


@pytest.mark.parametrize(
    ("rate", "calls"),
    [("90/minute", 90), ("5/second", 300), ("1/30 second", 2), ("120/hour", 2)],
)
def test_a_rate_allows_so_many_calls_in_a_minute(rate: str, calls: int) -> None:
    due = {State.QUEUED: 10_000}
    assert workable(policy(rate=rate), 4, due) == calls
    assert workable(policy(rate=rate, batch=10), 4, due) == calls * 10


def test_reads_get_what_the_cancels_leave_and_their_own_rate_allows() -> None:
    due = {State.QUEUED: 40, State.VERIFYING: 30, State.REQUESTED: 100}
    assert workable(policy(rate="90/minute"), 4, due) == 90
    assert workable(policy(rate="90/minute", read_rate="20/minute"), 4, due) == 60


def test_a_lane_that_probes_counts_the_orders_of_its_probe() -> None:
    assert workable(policy(rate="none", batch=10), 1, {State.QUEUED: 500}) == 10


# --- all lanes ----------------------------------------------------------------------


def test_the_lanes_are_added_up(engine: Engine) -> None:
    take_in(engine, [new(str(n)) for n in range(5)])
    take_in(engine, [new(str(n), lane=OTHER) for n in range(2)])
    add(engine, State.REQUESTED, order="6", due_at=NOW - SECOND)
    assert backlog(engine, accounts()) == 8
    # Two calls in each lane.
    assert backlog(engine, accounts(rate="1/30 second")) == 4


def test_only_due_orders_count(engine: Engine) -> None:
    take_in(engine, [new("1"), new("2", not_before=NOW + HOUR)])
    add(engine, State.REQUESTED, order="3", due_at=NOW + SECOND)
    assert backlog(engine, accounts()) == 1


@pytest.mark.parametrize(
    "state",
    [
        LaneState(paused_until=NOW + HOUR, pause_reason="slowly"),
        hold_for_operator(LaneState(), NOW, BY),
    ],
    ids=["paused", "held"],
)
def test_a_lane_that_may_not_be_called_counts_as_empty(
    engine: Engine, state: LaneState
) -> None:
    take_in(engine, [new("1"), new("2", lane=OTHER)])
    assert backlog(engine, accounts(), default=state) == 1


def test_a_lane_without_an_account_counts_as_empty(engine: Engine) -> None:
    take_in(engine, [new("1")])
    assert backlog(engine, Accounts(fault="the file is gone")) == 0


def test_few_rows_are_counted(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_COUNTED", 3)
    take_in(engine, [new(str(n)) for n in range(5)])
    assert backlog(engine, accounts()) == 3


def test_it_is_exposed_where_the_accounts_are_known(
    engine: Engine, valkey_url: str
) -> None:
    take_in(engine, [new(str(n)) for n in range(3)])
    take_in(engine, [new("1", lane=OTHER)])
    with writing(engine) as connection:
        write_lane(connection, OTHER, hold_for_operator(LaneState(), NOW, BY))
    redis = Redis.from_url(valkey_url)
    name = "rescind_workable_backlog"
    assert _scraped(engine, redis, NOW, accounts()).value(name) == 3
    assert name not in _scraped(engine, redis, NOW, None).names()
    redis.close()


def _scraped(
    engine: Engine, redis: Redis, now: datetime, known: Accounts | None
) -> Scraped:
    return Scraped(exposition(engine, redis, now, known))
