"""Schedules with two workers and two beats, which may die during a run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, update

from rescind.ledger.scheduling.schedule_history import as_document, runs_of
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.side_tables import SCHEDULE, SCHEDULE_RUN
from rescind.ledger.storage.transactions import reading, writing
from tests.shop import Shop, serving
from tests.tasks.conftest import Running, until
from tests.tasks.traps.acts import PROVIDER, cancelled_once, kill, new_orders
from tests.tasks.traps.event_listener import EventListener


@pytest.fixture
def shop(fleet: Running) -> Iterator[Shop]:
    with serving() as server:
        yield server
    fleet.system.settings.schedules.unlink()


def missed(fleet: Running, name: str, shop: Shop, orders: list[str]) -> None:
    """A rule that all workers have, and that was due ten minutes ago."""
    shop.body = json.dumps([{"id": order} for order in orders]).encode()
    now = datetime.now(UTC)
    line = f"{now - timedelta(minutes=10):%M %H} * * *"
    values = {"timing": f"cron {line} UTC", "since": in_ms(now - timedelta(days=1))}
    with writing(fleet.engine) as connection:
        connection.execute(insert(SCHEDULE).values(name=name, **values))
    source = f'{{ url = "{shop.url}", format = "json" }}'
    rule = (
        f'[{name}]\ncron = "{line}"\nmax = 100\nprovider = "{PROVIDER}"\n'
        f'source = {source}\nmap = {{ order = "id" }}\n'
    )
    path = fleet.system.settings.schedules
    path.with_suffix(".new").write_text(rule)
    path.with_suffix(".new").replace(path)


def runs(fleet: Running, name: str) -> list[dict[str, Any]]:
    with reading(fleet.engine) as connection:
        return [as_document(row) for row in runs_of(connection, name, 100)]


def ends(fleet: Running, name: str) -> dict[str, Any]:
    until(lambda: any(run["finished_at"] for run in runs(fleet, name)), name)
    (run,) = runs(fleet, name)
    return run


def test_two_beats_and_two_workers_fire_a_rule_once(fleet: Running, shop: Shop) -> None:
    orders = new_orders(fleet, 3)
    with EventListener(fleet.producer) as listener:
        missed(fleet, "once", shop, orders)
        run = ends(fleet, "once")
        listener.wait_for_sweeps(4)
    assert ends(fleet, "once") == run
    assert (run["state"], run["accepted"], run["attempts"]) == ("submitted", 3, 1)
    assert run["asked_by"] == "schedule"
    assert len(shop.asked) == 1
    cancelled_once(fleet, orders)


def test_a_run_whose_worker_is_killed_at_it_is_done_by_another(
    fleet: Running, shop: Shop
) -> None:
    orders = new_orders(fleet, 3)
    shop.answers.clear()
    missed(fleet, "killed", shop, orders)
    until(lambda: shop.asked, "the feed to be asked")
    for worker in ("worker", "worker-2"):
        kill(fleet, worker)
    shop.answers.set()
    until(lambda: _is_open(fleet), "its run")
    _leases_run_out(fleet)
    run = ends(fleet, "killed")
    assert (run["state"], run["accepted"], run["attempts"]) == ("submitted", 3, 2)
    assert len(shop.asked) == 2
    cancelled_once(fleet, orders)


def _is_open(fleet: Running) -> bool:
    return [run["state"] for run in runs(fleet, "killed")] == ["running"]


def _leases_run_out(fleet: Running) -> None:
    with writing(fleet.engine) as connection:
        is_open = SCHEDULE_RUN.c.state == "running"
        gone = update(SCHEDULE_RUN).where(is_open).values(lease_ends=1)
        connection.execute(gone)
