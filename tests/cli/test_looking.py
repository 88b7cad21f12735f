"""Tests of show, list, retry, lanes, env and seal-key."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, text

from rescind.ledger.changes.lane_states import LaneState, write_lane
from rescind.ledger.changes.unknown_words import Words, count_words
from rescind.ledger.storage.transactions import open_ledger, writing
from tests.cli.test_cli_support import ROOT, UUID, Home


def test_show_by_id_and_by_path(home: Home) -> None:
    record = home.run("cancel", "notpanel", "ord_1", "--json").records[0]
    for name in (record["id"], "notpanel/default/ord_1"):
        done = home.run("show", name, "--json")
        shown = json.loads(done.out)
        history = shown.pop("history")
        assert shown.pop("deliveries") == []
        assert shown.pop("after") == []
        assert shown == record
        assert [step["to"] for step in history] == ["queued"]
    plain = home.run("show", record["id"]).out
    assert "notpanel" in plain
    assert "queued" in plain


@pytest.mark.parametrize("name", ["nope", "a/b/c", "\udcff", "x\x00y", "a" * 5000])
def test_an_unknown_id(home: Home, name: str) -> None:
    done = home.run("show", name)
    assert done.status == 2
    assert "there is no such cancellation; an ID is" in done.err
    assert done.out == ""
    assert home.run("retry", name).status == 2


def test_list_filters_and_reports_when_there_are_more(home: Home) -> None:
    home.run("cancel", "notpanel", "ord_1", "ord_2", "--group", "g")
    home.run("cancel", "notpanel", "ord_3", "--account", "second")
    home.run("cancel", "notpanel", "1", "--account", "third")
    orders = {
        (): ["1", "ord_3", "ord_2", "ord_1"],
        ("--state", "queued"): ["ord_3", "ord_2", "ord_1"],
        ("--state", "queued", "--state", "rejected"): ["1", "ord_3", "ord_2", "ord_1"],
        ("--account", "second"): ["ord_3"],
        ("--group", "g"): ["ord_2", "ord_1"],
        ("--provider", "ithink"): [],
    }
    for options, expected in orders.items():
        found = home.run("list", "--json", *options).records
        assert sorted(r["order"] for r in found) == sorted(expected)
    done = home.run("list", "--limit", "2")
    assert "these are the newest 2" in done.err
    assert len(done.out.splitlines()) == 3


@pytest.mark.parametrize(
    "words", [["--state", "gone"], ["--provider", "nobody"], ["--limit", "0"]]
)
def test_list_refuses_wrong_options(home: Home, words: list[str]) -> None:
    assert home.run("list", *words).status == 2


def test_list_takes_any_limit(home: Home) -> None:
    assert home.run("list", "--limit", str(10**30)).status == 0


def test_retry_opens_a_new_round_or_says_why_not(home: Home) -> None:
    home.run("cancel", "notpanel", "ord_1", "ord_2", "x y")
    home.end("failed", "attempts_exhausted", "ord_1")
    refused = home.run("list", "--state", "rejected", "--json").records[0]["id"]
    names = [f"notpanel/default/ord_{n}" for n in (1, 2, 3)]
    done = home.run("retry", *names, refused, "--json")
    assert done.status == 2
    assert [(r["order"], r["state"]) for r in done.records] == [("ord_1", "queued")]
    assert "is queued: only failed, expired, rejected and withdrawn" in done.err
    assert "ord_3: there is no such cancellation" in done.err
    assert "was never a valid cancellation" in done.err


def test_withdraw_takes_back_what_was_not_sent_or_says_why_not(home: Home) -> None:
    home.run("cancel", "notpanel", "ord_1", "ord_2")
    home.end("failed", "attempts_exhausted", "ord_2")
    names = [f"notpanel/default/ord_{n}" for n in (1, 2, 3)]
    done = home.run("withdraw", *names, "--json")
    assert done.status == 2
    assert [(r["order"], r["state"]) for r in done.records] == [("ord_1", "withdrawn")]
    assert "is failed (attempts_exhausted): it has ended" in done.err
    assert "docs/errors.md#already-ended" in done.err
    assert "ord_3: there is no such cancellation" in done.err
    again = home.run("withdraw", names[0])
    assert (again.status, again.out.split()[1:]) == (0, ["withdrawn"])


def test_withdraw_takes_back_all_of_a_group_that_was_not_sent(home: Home) -> None:
    home.run("cancel", "notpanel", "ord_1", "ord_2", "--group", "wrong")
    home.run("cancel", "notpanel", "ord_3", "--group", "wrong", "--not-before", "+1h")
    home.run("cancel", "notpanel", "ord_4", "--group", "right")
    home.end("cancelled", "confirmed", "ord_2")
    unasked = home.run("withdraw", "--group", "wrong")
    assert (unasked.status, unasked.out) == (2, "")
    assert "--yes withdraws them; nothing was withdrawn" in unasked.err
    done = home.run("withdraw", "--group", "wrong", "--yes", "--json")
    assert done.status == 0
    assert sorted(one["order"] for one in done.records) == ["ord_1", "ord_3"]
    assert "2 cancellations withdrawn" in done.err
    again = home.run("withdraw", "--group", "wrong", "--yes")
    assert (again.status, again.out) == (0, "")
    states = {one["order"]: one["state"] for one in home.run("list", "--json").records}
    assert (states["ord_2"], states["ord_4"]) == ("cancelled", "queued")


@pytest.mark.parametrize("words", [(), ("x", "--group", "g")])
def test_withdraw_needs_either_ids_or_a_filter(
    home: Home, words: tuple[str, ...]
) -> None:
    done = home.run("withdraw", *words)
    assert done.status == 2
    assert "give either the ids to withdraw, or a filter" in done.err


def test_release_and_skip_decide_for_what_waits(home: Home) -> None:
    home.run("cancel", "notpanel", "ord_1")
    first = "notpanel/default/ord_1"
    orders = ("ord_2", "ord_3")
    done = home.run("cancel", "notpanel", *orders, "--after", first, "--json")
    assert [r["state"] for r in done.records] == ["scheduled"] * 2
    two, three = (r["id"] for r in done.records)
    assert "ord_1" not in home.run("show", two).out
    assert ", queued; wanted: cancelled" in home.run("show", two).out
    assert home.run("release", two, "--json").records[0]["state"] == "queued"
    skipped = home.run("skip", three, first, "--json")
    assert skipped.status == 2
    assert [r["reason"] for r in skipped.records] == ["not_wanted"]
    assert "cannot be skipped: it is queued, and does not wait" in skipped.err
    assert home.run("show", three).out.count("by cli:") == 2
    wrong = home.run("cancel", "notpanel", "ord_4", "--after", first, "--only-if", "x")
    assert "only_if must be any, a final state" in wrong.err


def test_a_repeat_says_what_differs_and_what_was_withdrawn(home: Home) -> None:
    home.run("cancel", "notpanel", "ord_1", "ord_2", "--metadata", "a=1")
    home.run("withdraw", "notpanel/default/ord_2")
    words = ["notpanel", "ord_1", "ord_2", "--metadata", "a=2"]
    done = home.run("cancel", *words)
    assert done.status == 0
    said = "was submitted before with another metadata: nothing was changed"
    assert f"order ord_1: it {said}" in done.err
    assert "order ord_2: it was submitted before and then withdrawn" in done.err
    assert "submitted before" not in home.run("cancel", "notpanel", "ord_1").out
    home.write("some.csv", "provider,order,metadata.a\nnotpanel,ord_1,3\n")
    assert f"line 2: it {said}" in home.run("submit", "some.csv").err


def test_wait_for_one_that_was_withdrawn_ends_with_1(home: Home) -> None:
    home.run("cancel", "notpanel", "ord_1")
    home.run("withdraw", "notpanel/default/ord_1")
    assert home.run("cancel", "notpanel", "ord_1", "--wait", "5").status == 1


def failed(home: Home, *orders: str, group: str = "g") -> None:
    home.run("cancel", "notpanel", *orders, "--group", group)
    for order in orders:
        home.end("failed", "attempts_exhausted", order)


def test_retry_by_filters_takes_only_those_that_all_filters_name(home: Home) -> None:
    failed(home, "ord_1", "ord_2")
    failed(home, "ord_3", group="other")
    home.run("cancel", "ithink", "86210010463", "--group", "g")
    home.end("failed", "attempts_exhausted", "86210010463")
    home.run("cancel", "notpanel", "ord_4", "--group", "g")
    home.end("expired", "deadline_passed", "ord_4")
    chosen = ("--state", "failed", "--group", "g", "--provider", "notpanel")
    none = home.run("retry", *chosen, "--reason", "unresolved", "--yes", "--json")
    assert (none.status, none.records) == (0, [])
    done = home.run(
        "retry", *chosen, "--reason", "attempts_exhausted", "--yes", "--json"
    )
    assert done.status == 0, done.err
    assert {one["order"] for one in done.records} == {"ord_1", "ord_2"}
    assert "2 cancellations chosen by the filters" in done.err
    rest = home.run("list", "--state", "failed", "--json").records
    assert {one["order"] for one in rest} == {"ord_3", "86210010463"}


def test_filters_retry_nothing_before_their_number_is_confirmed(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed(home, "ord_1", "ord_2")
    done = home.run("retry", "--group", "g")
    assert done.status == 2
    assert "the filters choose 2 cancellations" in done.err
    assert "--yes" in done.err
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: False)
    assert home.run("retry", "--group", "g").status == 130
    assert len(home.run("list", "--state", "failed", "--json").records) == 2
    monkeypatch.setattr("typer.confirm", lambda *_, **__: True)
    assert home.run("retry", "--group", "g").status == 0
    assert home.run("list", "--state", "failed", "--json").records == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "give the ids to retry, or a filter"),
        (["x", "--state", "failed"], "give either ids or filters, not both"),
        (["--state", "queued"], "it must be one of requested, rejected,"),
        (["--reason", "bad-luck"], "it must be one of confirmed,"),
        (["--provider", "nobody"], "provider must be one of"),
    ],
)
def test_retry_refuses_words_that_choose_nothing(
    home: Home, words: list[str], says: str
) -> None:
    done = home.run("retry", *words)
    assert done.status == 2
    assert says in done.err


@pytest.mark.parametrize("url", ["", "redis://127.0.0.1:1/0"])
def test_retry_needs_no_redis(
    home: Home, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    failed(home, "ord_1")
    monkeypatch.setenv("RESCIND_REDIS_URL", url)
    done = home.run("retry", "notpanel/default/ord_1", "--json")
    assert done.status == 0
    assert done.records[0]["state"] == "queued"
    assert "the workers could not be notified" in done.err


@pytest.mark.parametrize(
    "words", [["list", "--state"], ["retry", "--state"], ["webhooks", "--state"]]
)
def test_a_word_outside_a_closed_vocabulary_is_answered_with_the_vocabulary(
    home: Home, words: list[str]
) -> None:
    done = home.run(*words, "gone")
    assert done.status == 2
    assert "Value error" not in done.err
    assert "it must be one of " in done.err


def test_no_option_of_ours_leaves_its_vocabulary_to_the_library() -> None:
    found = []
    for path in (ROOT / "rescind" / "cli").glob("*.py"):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            if re.search(r"^class \w+\((Str)?Enum|Literal\[", line):
                found.append(f"{path.name}:{number}")
    assert found == []


def test_retry_needs_a_time_in_the_future(home: Home) -> None:
    done = home.run("retry", "x", "--cancel-before", "2020-01-01T00:00:00Z")
    assert done.status == 2
    assert "has passed" in done.err


# --- a folder without a ledger ------------------------------------------------------


@pytest.fixture
def elsewhere(home: Home) -> Home:
    """A folder that was never set up."""
    shutil.rmtree(home.path / ".rescind")
    (home.path / "accounts.toml").unlink()
    return home


NEEDING_A_LEDGER = [
    ["list"],
    ["show", "x"],
    ["retry", "x"],
    ["lanes"],
    ["hold", "notpanel/default"],
    ["resume", "notpanel/default"],
    ["cancel", "notpanel", "ord_1"],
    ["webhooks"],
    ["prune", "--older-than", "9d"],
    ["reconcile"],
    ["seal-key", "--rotate"],
]


@pytest.mark.parametrize("words", NEEDING_A_LEDGER, ids=" ".join)
def test_a_wrong_folder_is_reported_and_nothing_is_created(
    elsewhere: Home, words: list[str]
) -> None:
    done = elsewhere.run(*words)
    assert (done.status, done.out) == (3, "")
    assert f"{elsewhere.path}/.rescind/ledger.db does not exist" in done.err
    assert "Did you mean another folder?" in done.err
    assert "`rescind init` sets this folder up" in done.err
    assert list(elsewhere.path.iterdir()) == []


def test_env_in_a_wrong_folder_creates_nothing(
    elsewhere: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RESCIND_REDIS_URL")
    done = elsewhere.run("env")
    assert (done.status, done.out) == (3, "")
    assert "Did you mean another folder?" in done.err
    assert list(elsewhere.path.iterdir()) == []


def test_a_folder_that_was_just_set_up_has_no_ledger_until_something_is_submitted(
    home: Home,
) -> None:
    shutil.rmtree(home.path / ".rescind")
    done = home.run("list")
    assert done.status == 3
    assert "`rescind up` or the first submission makes it" in done.err
    assert not (home.path / ".rescind").exists()
    assert home.run("cancel", "notpanel", "ord_1").status == 0
    assert len(home.run("list", "--json").records) == 1


def test_lanes_hold_and_resume(home: Home) -> None:
    home.run("cancel", "notpanel", "ord_1")
    lane = home.run("lanes", "--json").records[-2]
    assert lane["lane"] == "notpanel/default"
    assert (lane["status"], lane["backlog"]) == ("open", {"queued": 1})
    assert lane["oldest_seconds"] >= 0
    assert home.run("hold", "notpanel/default").status == 0
    lane = home.run("lanes", "--json").records[-2]
    assert (lane["status"], lane["why"]) == ("held", "held by an operator")
    assert home.run("resume", "notpanel/default").status == 0
    assert home.run("lanes", "--json").records[-2]["status"] == "open"
    assert "90/minute" in home.run("lanes").out


@pytest.mark.parametrize(
    ("left", "says"),
    [
        (
            timedelta(minutes=14.5),
            "one call tests it in 14 m, or once the accounts file has changed",
        ),
        (timedelta(0), "the next call tests it"),
    ],
)
def test_a_lane_that_the_provider_refused_shows_how_it_goes_on(
    home: Home, left: timedelta, says: str
) -> None:
    home.run("migrate")
    now = datetime.now(UTC)
    state = LaneState(held_at=now, held_reason="bad key", probe_at=now + left)
    engine = open_ledger(f"sqlite:///{home.path / '.rescind' / 'ledger.db'}")
    with writing(engine) as connection:
        write_lane(connection, ("notpanel", "default"), state)
    engine.dispose()
    said = home.run("lanes").out
    assert f"bad key; {says}; `rescind resume notpanel/default` resumes it now" in said


def test_a_long_backlog_is_counted_to_a_bound_unless_exact(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rescind.cli.lane_commands.COUNTED", 2)
    home.run("cancel", "notpanel", "ord_1", "ord_2", "ord_3")
    assert " more than 2 queued " in home.run("lanes").out
    assert " 3 queued " in home.run("lanes", "--exact").out
    whole = home.run("lanes", "--json").records[-2]
    assert (whole["backlog"], whole["backlog_more"]) == ({"queued": 3}, [])
    some = home.run("lanes", "--json", "--no-exact").records[-2]
    assert (some["backlog"], some["backlog_more"]) == ({"queued": 2}, ["queued"])


@pytest.mark.parametrize("name", ["notpanel", "notpanel/third", "x/y/z", ""])
def test_an_unknown_lane(home: Home, name: str) -> None:
    for command in ("hold", "resume"):
        done = home.run(command, name)
        assert done.status == 2
        assert ": give provider/account; the lanes are: akinon/def" in done.err


def test_a_faulty_account_holds_only_its_own_lane(home: Home) -> None:
    home.write("accounts.toml", '[notpanel.default]\nkey = "k"\n[dukkango.default]\n')
    status = {r["lane"]: r["status"] for r in home.run("lanes", "--json").records}
    assert status == {"dukkango/default": "held", "notpanel/default": "open"}
    assert home.run("cancel", "notpanel", "ord_1").status == 0
    done = home.run("resume", "dukkango/default")
    assert "stays held until the accounts file is corrected" in done.err


@pytest.mark.parametrize(
    ("lane", "why"),
    [
        ("notpanel/second", "account second of notpanel is not in the accounts file"),
        ("no-provider/default", "no provider no-provider is installed"),
    ],
)
def test_a_lane_that_can_no_longer_be_called_is_shown_as_held(
    home: Home, lane: str, why: str
) -> None:
    home.run("cancel", "notpanel", "ord_1")
    provider, account = lane.split("/")
    home.change(provider=provider, account=account)
    home.write("accounts.toml", '[notpanel.default]\nkey = "k"\n')
    shown = {one["lane"]: one for one in home.run("lanes", "--json").records}
    assert shown[lane]["status"] == "held"
    assert why in shown[lane]["why"]
    assert shown[lane]["backlog"] == {"queued": 1}
    assert home.run("hold", lane).status == 0
    assert "stays held until" in home.run("resume", lane).err
    assert lane in home.run("lanes").out


def test_env_can_be_evaluated_and_works_elsewhere(
    home: Home, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home.run("cancel", "akinon", "7", "--param", "is_all=true", "--param", "reasons=")
    lines = home.run("env").out.splitlines()
    found = dict(shlex.split(line)[0].split("=", 1) for line in lines)
    assert found["RESCIND_HOME"] == str(home.path / ".rescind")
    assert found["RESCIND_REDIS_URL"] == os.environ["RESCIND_REDIS_URL"]
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    done = subprocess.run(
        home.command("cancel", "notpanel", "ord_9", "--json"),
        cwd=elsewhere,
        env=home.environment(**found),
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout)["order"] == "ord_9"
    assert home.run("show", "notpanel/default/ord_9").status == 0


def test_env_reports_that_there_is_no_redis(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RESCIND_REDIS_URL")
    done = home.run("env")
    assert done.status == 3
    assert "RESCIND_DATABASE_URL=" in done.out
    assert "no Redis is known" in done.err


def test_env_quotes_what_a_shell_would_read(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESCIND_REDIS_URL", "redis://:a&b@h/0?ssl_ca_path=x")
    assert "RESCIND_REDIS_URL='redis://:a&b@h/0?ssl_ca_path=x'" in home.run("env").out


def test_seal_keys_are_made_and_rotated(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = (home.run("seal-key").out.strip() for _ in range(2))
    assert old != new
    monkeypatch.setenv("RESCIND_SEAL_KEY", old)
    options = ["is_all=true", 'reasons={"1": 2}', 'ibans={"1": "TR33"}']
    params = [word for option in options for word in ("--param", option)]
    done = home.run("cancel", "akinon", "7", *params, "--json")
    assert done.status == 0
    assert "TR33" not in done.out
    monkeypatch.setenv("RESCIND_SEAL_KEY", f"{new},{old}")
    assert home.run("seal-key", "--rotate").out.startswith("1 encrypted again")
    monkeypatch.setenv("RESCIND_SEAL_KEY", new)
    assert home.run("cancel", "akinon", "7", *params).status == 0
    monkeypatch.setenv("RESCIND_SEAL_KEY", old)
    done = home.run("seal-key", "--rotate")
    assert done.status == 2
    assert "1 could not be decrypted by any key" in done.err


def test_an_invalid_seal_key(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESCIND_SEAL_KEY", "secret")
    done = home.run("cancel", "notpanel", "ord_1")
    assert done.status == 2
    assert "RESCIND_SEAL_KEY is not a key" in done.err


def test_a_ledger_of_a_newer_version(home: Home) -> None:
    engine = create_engine(f"sqlite:///{home.path}/.rescind/ledger.db")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'zz'"))
        connection.execute(text("UPDATE schema_range SET oldest = 'zz'"))
    engine.dispose()
    for words in (["list"], ["cancel", "notpanel", "ord_1"], ["migrate"]):
        done = home.run(*words)
        assert done.status == 3
        assert "was written by a newer Rescind" in done.err
        assert "upgrade this program" in done.err


def test_a_home_that_is_a_file(home: Home) -> None:
    shutil.rmtree(home.path / ".rescind")
    home.write(".rescind", "")
    done = home.run("list")
    assert done.status == 2
    assert ".rescind" in done.err


def test_an_env_file_that_is_not_utf8(home: Home) -> None:
    home.write(".env", b"RESCIND_HOME=\xff\n")
    done = home.run("list")
    said = "rescind: the file .env is not UTF-8: save it as UTF-8\n"
    assert (done.status, done.err) == (2, f"{said}  see docs/errors.md#env-file\n")


def test_every_command_has_help_and_unknown_ones_are_refused(home: Home) -> None:
    listed = home.run("--help").out
    for name in ("cancel", "submit", "show", "list", "retry", "withdraw", "hold"):
        assert f"  {name} " in listed
        assert home.run(name, "--help").status == 0
    for name in (
        "lanes",
        "resume",
        "up",
        "demo",
        "sandbox",
        "env",
        "doctor",
        "migrate",
    ):
        assert f"  {name} " in listed
    assert home.run("undo").status == 2
    assert home.run("--version").out.startswith("rescind")


def test_help_imports_no_slow_library(home: Home) -> None:
    code = (
        "import sys; from rescind.cli import main; main(['--help']);"
        " heavy = {'celery', 'sqlalchemy', 'pydantic', 'rich'};"
        " print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=home.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_characters_that_the_terminal_lacks_end_no_command(home: Home) -> None:
    home.run("cancel", "notpanel", "ord_1", "--metadata", "ad=Şükrü")
    name = "notpanel/default/ord_1"
    done = home.process("show", name, "--json", PYTHONIOENCODING="ascii")
    assert json.loads(done.out)["metadata"] == {"ad": "Şükrü"}
    assert home.process("show", name, PYTHONIOENCODING="ascii").status == 0


def test_a_dukkango_order_is_found_by_its_path(home: Home) -> None:
    home.run("cancel", "dukkango", UUID.upper(), "--param", "reason_id=4")
    assert home.run("show", f"dukkango/default/{UUID}").status == 0


def test_words_are_listed_and_written_as_an_entry(home: Home) -> None:
    assert "there are none" in home.run("words").err
    engine = open_ledger(f"sqlite:///{home.path / '.rescind' / 'ledger.db'}")
    words = Words("cancel", "400", "order # is frozen", "01a2")
    with writing(engine) as connection:
        count_words(connection, [("notpanel", words)], 1_000)
    engine.dispose()
    (found,) = home.run("words", "--json", "--provider", "notpanel").records
    assert (found["seen"], found["message"]) == (1, "order # is frozen")
    assert home.run("words", "--provider", "ithink").out == ""
    assert "order # is frozen" in home.run("words").out
    entry = home.run("words", "--entry", found["id"])
    assert r'r"order \d+ is frozen": Finding(Outcome.UNKNOWN),' in entry.out
    wrong = home.run("words", "--entry", "nope")
    assert (wrong.status, wrong.out) == (2, "")
    assert "there are no such words" in wrong.err


def test_capacity_says_what_a_load_needs_and_why(home: Home) -> None:
    # Before the first submission there is no ledger.
    assert home.run("capacity", "--orders", "1000").status == 0
    home.run("cancel", "notpanel", "ord_1")
    done = home.run("capacity", "--orders", "2000000", "--days", "30", "--json")
    found = {one["need"]: one for one in done.records}
    assert found["load"]["number"] == 2_000_000
    assert found["disk of the ledger"]["number"] == 168
    assert found["accounts of akinon"]["number"] == 1
    assert all(one["why"] for one in done.records)
    plain = home.run("capacity")
    assert plain.status == 0
    assert "assumed: nothing ended in the last 24 hours" in plain.out
