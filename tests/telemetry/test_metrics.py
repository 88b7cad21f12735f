"""Tests that metrics have the numbers of the ledger and Redis, and no private data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
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
from rescind.telemetry import collector, heartbeat, worker_records
from rescind.telemetry.collector import COUNTED, COUNTED_IN_ALL, _Counted, _most
from rescind.telemetry.exposition import exposition, impatient
from rescind.telemetry.lane_metrics import CONDITIONS
from rescind.telemetry.metric_catalogue import BEGIN, END, METRICS, table
from rescind.telemetry.worker_records import WorkerRecord
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
WORKERS = "rescind_workers"
HERE = dict(zip(("provider", "account"), LANE, strict=True))
PROVIDER = {"provider": LANE[0]}
REST = (LANE[0], "resting")
YEAR = timedelta(days=365)


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

    def labels(self, name: str) -> list[tuple[str, ...]]:
        """The labels' values of each sample of this name."""
        return [tuple(o.labels.values()) for o in self.samples if o.name == name]

    def names(self) -> set[str]:
        return {one.name for one in self.samples}


def scrape(engine: Engine, redis: Redis, accounts: Accounts | None = None) -> Scraped:
    return Scraped(exposition(engine, redis, NOW, accounts, YEAR))


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


def worker(**other: Any) -> WorkerRecord:
    """The record of one worker process."""
    at = in_ms(NOW)
    whole = {"host": "a-host", "pid": 1, "version": "1.0", "calls": 0, "lanes": 0}
    return WorkerRecord(**{**whole, "started_at": at, "at": at, **other})


def live(engine: Engine, redis: Redis) -> None:
    """Fill a ledger and a Redis so that every metric has a value."""
    take_in(engine, [new(str(n)) for n in range(3)])
    first, second = hold(engine, limit=2)
    make(engine, [replace(change(first, State.CANCELLED), attempted=True)])
    with writing(engine) as connection:
        paused = LaneState(failures=3, paused_until=NOW + HOUR, pause_reason="slowly")
        write_lane(connection, LANE, hold_for_operator(paused, NOW, BY))
        mark(connection, {LANE: NOW})
        record_calls(
            connection, *LANE, [call("answered", 70, 2), call("maybe_done", 9, 1)]
        )
        move(connection, [LANE], lambda _: PLAIN, NOW + 2 * LEASE)
        connection.execute(insert(DELIVERY).values(delivery("webhook", "waiting")))
        connection.execute(insert(SCHEDULE_RUN).values(run_of("nightly", "held", NOW)))
    redis.lpush("rescind", "a message")
    redis.hset(heartbeat.KEY, "a-host", in_ms(NOW))
    worker_records.write(redis, worker())
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
    text = exposition(engine, redis, NOW, ACCOUNTS, YEAR)
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
    states = {labels[-1] for labels in scraped.labels("rescind_backlog")}
    assert states == {"queued", "scheduled", "verifying"}
    assert scraped.value("rescind_oldest_wait_seconds", **HERE) == 3600


def test_a_long_backlog_is_exact_though_it_is_not_counted(
    engine: Engine, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "COUNTED", (3, 3))
    take_in(engine, [new(str(n)) for n in range(9)])
    [held] = hold(engine, limit=1)
    make(engine, [change(held, State.CANCELLED)])
    hold(engine, limit=2)
    scraped = scrape(engine, redis)
    assert scraped.value("rescind_backlog", state="sending", **HERE) == 2
    assert scraped.value("rescind_backlog", state="queued", **HERE) == 6


def test_the_counters_of_a_new_provider_begin_at_0(
    engine: Engine, redis: Redis
) -> None:
    """Otherwise Prometheus would see no increase at the first failure."""
    with writing(engine) as connection:
        register_lanes(connection, [LANE])
    scraped = scrape(engine, redis)
    failed = {"state": "failed", "reason": "unresolved"}
    assert scraped.value("rescind_outcomes_total", **failed, **PROVIDER) == 0
    assert scraped.value("rescind_leases_expired_total", **PROVIDER) == 0
    assert scraped.value("rescind_holds_total", by="fault", **PROVIDER) == 0
    assert scraped.value("rescind_webhooks_total", result="given_up") == 0
    refused = {"provider": "unknown", "reason": "invalid_request"}
    assert scraped.value("rescind_outcomes_total", **refused) == 0


