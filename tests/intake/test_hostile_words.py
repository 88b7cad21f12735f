"""Any words on the command line: an exit status that is documented, never a traceback,
and a sentence where something is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.cli.test_cli_support import UUID, Home

COMMANDS = (
    *("cancel", "submit", "show", "list", "retry", "lanes", "hold", "resume"),
    *("env", "migrate", "seal-key", "no-such-command"),
)
OPTIONS = (
    *("--account", "--param", "--key", "--not-before", "--cancel-before", "--group"),
    *("--metadata", "--state", "--provider", "--limit", "--json", "--rotate", "--"),
    *("--wait=0", "--wait", "--wait=-1", "--wait=nan", "--wait=1e999x", "--version"),
    *("--help", "-h", "-", "--no-such-option", "--param=", "--limit=-1", "--state=x"),
)
WORDS = (
    *("notpanel", "dukkango", "default", "ord_1", UUID, "notpanel/default", "0", "1"),
    *("good.csv", "bad.csv", "good.jsonl", "binary", ".", "/", "/dev/null", "a/b/c"),
    *("", " ", "=", "x=1", "reason_id=4", 'x={"', "x=NaN", "x=" + "[" * 5000, "nan"),
    *("\x00", "a\x00b", "\udcff\udc80", "\ud800", "\u202e", "ş", "\x1b[31m", "\n"),
    *("9" * 5000, "-1", "1e400", "x" * 5000, "%s", "{0}", "+15m", "+999999d"),
    *("2026-02-30T00:00:00Z", "9999-12-31T23:59:59-23:59", "queued", "../../etc"),
)
STATUSES = {0, 1, 2, 3, 4}


@pytest.fixture
def home(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    home.write("good.csv", "provider,order\nnotpanel,ord_1\nnotpanel,a b\n")
    home.write("bad.csv", "provider,id\nnotpanel,ord_1\n")
    home.write("good.jsonl", '{"provider": "notpanel", "order": "ord_2"}\n')
    home.write("binary", bytes(range(256)) * 16)
    monkeypatch.setattr("sys.stdin", (tmp_path / "good.csv").open())
    return home


def check(home: Home, args: list[str]) -> None:
    done = home.run(*args)
    assert done.status in STATUSES
    if done.status in (2, 3):
        assert done.err.strip()
    # No character of the message may move a terminal's cursor. (The text after
    # "Usage:" is typer's, which quotes the command line unchanged.)
    ours = done.err.partition("Usage:")[0]
    assert (done.out + ours).replace("\n", "").isprintable()
    assert len(ours.splitlines()) <= 12


@given(
    command=st.sampled_from(COMMANDS),
    words=st.lists(
        st.sampled_from([*OPTIONS, *WORDS])
        | st.tuples(st.sampled_from(OPTIONS[:10]), st.sampled_from(WORDS)),
        max_size=4,
    ),
)
@settings(
    max_examples=80,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_any_words_end_in_a_status_and_a_sentence(
    home: Home, command: str, words: list[str | tuple[str, str]]
) -> None:
    pairs = [(one,) if isinstance(one, str) else one for one in words]
    check(home, [command, *(word for pair in pairs for word in pair)])


@pytest.mark.parametrize("command", ["submit", "show", "hold"])
def test_any_one_word_ends_in_a_status_and_a_sentence(home: Home, command: str) -> None:
    for word in WORDS:
        check(home, [command, "--", word])


@pytest.mark.parametrize("words", [["cancel", "notpanel"], ["retry"]], ids=" ".join)
def test_each_of_many_words_has_a_sentence_of_its_own(
    home: Home, words: list[str]
) -> None:
    done = home.run(*words, "--", *WORDS)
    assert done.status == 2
    assert done.out.replace("\n", "").isprintable()
    assert len(done.err.splitlines()) >= len(WORDS) - 10


@pytest.mark.parametrize("seconds", ["nan", "-nan", "-1", "-inf"])
def test_a_wait_that_would_never_end_is_refused(home: Home, seconds: str) -> None:
    done = home.run("cancel", "notpanel", "ord_1", f"--wait={seconds}")
    assert done.status == 2
    assert "--wait" in done.err
    assert home.run("list", "--json").records == []


@pytest.mark.parametrize(
    "words",
    [
        ["up", "--concurrency", "0"],
        ["up", "--flower-port", "99999"],
        ["demo", "--concurrency", "9" * 5000],
        ["demo", "no-such-file.csv"],
        ["sandbox", "--port", "x"],
        ["doctor", "x"],
    ],
    ids=" ".join,
)
def test_wrong_options_of_starting_commands_give_a_sentence(
    home: Home, words: list[str]
) -> None:
    done = home.run(*words)
    assert done.status == 2
    assert done.err.strip()
