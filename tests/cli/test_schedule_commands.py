"""Tests of ``rescind schedule``."""

from __future__ import annotations

import json
import signal
import subprocess

import pytest

from tests.cli.test_cli_support import Home
from tests.shop import serving

RULES = """
[nightly]
cron = "30 2 * * *"
timezone = "Europe/Istanbul"
max = 2
provider = "notpanel"
group = "{name}"
source = { file = "orders.csv" }
map = { order = "id", "metadata.shop" = "shop" }
[faulty]
every = "1s"
max = 5
provider = "notpanel"
source = { file = "orders.csv" }
map = { order = "id" }
"""


@pytest.fixture
def home(home: Home) -> Home:
    home.write("schedules.toml", RULES)
    home.write("orders.csv", "id,shop\nord_1,7\nord_2,8\n")
    return home


def test_the_list_shows_each_rules_next_time_and_faults(home: Home) -> None:
    faulty, nightly = home.run("schedule", "list", "--json").records
    assert "every must be at least 60 seconds" in faulty["fault"]
    assert (faulty["when"], faulty["next"], faulty["last_run"]) == (None, None, None)
    assert nightly["when"] == "cron 30 2 * * * Europe/Istanbul"
    assert nightly["next"].endswith("T23:30:00.000Z")
    assert nightly["next_local"].endswith("T02:30+03:00")
    home.run("schedule", "run", "nightly")
    plain = home.run("schedule", "list").out
    assert "faulty" in plain
    assert "submitted" in plain


@pytest.mark.parametrize(
    "words", [["list"], ["run", "x"], ["run", "x", "--dry-run"], ["check"]]
)
def test_without_a_schedules_file_the_error_says_what_to_do(
    home: Home, words: list[str]
) -> None:
    (home.path / "schedules.toml").unlink()
    done = home.run("schedule", *words)
    assert done.status == 2
    assert "there is no schedules file schedules.toml: copy schedules.ex" in done.err


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nighty", "there is no schedule 'nighty': did you mean nightly?"),
        ("zzz", "there is no schedule 'zzz'; there are: faulty, nightly"),
        ("faulty", "[faulty]: every must be at least 60 seconds"),
    ],
)
def test_an_unknown_or_faulty_rule(home: Home, name: str, words: str) -> None:
    for options in ([], ["--dry-run"]):
        done = home.run("schedule", "run", name, *options)
        assert (done.status, done.out) == (2, "")
        assert words in done.err


def test_a_dry_run_prints_what_would_be_submitted_and_changes_nothing(
    home: Home,
) -> None:
    home.run("cancel", "notpanel", "ord_2")
    before = home.run("list", "--json").out
    home.write("orders.csv", "id,shop\nord_1,7\nord_2,8\nno good!,9\nord_3,\n")
    done = home.run("schedule", "run", "nightly", "--dry-run", "--max", "4", "--json")
    assert done.status == 2
    assert [one["receipt"] for one in done.records] == [
        "accepted",
        "duplicate",
        "refused",
        "accepted",
    ]
    assert done.records[0]["entry"] == {
        "provider": "notpanel",
        "order": "ord_1",
        "group": "nightly",
        "metadata": {"shop": "7"},
    }
    ids = [one["id"] for one in done.records]
    assert ids == [None, json.loads(before)["id"], None, None]
    assert "order must be" in done.records[2]["wrong"]
    assert "4 found: 2 would be submitted, 1 in the ledger already, 1 would" in done.err
    assert "its zone is Europe/Istanbul" in done.err
    plain = home.run("schedule", "run", "nightly", "--dry-run", "--max", "4").out
    assert "in the ledger already" in plain
    assert len(plain.splitlines()) == 5
    assert home.run("list", "--json").out == before
    assert home.run("schedule", "runs", "nightly").err.endswith("has not run yet\n")


def test_a_dry_run_reports_too_many_rows(home: Home) -> None:
    home.write("orders.csv", "id,shop\n" + "".join(f"ord_{n},\n" for n in range(9)))
    done = home.run("schedule", "run", "nightly", "--dry-run")
    assert done.status == 2
    assert "more than 2 found" in done.err
    assert "NOTHING would be submitted, and the run held" in done.err


def test_a_dry_run_shows_nothing_personal(home: Home) -> None:
    iban, holder = "TR560006100519786457845678", "A. Holder"
    row = {"id": "5", "iban": {"1": iban}, "name": {"1": holder}, "why": {"1": 2}}
    home.write("orders.jsonl", json.dumps(row) + "\n")
    rule = """
[refunds]
every = "1h"
max = 5
provider = "akinon"
params = { is_all = true }
source = { file = "orders.jsonl" }
[refunds.map]
order = "id"
"params.reasons" = "why"
"params.ibans" = "iban"
"params.holder_names" = "name"
"""
    home.write("schedules.toml", rule)
    for options in ([], ["--json"]):
        done = home.run("schedule", "run", "refunds", "--dry-run", *options)
        assert done.status == 0
        assert iban not in done.out + done.err
        assert holder not in done.out + done.err
    entry = done.records[0]["entry"]
    assert entry["params"]["ibans"] == "***"
    assert entry["params"]["reasons"] == {"1": 2}