def test_events_are_counted_by_provider(engine: Engine, redis: Redis) -> None:
    live(engine, redis)
    scraped = scrape(engine, redis)
    ended = {"state": "cancelled", "reason": "confirmed"}
    assert scraped.value("rescind_outcomes_total", **ended, **PROVIDER) == 1
    assert scraped.value("rescind_accepted_total", **PROVIDER) == 3
    assert scraped.value("rescind_attempts_total", **PROVIDER) == 2
    assert scraped.value("rescind_leases_expired_total", **PROVIDER) == 1


def test_a_lane_with_work_counts_its_outcomes_and_its_failures_from_0(
    engine: Engine, redis: Redis
) -> None:
    live(engine, redis)
    scraped = scrape(engine, redis)
    name = "rescind_lane_outcomes_total"
    assert scraped.value(name, state="cancelled", **HERE) == 1
    assert scraped.value(name, state="failed", **HERE) == 0


# --- lanes at rest ------------------------------------------------------------------


def test_a_lane_at_rest_is_only_counted(engine: Engine, redis: Redis) -> None:
    live(engine, redis)
    with writing(engine) as connection:
        register_lanes(connection, [REST])
        record_calls(connection, *REST, [call("answered", 70, 2)])
    scraped = scrape(engine, redis)
    assert scraped.value("rescind_lanes", provider=REST[0], state="at_rest") == 1
    assert all(REST[1] not in one.labels.values() for one in scraped.samples)
    calls = {"provider": REST[0], "evidence": "answered"}
    assert scraped.value("rescind_provider_call_orders_total", **calls) == 2 + 2


def test_a_lane_rests_an_hour_after_its_last_outcome(
    engine: Engine, redis: Redis
) -> None:
    take_in(engine, [new()])
    make(engine, [change(hold(engine)[0], State.CANCELLED)])

    def working(at: datetime) -> list[tuple[str, ...]]:
        return Scraped(exposition(engine, redis, at)).labels(
            "rescind_oldest_wait_seconds"
        )

    with writing(engine) as connection:
        register_lanes(connection, [LANE])
    assert working(NOW + timedelta(minutes=59)) == [LANE]
    assert working(NOW + timedelta(minutes=76)) == []


CONDITION = {
    "held": LaneState(held_at=NOW, held_reason="refused", failures=4),
    "paused": LaneState(paused_until=NOW + HOUR, failures=4),
    "failing": LaneState(failures=1),
    "at_rest": LaneState(paused_until=NOW - SECOND),
}


@pytest.mark.parametrize("condition", CONDITION)
def test_each_lane_is_counted_in_one_state(
    engine: Engine, redis: Redis, condition: str
) -> None:
    with writing(engine) as connection:
        write_lane(connection, LANE, CONDITION[condition])
    scraped = scrape(engine, redis)
    found = {
        one.labels["state"]: one.value
        for one in scraped.samples
        if one.name == "rescind_lanes"
    }
    assert found == dict.fromkeys(CONDITIONS, 0) | {condition: 1}
    shown = LANE in scraped.labels("rescind_oldest_wait_seconds")
    assert shown is (condition != "at_rest")


def test_a_lane_that_left_the_accounts_file_rests_when_nothing_is_open(
    engine: Engine, redis: Redis
) -> None:
    gone = (LANE[0], "gone")
    with writing(engine) as connection:
        register_lanes(connection, [gone])
    assert scrape(engine, redis, ACCOUNTS).labels("rescind_lane_held") == []
    add(engine, lane=gone)
    held = scrape(engine, redis, ACCOUNTS).labels("rescind_lane_held")
    assert held == [(*gone, "accounts")]


