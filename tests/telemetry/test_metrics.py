"""Tests that metrics have the numbers of the ledger and Redis, and no private data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis
from sqlalchemy import Engine, insert

from rescind.config.accounts import Accounts
from rescind.intake import submissions
from rescind.ledger.changes.call_log import CallMade
from rescind.ledger.changes.lane_states import (
    LaneState,
    hold_for_operator,
    register_lanes,
    write_lane,
)
from rescind.ledger.changes.recording import new_id
from rescind.ledger.changes.stalled_lanes import mark
from rescind.ledger.changes.sweeps import move
from rescind.ledger.states import State
from rescind.ledger.storage import counters
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.side_tables import DELIVERY, SCHEDULE_RUN
from rescind.ledger.storage.transactions import open_ledger, writing
from rescind.telemetry import collector, heartbeat
from rescind.telemetry.exposition import exposition, impatient
from rescind.telemetry.metric_catalogue import BEGIN, END, METRICS, table
from tests.conftest import free_port
from tests.intake.test_submissions import SEAL
from tests.intake.test_validation import ACCOUNTS
from tests.ledger.build import (
    BY,
    HOUR,
    LANE,
    LEASE,
    NOW,
    PLAIN,
    SECOND,
    add,
    change,
    hold,
    make,
    new,
    take_in,
)
from tests.ledger.single import record_calls
from tests.promtool import needs_promtool, promtool

ROOT = Path(__file__).parent.parent.parent
Samples = dict[tuple[str, tuple[str, ...]], float]
HERE = dict(zip(("provider", "account"), LANE, strict=True))


@pytest.fixture
def redis(valkey_url: str) -> Iterator[Redis]:
    client = Redis.from_url(valkey_url)
    client.flushdb()
    yield client
    client.close()


@pytest.fixture
def unreachable() -> Redis:
    return impatient(f"redis://127.0.0.1:{free_port()}/0")


class Scraped:
    """An exposition, parsed as Prometheus parses it."""

    def __init__(self, text: bytes) -> None:
        self.families = list(text_string_to_metric_families(text.decode()))
        self.samples = [one for family in self.families for one in family.samples]

    def value(self, name: str, **labels: str) -> float:
        [found] = [
            one.value
            for one in self.samples
            if one.name == name and labels.items() <= one.labels.items()
        ]
        return float(found)

    def names(self) -> set[str]:
        return {one.name for one in self.samples}


def scrape(engine: Engine, redis: Redis, accounts: Accounts | None = None) -> Scraped:
    return Scraped(exposition(engine, redis, NOW, accounts))


def call(evidence: str, milliseconds: int, orders: int) -> CallMade:
    took = timedelta(milliseconds=milliseconds)
    ids = tuple(new_id() for _ in range(orders))
    return CallMade(new_id(), "cancel", evidence, took, NOW, ids)


def delivery(kind: str, state: str) -> dict[str, Any]:
    at = in_ms(NOW)
    ended = {
        "ended_state": "cancelled",
        "ended_attempts": 1,
        "ended_polls": 0,
        "ended_at": at,
    }
    due = at if state == "waiting" else None
    to = {"kind": kind, "state": state, "target": "shop.example.com"}
    whole = {"cancellation_id": new_id(), "seq": 3, "attempts": 1, "version": 1}
    times = {"due_at": due, "created_at": at, "updated_at": at}
    return {**whole, **times, **ended, **to}


def run_of(name: str, state: str, began: datetime) -> dict[str, Any]:
    at = in_ms(began)
    whole = {"name": name, "due_at": at, "state": state, "asked_by": "beat"}
    times = {"started_at": at, "finished_at": at}
    return {**whole, **times, "attempts": 1, "version": 1}


def live(engine: Engine, redis: Redis) -> None:
    """Fill a ledger and a Redis so that every metric has a value."""
    take_in(engine, [new(str(n)) for n in range(3)])
    first, second = hold(engine, limit=2)
    make(engine, [replace(change(first, State.CANCELLED), attempted=True)])
    with writing(engine) as connection:
        register_lanes(connection, [LANE])
        record_calls(connection, *LANE, [call("answered", 70, 2)])
        move(connection, [LANE], lambda _: PLAIN, NOW + 2 * LEASE)
        connection.execute(insert(DELIVERY).values(delivery("webhook", "waiting")))
        connection.execute(insert(SCHEDULE_RUN).values(run_of("nightly", "held", NOW)))
    redis.lpush("rescind", "a message")
    redis.hset(heartbeat.KEY, "a-host", in_ms(NOW))
    assert second.id


def test_every_metric_is_exposed_with_its_type_and_help(
    engine: Engine, redis: Redis
) -> None:
    live(engine, redis)
    families = scrape(engine, redis, ACCOUNTS).families
    for family in families:
        suffix = "_total" if family.type == "counter" else ""
        kind = METRICS[f"{family.name}{suffix}"]
        assert (family.type, family.documentation) == (kind.type, kind.help)
        given = {name for one in family.samples for name in one.labels} - {"le"}
        assert given == set(kind.labels)
    assert len(families) == len(METRICS)


@needs_promtool
def test_promtool_finds_nothing_wrong(engine: Engine, redis: Redis) -> None:
    live(engine, redis)
    text = exposition(engine, redis, NOW, ACCOUNTS)
    assert promtool("check", "metrics", given=text).strip() == ""


def test_the_metrics_are_listed_in_the_docs() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    listed = page.partition(BEGIN)[2].partition(END)[0]
    assert listed.strip() == table().strip()


# --- the ledger ---------------------------------------------------------------------


def test_open_work_is_counted_by_lane_and_state(engine: Engine, redis: Redis) -> None:
    add(engine, State.VERIFYING, order="1", opened_at=NOW - HOUR)
    take_in(engine, [new("2"), new("3"), new("4", not_before=NOW + HOUR)])
    scraped = scrape(engine, redis)
    found = {s: scraped.value("rescind_backlog", state=s, **HERE) for s in ("queued",)}
    assert found == {"queued": 2}
    assert scraped.value("rescind_backlog", state="verifying", **HERE) == 1
    assert scraped.value("rescind_backlog", state="scheduled", **HERE) == 1
    assert scraped.value("rescind_backlog", state="sending", **HERE) == 0
    assert scraped.value("rescind_oldest_wait_seconds", **HERE) == 3600


def test_a_long_backlog_is_exact_though_it_is_not_counted(
    engine: Engine, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "COUNTED", 3)
    take_in(engine, [new(str(n)) for n in range(9)])
    [held] = hold(engine, limit=1)
    make(engine, [change(held, State.CANCELLED)])
    hold(engine, limit=2)
    scraped = scrape(engine, redis)
    assert scraped.value("rescind_backlog", state="sending", **HERE) == 2
    assert scraped.value("rescind_backlog", state="queued", **HERE) == 6


def test_the_counters_of_a_new_lane_begin_at_0(engine: Engine, redis: Redis) -> None:
    """Otherwise Prometheus would see no increase at the first failure."""
    with writing(engine) as connection:
        register_lanes(connection, [LANE])
    scraped = scrape(engine, redis)
    failed = {"state": "failed", "reason": "unresolved"}
    assert scraped.value("rescind_outcomes_total", **failed, **HERE) == 0
    assert scraped.value("rescind_leases_expired_total", **HERE) == 0
    assert scraped.value("rescind_holds_total", by="fault", **HERE) == 0
    assert scraped.value("rescind_webhooks_total", result="given_up") == 0


def test_events_are_counted_by_lane(engine: Engine, redis: Redis) -> None:
    live(engine, redis)
    scraped = scrape(engine, redis)
    ended = {"state": "cancelled", "reason": "confirmed"}
    assert scraped.value("rescind_outcomes_total", **ended, **HERE) == 1
    assert scraped.value("rescind_accepted_total", **HERE) == 3
    assert scraped.value("rescind_attempts_total", **HERE) == 2
    assert scraped.value("rescind_leases_expired_total", **HERE) == 1


def test_calls_are_a_histogram_of_seconds(engine: Engine, redis: Redis) -> None:
    made = [call("answered", ms, 2) for ms in (50, 51, 700, 40_000)]
    with writing(engine) as connection:
        record_calls(connection, *LANE, [*made, call("not_sent", 10, 7)])
    scraped = scrape(engine, redis)
    of_them = {"operation": "cancel", "evidence": "answered", **HERE}
    name = "rescind_provider_call_duration_seconds"
    limits = ("0.05", "0.1", "0.25", "0.5", "1", "2.5", "5", "10", "30", "+Inf")
    counts = [scraped.value(f"{name}_bucket", le=le, **of_them) for le in limits]
    assert counts == [1, 2, 2, 2, 3, 3, 3, 3, 3, 4]
    assert scraped.value(f"{name}_count", **of_them) == 4
    assert scraped.value(f"{name}_sum", **of_them) == pytest.approx(40.801)
    assert scraped.value("rescind_provider_call_orders_total", **of_them) == 8


def test_metrics_show_whether_and_why_a_lane_waits(
    engine: Engine, redis: Redis
) -> None:
    paused = LaneState(failures=2, paused_until=NOW + HOUR, pause_reason="slowly")
    past = LaneState(paused_until=NOW - SECOND)
    other = ("notpanel", "branch")
    there = dict(zip(("provider", "account"), other, strict=True))
    with writing(engine) as connection:
        write_lane(connection, LANE, hold_for_operator(paused, NOW - HOUR, BY))
        write_lane(connection, other, past)
    scraped = scrape(engine, redis, Accounts(fault="the file is gone"))
    assert scraped.value("rescind_lane_held", by="operator", **HERE) == 1
    assert scraped.value("rescind_lane_held", by="fault", **HERE) == 0
    assert scraped.value("rescind_lane_held", by="accounts", **HERE) == 1
    since = scraped.value("rescind_lane_held_since_timestamp_seconds", **HERE)
    assert since == (NOW - HOUR).timestamp()
    until = "rescind_lane_paused_until_timestamp_seconds"
    assert scraped.value(until, **HERE) == (NOW + HOUR).timestamp()
    assert scraped.value(until, **there) == 0
    assert scraped.value("rescind_lane_stalled", **HERE) == 0
    with writing(engine) as connection:
        mark(connection, {LANE: NOW})
    assert scrape(engine, redis).value("rescind_lane_stalled", **HERE) == 1
    assert scraped.value("rescind_lane_failures", **HERE) == 2


def test_undelivered_outcomes_are_counted(engine: Engine, redis: Redis) -> None:
    rows = [("webhook", "waiting"), ("webhook", "given_up"), ("task", "waiting")]
    rows += [("webhook", "waiting"), ("webhook", "delivered")]
    with writing(engine) as connection:
        for row in rows:
            connection.execute(insert(DELIVERY).values(delivery(*row)))
    scraped = scrape(engine, redis)
    assert scraped.value("rescind_webhooks_waiting", kind="webhook") == 2
    assert scraped.value("rescind_webhooks_waiting", kind="task") == 1
    assert scraped.value("rescind_webhooks_given_up", kind="webhook") == 1
    assert scraped.value("rescind_webhooks_given_up", kind="task") == 0


def test_metrics_show_a_schedules_latest_run(engine: Engine, redis: Redis) -> None:
    runs = [
        run_of("nightly", "held", NOW - HOUR),
        run_of("nightly", "submitted", NOW),
        run_of("weekly", "held", NOW - HOUR),
    ]
    with writing(engine) as connection:
        connection.execute(insert(SCHEDULE_RUN), runs)
    scraped = scrape(engine, redis)
    name = "rescind_schedule_last_run_state"
    assert scraped.value(name, schedule="nightly", state="submitted") == 1
    assert scraped.value(name, schedule="nightly", state="held") == 0
    assert scraped.value(name, schedule="weekly", state="held") == 1
    began = "rescind_schedule_last_run_timestamp_seconds"
    assert scraped.value(began, schedule="nightly") == NOW.timestamp()


# --- Redis, and unreachable services ------------------------------------------------


def test_metrics_show_the_length_of_each_queue(engine: Engine, redis: Redis) -> None:
    redis.lpush("rescind", "a", "b")
    redis.lpush("rescind\x06\x163", "of a lower priority")
    redis.lpush("notpanel", "a")
    redis.hset("rescind:unacked", "tag", "a")
    redis.lpush("rescind:taking", "taken just now")
    scraped = scrape(engine, redis)
    assert scraped.value("rescind_queue_messages", queue="rescind") == 3
    assert scraped.value("rescind_queue_messages", queue="notpanel") == 1
    assert scraped.value("rescind_queue_messages", queue="rescind.webhooks") == 0
    assert scraped.value("rescind_queue_unacknowledged", queue="rescind") == 2


def test_the_latest_tick_of_any_host_counts(engine: Engine, redis: Redis) -> None:
    name = "rescind_sweep_last_tick_timestamp_seconds"
    assert scrape(engine, redis).value(name) == 0
    redis.hset(heartbeat.KEY, mapping={"a": in_ms(NOW), "b": in_ms(NOW - HOUR)})
    assert scrape(engine, redis).value(name) == NOW.timestamp()


def test_without_redis_the_ledgers_metrics_are_exposed(
    engine: Engine, unreachable: Redis
) -> None:
    take_in(engine, [new()])
    scraped = scrape(engine, unreachable)
    assert scraped.value("rescind_up", part="redis") == 0
    assert scraped.value("rescind_up", part="ledger") == 1
    assert scraped.value("rescind_backlog", state="queued", **HERE) == 1
    assert "rescind_queue_messages" not in scraped.names()


def test_without_the_ledger_the_metrics_of_redis_are_exposed(redis: Redis) -> None:
    nowhere = f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/nothing"
    away = open_ledger(nowhere)
    scraped = scrape(away, redis)
    away.dispose()
    assert scraped.value("rescind_up", part="ledger") == 0
    assert scraped.value("rescind_up", part="redis") == 1
    assert scraped.value("rescind_queue_messages", queue="rescind") == 0
    assert "rescind_backlog" not in scraped.names()


# --- private data -------------------------------------------------------------------


WORDS = st.text(min_size=1, max_size=12)
ENTRIES = st.fixed_dictionaries(
    {
        "provider": st.sampled_from(["notpanel", "ithink"]) | WORDS,
        "order": st.sampled_from(["12345678", "ord_01HG9X7KJP4N"]) | WORDS,
    },
    optional={"account": WORDS, "key": WORDS, "group": WORDS, "metadata": WORDS},
)


@given(entries=st.lists(ENTRIES, min_size=1, max_size=5))
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_producer_can_choose_a_labels_value(
    engine: Engine, redis: Redis, entries: list[dict[str, Any]]
) -> None:
    submissions.take_in(engine, ACCOUNTS, SEAL, entries, NOW, by=BY)
    lanes = {*ACCOUNTS.lanes, counters.NO_LANE}
    scraped = scrape(engine, redis)
    for one in scraped.samples:
        if "provider" in one.labels:
            assert (one.labels["provider"], one.labels["account"]) in lanes
    given = {name for kind in METRICS.values() for name in kind.labels}
    assert not given & {"order", "key", "group", "id", "message", "url"}