def test_a_run_by_hand_submits_and_is_in_the_history(home: Home) -> None:
    done = home.run("schedule", "run", "nightly")
    assert (done.status, done.out) == (
        0,
        "nightly is submitted: 2 found, 2 accepted, 0 submitted before, 0 refused\n",
    )
    again = home.run("schedule", "run", "nightly", "--json").records[0]
    assert (again["duplicates"], again["asked_by"]) == (2, "operator")
    newest, oldest = home.run("schedule", "runs", "nightly", "--json").records
    assert newest == again
    assert oldest["accepted"] == 2
    assert (
        len(home.run("schedule", "runs", "nightly", "--limit", "1").out.splitlines())
        == 2
    )
    states = [one["state"] for one in home.run("list", "--json").records]
    assert states == ["queued", "queued"]


def test_a_held_run_is_submitted_with_another_max(home: Home) -> None:
    home.write("orders.csv", "id,shop\nord_1,\nord_2,\nord_3,\n")
    held = home.run("schedule", "run", "nightly")
    assert held.status == 2
    assert "nightly is held: it found more than 2" in held.out
    assert home.run("list", "--json").records == []
    assert home.run("schedule", "run", "nightly", "--max", "3").status == 0
    assert len(home.run("list", "--json").records) == 3
    states = [
        r["state"] for r in home.run("schedule", "runs", "nightly", "--json").records
    ]
    assert states == ["submitted", "held"]


def test_an_unreachable_source_is_exit_status_3(home: Home) -> None:
    (home.path / "orders.csv").unlink()
    assert home.run("schedule", "run", "nightly", "--dry-run").status == 3
    done = home.run("schedule", "run", "nightly")
    assert done.status == 3
    assert done.out == "nightly is failed: the file orders.csv does not exist\n"
    assert [
        r["state"] for r in home.run("schedule", "runs", "nightly", "--json").records
    ] == ["failed"]


def test_an_interrupted_run_is_recorded_as_such(home: Home) -> None:
    with serving() as shop:
        shop.answers.clear()
        rule = RULES.replace(
            '{ file = "orders.csv" }', f'{{ url = "{shop.url}", format = "csv" }}'
        )
        home.write("schedules.toml", rule)
        process = subprocess.Popen(
            home.command("schedule", "run", "nightly"),
            cwd=home.path,
            env=home.environment(),
            stderr=subprocess.PIPE,
        )
        assert shop.was_asked.wait(60)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in err
    (run,) = home.run("schedule", "runs", "nightly", "--json").records
    assert (run["state"], run["why"]) == ("failed", "interrupted; run it again")


def test_check_reports_faults_without_running_a_rule(home: Home) -> None:
    done = home.run("schedule", "check", "--json")
    assert done.status == 2
    assert {one["what"]: one["level"] for one in done.records} == {
        "schedule faulty": "wrong",
        "schedule nightly": "ok",
    }
    good = RULES.partition("[faulty]")[0]
    home.write("schedules.toml", good)
    done = home.run("schedule", "check")
    assert done.status == 0
    assert "cron 30 2 * * * Europe/Istanbul, at most 2 at a time" in done.out
    home.write("schedules.toml", "[x")
    done = home.run("schedule", "check")
    assert done.status == 2
    assert "is not TOML" in done.err


def test_doctor_checks_the_schedules_as_well(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found() -> dict[str, tuple[str, str]]:
        records = home.run("doctor", "--json").records
        return {one["what"]: (one["level"], one["says"]) for one in records}

    checks = found()
    assert checks["schedule faulty"][0] == "wrong"
    assert checks["schedule nightly"][0] == "ok"
    secret = '{ sql = "SELECT 1 AS id", database = { env = "NOT_SET_HERE" } }'
    home.write("schedules.toml", RULES.replace('{ file = "orders.csv" }', secret))
    level, says = found()["schedule nightly"]
    assert level == "warning"
    assert "the variable NOT_SET_HERE is not set here" in says
    monkeypatch.setenv("RESCIND_SCHEDULES", "other.toml")
    assert found()["schedules"] == (
        "warning",
        "other.toml does not exist: nothing is scheduled",
    )
    monkeypatch.delenv("RESCIND_SCHEDULES")
    (home.path / "schedules.toml").unlink()
    assert not [what for what in found() if what.startswith("schedule")]
