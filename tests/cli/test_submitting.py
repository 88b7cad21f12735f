"""Tests of `rescind cancel` and `rescind submit`, and of their error messages."""

from __future__ import annotations

import json
import subprocess
import threading
import time

import pytest
import redis

from tests.cli.test_cli_support import UUID, Home

# --- cancel -----------------------------------------------------------------------


def test_cancel_prints_one_record_a_line(home: Home) -> None:
    done = home.run("cancel", "notpanel", "ord_1", "ord_2", "--json", "--group", "g")
    assert done.status == 0
    assert done.err == ""
    assert [r["order"] for r in done.records] == ["ord_1", "ord_2"]
    assert {r["state"] for r in done.records} == {"queued"}
    assert {r["group"] for r in done.records} == {"g"}


def test_cancel_as_plain_text_has_neither_colours_nor_tabs(home: Home) -> None:
    done = home.run("cancel", "notpanel", "ord_1")
    assert "\x1b" not in done.out
    assert "\t" not in done.out
    assert "notpanel/default" in done.out


def test_submitting_again_changes_nothing(home: Home) -> None:
    first = home.run("cancel", "notpanel", "ord_1", "--json")
    again = home.run("cancel", "notpanel", "ord_1", "--json")
    assert again.status == 0
    assert again.records == first.records


def test_cancel_notifies_the_lane(home: Home, valkey_url: str) -> None:
    client = redis.Redis.from_url(valkey_url.removesuffix("/0") + "/7")
    client.delete("notpanel")
    assert home.process("cancel", "notpanel", "ord_1").status == 0
    assert client.llen("notpanel") == 1


