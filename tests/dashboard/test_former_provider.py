"""The rows of a provider that is not installed stay readable on every way in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests

from rescind.config.accounts import Accounts, load_accounts
from rescind.engine.stall_watchdog import StallWatch
from rescind.engine.sweeper import sweep
from rescind.ledger.states import OPEN, State
from rescind.operations import actions
from rescind.operations.withdrawal import withdraw
from rescind.provider.outcomes import Reason
from rescind.runtime.retention import Retention
from rescind.runtime.search_job import SearchJob
from rescind.telemetry.collector import of_ledger
from tests.cli.test_cli_support import Home
from tests.dashboard.stage import OPERATOR, Served, Visitor, end, take_in, utc_now
from tests.ledger.build import BY, progress

GONE = ("courier", "eu")
BEFORE = timedelta(seconds=5)
ENDED = {
    State.CANCELLED: Reason.CONFIRMED,
    State.REJECTED: Reason.REFUSED,
    State.FAILED: Reason.UNRESOLVED,
    State.EXPIRED: Reason.DEADLINE_PASSED,
}
LIST = "/desk/cancellations"


@pytest.fixture
def former(shared_site: Served, ledger_url: str) -> Iterator[Served]:
    """The site over rows of a provider that is not installed, on both databases."""
    shared_site.reset(ledger_url)
    engine, now = shared_site.engine, utc_now()
    for state in sorted(OPEN):
        begun = progress(state, due_at=now - BEFORE)
        take_in(engine, GONE, f"o-{state}", progress=begun, group="g")
    for state, reason in ENDED.items():
        end(engine, GONE, f"o-{state}", state, reason, message="its own words")
    yield shared_site
    engine.dispose()


def accounts(site: Served) -> Accounts:
    return load_accounts(site.context.settings.accounts)


def visitor(site: Served) -> Visitor:
    return site.visitor(OPERATOR)


def by_state(site: Served) -> dict[str, Any]:
    listed = api(site, "/v1/cancellations?provider=courier&limit=100").json()
    return {one["state"]: one for one in listed["cancellations"]}


def api(site: Served, path: str, method: str = "GET") -> requests.Response:
    headers = {"Authorization": f"Bearer {OPERATOR}"}
    return requests.request(method, site.base + path, headers=headers, timeout=20)


def test_every_page_and_route_shows_its_rows(former: Served) -> None:
    reader, rows = visitor(former), by_state(former)
    assert set(rows) == {*OPEN, *ENDED}
    for address in (
        *(f"{LIST}/{one['id']}" for one in rows.values()),
        *(f"/v1/cancellations/{one['id']}" for one in rows.values()),
    ):
        found = reader.get(address) if "desk" in address else api(former, address)
        assert (found.status_code, "courier" in found.text) == (200, True), address
    for address in (
        *("/", "/desk/lanes", "/desk/groups", "/desk/statistics", "/desk/actions"),
        *("/desk/notifications", "/desk/undelivered"),
        *(f"{LIST}?state={state}&provider=courier" for state in rows),
        *(f"{LIST}?q=o-failed", f"{LIST}.csv?provider=courier"),
        "/desk/lanes/hold?lane=courier/eu",
    ):
        assert reader.get(address).status_code == 200, address
    for address in ("/v1/lanes", "/v1/lanes/courier/eu"):
        assert "courier" in api(former, address).text
    assert api(former, "/v1/groups/g").json()["total"] == len(OPEN)


def test_its_rows_are_listed_searched_and_exported_by_its_name(former: Served) -> None:
    reader = visitor(former)
    listed = reader.get(f"{LIST}?state=failed&provider=courier").text
    assert "o-failed" in listed
    assert "<option selected>courier</option>" in listed
    assert "o-failed" in reader.get(f"{LIST}?q=o-failed").text
    export = reader.get(f"{LIST}.csv?provider=courier").text
    assert export.count("courier") == len({*OPEN, *ENDED})
    assert reader.get(f"{LIST}?provider=nobody").status_code == 422


def test_its_lane_is_held_and_says_what_to_install(former: Served) -> None:
    lane = api(former, "/v1/lanes/courier/eu").json()
    assert lane["status"] == "held"
    assert "no provider courier is installed: install the package" in lane["why"]
    assert "no provider courier is installed" in visitor(former).get("/").text


def test_workers_send_nothing_and_go_on(former: Served) -> None:
    engine, known = former.engine, accounts(former)
    take_in(engine, ("notpanel", "default"), "ord_1")
    now = utc_now() + timedelta(seconds=1)
    assert set(sweep(engine, known, now, "here")) == {("notpanel", "default")}
    watch = StallWatch(lambda lane, name: "")
    watch.look(engine, known, now)
    assert any("courier" in str(one) for one in of_ledger(engine, now, known))
    SearchJob(engine).run()
    Retention().tick(engine, timedelta(days=365), now, timedelta(days=30))


def test_operators_can_act_on_its_rows(former: Served) -> None:
    engine, now, rows = former.engine, utc_now(), by_state(former)
    failed = actions.retry(engine, accounts(former), rows["failed"]["id"], now, by=BY)
    assert failed.state in ("queued", "verifying")
    taken = withdraw(engine, rows["scheduled"]["id"], now, by=BY)
    assert taken.state == "withdrawn"
    assert api(former, "/v1/lanes/courier/eu/hold", "POST").status_code == 200
    assert api(former, "/v1/lanes/courier/eu/resume", "POST").status_code == 200


def test_commands_list_and_change_its_rows(home: Home) -> None:
    home.run("cancel", "notpanel", "ord_1")
    home.end("failed", "unresolved")
    home.change(provider="courier", account="eu")
    assert [one["order"] for one in home.run("list", "--json").records] == ["ord_1"]
    named = home.run("list", "--provider", "courier", "--json")
    assert [one["order"] for one in named.records] == ["ord_1"]
    assert home.run("show", "courier/eu/ord_1").status == 0
    assert home.run("retry", "courier/eu/ord_1").status == 0
    assert home.run("lanes").status == 0
    assert home.run("list", "--provider", "nobody").status == 2
