from __future__ import annotations

import json

from tests.cli.test_cli_support import Home

PANEL = "notpanel/default"


def accepted(home: Home, *orders: str) -> None:
    assert home.run("cancel", "notpanel", *orders).status == 0


def states(home: Home) -> list[str]:
    return [one["state"] for one in home.run("list", "--json").records]


def test_open_orders_are_read_back_and_the_next_step_is_named(home: Home) -> None:
    accepted(home, "ord_1", "ord_2")
    done = home.run("reconcile")
    assert done.status == 0
    assert PANEL in done.out
    assert "2 queued" in done.out
    assert "2 open orders are read back before any is sent" in done.out
    assert "now start the workers" in done.out
    assert states(home) == ["verifying", "verifying"]


def test_a_dry_run_changes_nothing(home: Home) -> None:
    accepted(home, "ord_1")
    done = home.run("reconcile", "--dry-run", "--json")
    [document] = done.records
    assert (document["dry_run"], document["orders"]) == (True, 1)
    assert document["lanes"] == [{"lane": PANEL, "queued": 1, "seconds": 1}]
    assert states(home) == ["queued"]
    assert "would be read back" in home.run("reconcile", "--dry-run").out


def test_what_has_ended_since_the_copy_is_counted_apart(home: Home) -> None:
    accepted(home, "ord_1")
    home.change(state="failed", reason="unresolved", due_at=None, finished_at=1)
    [document] = home.run(
        "reconcile", "--since", "2020-01-01T00:00:00Z", "--json"
    ).records
    assert (document["orders"], document["reopened"], document["kept"]) == (0, 1, 0)
    assert states(home) == ["verifying"]


def test_a_since_that_is_no_time_is_refused(home: Home) -> None:
    done = home.run("reconcile", "--since", "yesterday")
    assert (done.status, done.out) == (2, "")
    assert "--since must be ISO 8601" in done.err


def test_the_action_is_listed(home: Home) -> None:
    home.run("reconcile", "--json")
    assert json.loads(home.run("actions", "--json").out)["action"] == "reconcile"


def test_the_lanes_say_that_they_read_first_for_a_day(home: Home) -> None:
    home.run("reconcile", "--json")
    shown = home.run("lanes").out
    assert "each order is read before it is first sent" in shown
    assert "24 h" in shown
    [lane] = [
        one for one in home.run("lanes", "--json").records if one["lane"] == PANEL
    ]
    assert lane["reads_first_until"] is not None