def test_a_command_notifies_through_the_redis_of_its_settings(
    home: Home, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for database in ("7", "8"):
        url = f"{valkey_url.removesuffix('/0')}/{database}"
        monkeypatch.setenv("RESCIND_REDIS_URL", url)
        with redis.Redis.from_url(url) as client:
            client.delete("notpanel")
            home.run("cancel", "notpanel", f"ord_{database}")
            assert client.llen("notpanel") == 1


def test_params_are_json_or_else_text(home: Home) -> None:
    done = home.run("cancel", "dukkango", UUID, "--param", "reason_id=4", "--json")
    assert done.records[0]["params"] == {"reason_id": 4}
    options = ["is_all=true", 'reasons={"1": 2}', "forced_refund_amount=12.50"]
    params = [word for option in options for word in ("--param", option)]
    done = home.run("cancel", "akinon", "101", *params, "--json")
    assert done.records[0]["params"] == {
        "is_all": True,
        "reasons": {"1": 2},
        "forced_refund_amount": "12.50",
    }


def test_metadata_is_text_and_times_may_be_relative(home: Home) -> None:
    done = home.run(
        *("cancel", "notpanel", "ord_1", "--metadata", "shop=0012", "--json"),
        *("--not-before", "+15m", "--cancel-before", "+1h"),
    )
    assert done.records[0]["metadata"] == {"shop": "0012"}
    assert done.records[0]["state"] == "scheduled"


WRONG_WORDS = {
    "a time that has passed": (
        ["--cancel-before", "2020-01-01T00:00:00Z"],
        "--cancel-before 2020-01-01T00:00:00Z has passed",
    ),
    "a time without an offset": (
        ["--not-before", "2020-01-01T00:00:00"],
        "--not-before has no offset from UTC: it must be ISO 8601",
    ),
    "no time at all": (["--not-before", "tomorrow"], "--not-before must be ISO 8601"),
    "times in the wrong order": (
        ["--not-before", "+2h", "--cancel-before", "+1h"],
        "--cancel-before must be later than --not-before",
    ),
    "a param without a value": (["--param", "x"], "--param 'x' must be NAME=VALUE"),
    "a param given twice": (["--param", "x=1", "--param", "x=2"], "gives x twice"),
    "a group that cannot be kept": (["--group", "a\nb"], "--group must be 1 to 200"),
    "a wait that is no number": (["--wait=soon"], "--wait"),
}


@pytest.mark.parametrize("case", WRONG_WORDS)
def test_wrong_options_submit_nothing(home: Home, case: str) -> None:
    options, sentence = WRONG_WORDS[case]
    done = home.run("cancel", "notpanel", "ord_1", *options)
    assert done.status == 2
    assert sentence in done.err
    assert home.run("list", "--json").records == []


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["cancel", "notpannel", "1"], "provider must be one of iletimerkezi, dukk"),
        (["cancel", "notpanel", "1", "--not-before", "soon"], "--not-before must be"),
        (["submit", "no.csv"], "no.csv"),
        (["retry", "1", "--cancel-before", "soon"], "--cancel-before must be"),
        (["list", "--provider", "notpannel"], "provider must be one of"),
    ],
)
def test_the_command_line_is_checked_before_any_service_is_reached(
    home: Home, monkeypatch: pytest.MonkeyPatch, words: list[str], sentence: str
) -> None:
    monkeypatch.setenv("RESCIND_REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("RESCIND_DATABASE_URL", "postgresql://u:p@127.0.0.1:1/x")
    done = home.run(*words)
    assert done.status == 2
    assert sentence in done.err
    assert "cannot be reached" not in done.err


def test_a_key_is_for_one_order(home: Home) -> None:
    done = home.run("cancel", "notpanel", "ord_1", "ord_2", "--key", "k")
    assert done.status == 2
    assert "--key is for one order" in done.err
    assert home.run("list", "--json").records == []


def test_no_orders_at_all(home: Home) -> None:
    done = home.run("cancel", "notpanel")
    assert done.status == 2
    assert "ORDER" in done.err


@pytest.mark.parametrize("count", [101, 1000, 1001])
def test_many_orders(home: Home, count: int) -> None:
    orders = [f"ord_{n}" for n in range(count)]
    done = home.run("cancel", "notpanel", *orders, "--json")
    assert done.status == 0
    assert [r["order"] for r in done.records] == orders


BAD_ORDERS = {
    "comma": ("ithink", "86210010463,86210010464", "the shipment's AWB number"),
    "space": ("notpanel", "ord 1", "the order's id, such as ord_01HG9X7KJP4N"),
    "slash": ("notpanel", "../ord_1", "the order's id, such as ord_01HG9X7KJP4N"),
    "newline": ("notpanel", "ord_1\nord_2", "the order's id"),
    "long": ("notpanel", "o1" * 5000, "the order's id"),
    "turkish": ("notpanel", "sipariş_1", "the order's id"),
    "not utf-8": ("notpanel", "ord_\udcfc1", "the order's id"),
}


@pytest.mark.parametrize("case", BAD_ORDERS)
def test_a_bad_order_is_named_and_the_good_one_kept(home: Home, case: str) -> None:
    provider, order, form = BAD_ORDERS[case]
    done = home.run("cancel", provider, order, "12345", "--json")
    assert done.status == 2
    assert f"order must be {form}" in done.err
    assert len(done.err) < 500
    assert [r["state"] for r in done.records] == ["rejected", "queued"]


BAD_ENTRIES = {
    "account": (
        ["notpanel", "1", "--account", "third"],
        (
            "account third of notpanel is not in the accounts file"
            " (it has: default, second)"
        ),
    ),
    "parameter": (["notpanel", "1", "--param", "why=x"], "params: why"),
    "missing": (["dukkango", UUID], "params: reason_id"),
    "type": (["dukkango", UUID, "--param", "reason_id=late"], "params: reason_id"),
    "nine": (["dukkango", UUID, "--param", "reason_id=9"], "params: reason_id"),
    "key": (["notpanel", "1", "--key", "x" * 201], "key must be 1 to 200"),
}


@pytest.mark.parametrize("case", BAD_ENTRIES)
def test_a_bad_entry_is_kept_with_its_fault(home: Home, case: str) -> None:
    words, sentence = BAD_ENTRIES[case]
    done = home.run("cancel", *words, "--json")
    assert done.status == 2
    assert sentence in done.err
    kept = home.run("list", "--state", "rejected", "--json").records
    assert sentence in kept[0]["provider_message"]


def test_the_same_key_with_other_params_is_refused_by_name(home: Home) -> None:
    home.run("cancel", "dukkango", UUID, "--param", "reason_id=4")
    done = home.run("cancel", "dukkango", UUID, "--param", "reason_id=5")
    assert done.status == 2
    assert f"key '{UUID}' of dukkango/default was submitted with other params" in (
        done.err
    )
    path = f"dukkango/default/{UUID}"
    assert json.loads(home.run("show", path, "--json").out)["params"] == {
        "reason_id": 4
    }


# --- unreachable services ---------------------------------------------------------


def test_without_redis_nothing_is_submitted(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESCIND_REDIS_URL", "redis://:hush@127.0.0.1:1/0")
    done = home.run("cancel", "notpanel", "ord_1")
    assert done.status == 3
    assert "Redis at redis://:***@127.0.0.1:1/0 cannot be reached" in done.err
    assert "hush" not in done.err
    monkeypatch.setenv("RESCIND_REDIS_URL", "")
    assert home.run("list", "--json").records == []


def test_no_redis_is_known(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RESCIND_REDIS_URL")
    done = home.run("cancel", "notpanel", "ord_1")
    assert done.status == 3
    assert "set RESCIND_REDIS_URL, or start an embedded one with `rescind up`" in (
        done.err
    )


@pytest.mark.parametrize(
    ("url", "status", "sentence"),
    [
        ("nonsense", 2, "is not the URL of a database"),
        ("mysql://u:p@h/x", 2, "only sqlite:/// and postgresql"),
        ("postgresql+psycopg://u:hush@127.0.0.1:1/x", 3, "cannot be reached"),
        ("sqlite:////nowhere/at/all.db", 3, "cannot be reached"),
    ],
)
def test_an_unreachable_ledger(
    home: Home, monkeypatch: pytest.MonkeyPatch, url: str, status: int, sentence: str
) -> None:
    monkeypatch.setenv("RESCIND_DATABASE_URL", url)
    done = home.run("cancel", "notpanel", "ord_1")
    assert done.status == status
    assert sentence in done.err
    assert "hush" not in done.err


def test_a_ledger_without_tables_that_is_not_ours_is_not_touched(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESCIND_DATABASE_URL", f"sqlite:///{home.path}/other.db")
    done = home.run("cancel", "notpanel", "ord_1")
    assert done.status == 3
    assert "run `rescind migrate`" in done.err
    monkeypatch.setenv("RESCIND_SEAL_KEY", home.run("seal-key").out.strip())
    assert home.run("migrate").status == 0
    assert home.run("cancel", "notpanel", "ord_1").status == 0


def test_a_ledger_that_is_not_a_database(home: Home) -> None:
    home.write(".rescind/ledger.db", b"x" * 5000)
    done = home.run("cancel", "notpanel", "ord_1")
    assert done.status == 3
    assert "is not a database" in done.err


def test_no_accounts_file_holds_the_lanes_and_refuses_nothing(home: Home) -> None:
    (home.path / "accounts.toml").unlink()
    done = home.run("cancel", "notpanel", "ord_1", "--json")
    assert done.status == 0
    assert "accounts.toml does not exist: `rescind init` writes one" in done.err
    assert done.records[0]["state"] == "queued"


# --- submit -----------------------------------------------------------------------

CSV = f"""provider,order,param.reason_id,metadata.shop
notpanel,ord_1,,7
dukkango,{UUID},4,
dukkango,{UUID[:-1]}f,9,
nobody,1,,
notpanel,ord_2
notpanel,ord_3,,
"""


def test_submit_keeps_the_files_order_and_reports_faults(home: Home) -> None:
    done = home.run("submit", home.write("a.csv", CSV), "--json", "--group", "g")
    assert done.status == 2
    states = [(r["order"], r["state"]) for r in done.records]
    assert states == [
        ("ord_1", "queued"),
        (UUID, "queued"),
        (f"{UUID[:-1]}f", "rejected"),
        ("1", "rejected"),
        ("ord_3", "queued"),
    ]
    assert done.records[0]["metadata"] == {"shop": "7"}
    assert {r["group"] for r in done.records} == {"g"}
    assert "line 4: params: reason_id" in done.err
    assert "line 5: provider must be one of" in done.err
    assert "line 6: has 2 columns, and the header 4" in done.err


def test_submit_sums_up(home: Home) -> None:
    name = home.write("a.csv", CSV)
    assert home.run("submit", name).out == (
        "6 rows: 3 accepted, 0 submitted before, 2 refused, 1 that could not be read\n"
    )
    assert home.run("submit", name).out.startswith(
        "6 rows: 0 accepted, 3 submitted before, 2 refused"
    )


def test_submit_shows_twenty_wrong_rows_at_most(home: Home) -> None:
    rows = "".join(f"nobody,{n}\n" for n in range(30))
    done = home.run("submit", home.write("a.csv", f"provider,order\n{rows}"))
    assert done.err.count("provider must be one of") == 20
    assert "and 10 more" in done.err


def test_submit_takes_thousands_from_standard_input(home: Home) -> None:
    lines = "\n".join(
        json.dumps({"provider": "notpanel", "order": f"ord_{n}"}) for n in range(2500)
    )
    done = home.process("submit", "-", "--json", stdin=lines.encode())
    assert done.status == 0
    assert [r["order"] for r in done.records] == [f"ord_{n}" for n in range(2500)]


def test_submit_of_a_file_that_is_not_there(home: Home) -> None:
    done = home.run("submit", "nowhere.csv")
    said = "rescind: nowhere.csv does not exist\n  see docs/errors.md#file-wrong\n"
    assert (done.status, done.err) == (2, said)
    assert "cannot be read: Is a directory" in home.run("submit", ".").err


def test_a_closed_pipe_is_quiet_and_loses_nothing(home: Home) -> None:
    rows = "".join(f"notpanel,ord_{n}\n" for n in range(3000))
    name = home.write("a.csv", f"provider,order\n{rows}")
    with subprocess.Popen(
        home.command("submit", name, "--json"),
        cwd=home.path,
        env=home.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 141
    assert len(home.run("list", "--limit", "9999", "--json").records) == 3000


# --- waiting ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "reason", "status"),
    [("cancelled", "confirmed", 0), ("rejected", "not_found", 1)],
)
def test_the_exit_status_of_wait_follows_the_outcome(
    home: Home, state: str, reason: str, status: int
) -> None:
    home.run("cancel", "notpanel", "ord_1")
    ending = threading.Timer(0.3, home.end, [state, reason])
    ending.start()
    done = home.run("cancel", "--wait", "notpanel", "ord_1", "--json")
    ending.join()
    assert done.status == status
    assert done.records[0]["state"] == state


def test_wait_times_out(home: Home) -> None:
    began = time.monotonic()
    done = home.run("cancel", "notpanel", "ord_1", "ord_2", "--wait", "0.2")
    assert done.status == 4
    assert "after 0.2 s 2 are not final yet (2 queued)" in done.err
    assert time.monotonic() - began < 60


def test_wait_with_a_wrong_row_is_exit_status_2(home: Home) -> None:
    name = home.write("a.csv", "provider,order\nnotpanel,ord_1\nnobody,1\n")
    home.run("submit", name)
    home.end("cancelled", "confirmed")
    done = home.run("submit", name, "--wait")
    assert done.status == 2
    assert "notpanel" in done.out


def test_interrupting_is_quiet(home: Home) -> None:
    with subprocess.Popen(
        home.command("cancel", "notpanel", "ord_1", "--wait"),
        cwd=home.path,
        env=home.environment(),
        stderr=subprocess.PIPE,
    ) as process:
        give_up = time.monotonic() + 60
        while not home.run("list", "--json").out and time.monotonic() < give_up:
            time.sleep(0.05)
        process.send_signal(2)
        assert process.wait(60) == 130
        assert process.stderr is not None
        assert process.stderr.read() == b""
