"""Questions turn their measurements into rows and targets."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.bench_plan import Plan
from bench.peers import rescind_client
from bench.questions.accounts import ORDERS, Case, Seen, cases, rows_of
from bench.questions.concurrency import waits_of
from bench.questions.single import targets as single_targets
from bench.rescind_contender import PROVIDERS, Rescind, Setup, lanes_of
from bench.results import DBOS, PROCRASTINATE
from bench.stage import Stage
from rescind.config.accounts import load_accounts


def test_lanes_are_spread_evenly_over_providers_and_are_all_different() -> None:
    lanes = lanes_of(300)
    assert len(set(lanes)) == 300
    assert Counter(provider for provider, _ in lanes) == dict.fromkeys(PROVIDERS, 100)
    assert {provider for provider, _ in lanes_of(4, ["ithink"])} == {"ithink"}


def test_an_order_that_is_not_accepted_counts_as_still_waiting() -> None:
    sent = {"a": 10.0, "b": 11.0, "c": 12.0}
    waits, missing = waits_of(sent, {"a": 10.5, "c": 12.25, "other": 1.0}, 31.0)
    assert waits == [0.5, 20.0, 0.25]
    assert missing == 1


@pytest.mark.parametrize("quick", [True, False])
def test_many_accounts_are_compared_with_as_many_orders_on_one_account(
    quick: bool,
) -> None:
    plan = Plan(None, ("sqlite",), quick)  # type: ignore[arg-type]
    many, one, three, each = cases(plan)
    assert many.orders == one.orders == three.orders
    assert [len(case.lanes) for case in (one, three)] == [1, 3]
    assert many.orders == 10 * len(many.lanes)
    assert each.orders == len(each.lanes)
    assert quick or many.orders == ORDERS


def _rescind(tmp_path: Path, setup: Setup) -> Rescind:
    url = f"sqlite:///{tmp_path / 'bench.db'}"
    provider = SimpleNamespace(url="http://127.0.0.1:1")
    stage = Stage(tmp_path, "sqlite", "redis://nowhere", url, provider)  # type: ignore[arg-type]
    return Rescind(stage, "ithink", setup)


def test_a_worker_runs_with_default_options_unless_a_case_sets_them(
    tmp_path: Path,
) -> None:
    (worker, env), (beat, _) = _rescind(tmp_path, Setup()).commands()
    assert "-c" not in worker
    assert not [name for name in env if "CONCURRENCY" in name]
    assert worker[worker.index("-A") :][:3] == ("-A", "worker", "worker")
    assert beat[beat.index("-A") :][:3] == ("-A", "worker", "beat")


def test_a_case_may_say_how_many_tasks_a_worker_runs_at_once(tmp_path: Path) -> None:
    (worker, _), _ = _rescind(tmp_path, Setup(concurrency=2)).commands()
    assert worker[worker.index("-c") + 1] == "2"


def test_each_lane_is_an_account_with_the_cases_policy(tmp_path: Path) -> None:
    lanes = lanes_of(3)
    team = _rescind(tmp_path, Setup({"rate": "7/second"}, lanes=lanes))
    team.prepare()
    known = tomllib.loads((tmp_path / "accounts.toml").read_text())
    found = [(name, account) for name, its in known.items() for account in its]
    assert sorted(found) == sorted(lanes)
    assert {its["rate"] for one in known.values() for its in one.values()} == {
        "7/second"
    }
    assert load_accounts(tmp_path / "accounts.toml").fault is None


def test_orders_are_spread_over_lanes_in_messages_of_a_thousand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[list[dict[str, str]]] = []
    monkeypatch.setattr(rescind_client, "_submit", sent.append)
    lanes = lanes_of(3)
    orders = [str(number) for number in range(2_500)]
    rescind_client.send_spread(lanes, orders, cancel_before="+1h")
    assert [len(message) for message in sent] == [1000, 1000, 500]
    entries = [entry for message in sent for entry in message]
    assert [entry["order"] for entry in entries] == orders
    found = [(entry["provider"], entry["account"]) for entry in entries]
    assert found == [lanes[number % 3] for number in range(2_500)]
    assert {entry["cancel_before"] for entry in entries} == {"+1h"}


def test_a_target_beside_each_durable_queue_includes_the_better_one() -> None:
    asked = [
        one for one in single_targets("postgresql") if one.to in (DBOS, PROCRASTINATE)
    ]
    assert {(one.case, one.to, one.limit) for one in asked} == {
        ("at once, postgresql", DBOS, 6.0),
        ("at once, postgresql", PROCRASTINATE, 6.0),
        ("after 50 ms, postgresql", DBOS, 8.0),
        ("after 50 ms, postgresql", PROCRASTINATE, 8.0),
    }


def test_the_worst_of_several_rounds_decides_whether_all_was_done() -> None:
    case = Case("some", 10, lanes_of(2))
    rounds = [Seen(1.0, 0.5, 10, 0, 90.0), Seen(3.0, 0.8, 8, 1, 94.0)]
    found = {row.case: row for row in rows_of("sqlite", case, rounds)}
    assert found["done, sqlite"].median == 8
    assert found["lanes that failed, sqlite"].median == 1
    assert found["wall time, sqlite"].median == 2.0
    assert found["processor time an order, sqlite"].samples == [50.0, 100.0]
