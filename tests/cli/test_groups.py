"""``rescind groups``, and who is told of a group's end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_cli_support import Home

URL = "https://shop.example.com/ended?key=hush"


@pytest.fixture
def told(home: Home, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("RESCIND_WEBHOOK_HOSTS", "shop.example.com")
    monkeypatch.setenv("RESCIND_WEBHOOK_SECRET", f"whsec_{'A' * 44}")
    return home


def test_groups_are_listed_with_how_much_has_ended(home: Home) -> None:
    assert "there are none" in home.run("groups").err
    home.run("cancel", "notpanel", "ord_1", "ord_2", "ord_3", "--group", "night")
    home.run("cancel", "notpanel", "ord_4", "--group", "day")
    home.end("cancelled", "confirmed", "ord_1")
    day, night = home.run("groups", "--json").records
    assert (day["group"], day["percent"]) == ("day", 0)
    assert night == {
        "group": "night",
        "total": 3,
        "ended": 1,
        "percent": 33,
        "exact": True,
        "states": {"queued": 2, "cancelled": 1},
    }
    assert "night  3      1      33%" in home.run("groups").out
    assert "these are the first 1" in home.run("groups", "--limit", "1").err


def test_one_group_is_shown_with_who_is_told_of_its_end(told: Home) -> None:
    asked = ("--group", "night", "--on-group-end", URL)
    assert told.run("cancel", "notpanel", "ord_1", "ord_2", *asked).status == 0
    told.end("rejected", "not_found", "ord_1")
    [shown] = told.run("groups", "night", "--json").records
    assert (shown["ended"], shown["percent"]) == (1, 50)
    assert shown["reasons"] == {"rejected": {"not_found": 1}}
    assert [one["target"] for one in shown["told"]] == ["shop.example.com"]
    plain = told.run("groups", "night").out
    assert "ended     1 of 2 (50%)\n" in plain
    assert "told      shop.example.com, when the last one has ended\n" in plain
    assert "hush" not in plain


def test_a_group_that_does_not_exist_is_said(home: Home) -> None:
    home.run("cancel", "notpanel", "ord_1")
    done = home.run("groups", "nobody")
    assert (done.status, done.out) == (2, "")
    assert "nobody: there is no such group" in done.err


def test_a_file_is_submitted_with_who_is_told_of_its_end(
    told: Home, tmp_path: Path
) -> None:
    rows = [{"provider": "notpanel", "order": f"ord_{n}"} for n in range(3)]
    file = tmp_path / "night.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    done = told.run("submit", str(file), "--group", "night", "--on-group-end", URL)
    assert done.status == 0
    [shown] = told.run("groups", "night", "--json").records
    assert (shown["total"], len(shown["told"])) == (3, 1)
    alone = told.run("cancel", "notpanel", "ord_9", "--on-group-end", URL)
    assert alone.status == 2
    assert "on_group_end needs a group" in alone.err