@given(number=st.integers(1, 3000))
def test_the_more_lanes_are_busy_the_fewer_rows_of_each_are_counted(
    number: int,
) -> None:
    busy = {(LANE[0], str(n)): _Counted(1, {}) for n in range(number)}
    most = _most(busy)
    assert COUNTED[0] <= most <= COUNTED[1]
    assert most == COUNTED[0] or number * most <= COUNTED_IN_ALL


def test_calls_are_a_histogram_of_seconds(engine: Engine, redis: Redis) -> None:
    made = [call("answered", ms, 2) for ms in (50, 51, 700, 40_000)]
    with writing(engine) as connection:
        record_calls(connection, *LANE, [*made, call("not_sent", 10, 7)])
    scraped = scrape(engine, redis)
    of_them = {"operation": "cancel", "evidence": "answered", **PROVIDER}
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
    with writing(engine) as connection:
        write_lane(connection, LANE, hold_for_operator(paused, NOW - HOUR, BY))
        write_lane(connection, other, past)
    scraped = scrape(engine, redis, Accounts(fault="the file is gone"))
    assert scraped.value("rescind_lane_held", by="operator", **HERE) == 1
    assert scraped.value("rescind_lane_held", by="accounts", **HERE) == 1
    since = scraped.value("rescind_lane_held_since_timestamp_seconds", **HERE)
    assert since == (NOW - HOUR).timestamp()
    until = "rescind_lane_paused_until_timestamp_seconds"
    assert scraped.value(until, **HERE) == (NOW + HOUR).timestamp()
    held = {labels[-1] for labels in scraped.labels("rescind_lane_held")}
    assert held == {"operator", "accounts"}
    assert scraped.labels(until) == [LANE]
    assert scraped.labels("rescind_lane_stalled") == []
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


def test_workers_are_counted_by_host_and_version(engine: Engine, redis: Redis) -> None:
    silent = in_ms(NOW - timedelta(seconds=21))
    for one in (
        worker(pid=1, version="1.1"),
        worker(pid=2, version="1.1", sweeping_since=in_ms(NOW - SECOND)),
        worker(host="b", sweeping_since=in_ms(NOW - HOUR)),
        worker(host="c", at=silent, sweeping_since=silent),
    ):
        worker_records.write(redis, one)
    scraped = scrape(engine, redis)
    found = {o.labels["host"]: o for o in scraped.samples if o.name == WORKERS}
    assert found.keys() == {"a-host", "b"}
    assert (found["a-host"].labels["version"], found["a-host"].value) == ("1.1", 2)
    running = "rescind_sweep_running_seconds"
    assert scraped.value(running, host="a-host") == 1
    assert scraped.value(running, host="b") == 3600


def test_a_workers_record_of_a_newer_version_is_read(
    engine: Engine, redis: Redis
) -> None:
    newer = {**asdict(worker()), "version": "9", "what no version knows yet": 1}
    redis.hset(worker_records.KEY, "a-host 1", json.dumps(newer))
    assert scrape(engine, redis).value(WORKERS, version="9") == 1


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


def test_what_retention_should_have_deleted_is_counted(
    engine: Engine, redis: Redis
) -> None:
    overdue, due = YEAR + collector.OVERDUE, YEAR + collector.OVERDUE / 2
    for n, age in enumerate((overdue + HOUR, overdue + HOUR, due, HOUR)):
        at = NOW - age
        add(engine, State.CANCELLED, order=str(n), finished_at=at)
    add(engine, order="open")
    assert scrape(engine, redis).value("rescind_retention_overdue") == 2
    kept_for_ever = Scraped(exposition(engine, redis, NOW))
    assert "rescind_retention_overdue" not in kept_for_ever.names()


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
        its = (one.labels.get("provider"), one.labels.get("account"))
        if its[0] is not None:
            assert its in {*lanes, *((provider, None) for provider, _ in lanes)}
    given = {name for kind in METRICS.values() for name in kind.labels}
    assert not given & {"order", "key", "group", "id", "message", "url"}
