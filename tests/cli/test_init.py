"""Tests of `rescind init`: it asks, writes two files, and overwrites nothing."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self, cast
from unittest import mock

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, SecretStr, ValidationError, model_validator
from standardwebhooks import Webhook

from providers.registry import BY_NAME
from rescind.cli.setup.account_fields import (
    fault_of_one,
    is_secret,
    provider_name,
    ways_in,
)
from rescind.cli.setup.answers import env_value
from rescind.cli.setup.questions import Asker
from rescind.config.access_tokens import Scope, access
from rescind.config.accounts import load_accounts
from rescind.config.home import write_private
from rescind.config.settings import Settings
from rescind.provider.account import Account
from tests.cli.terminal import terminal
from tests.cli.test_cli_support import Home

SECRET = "s3cret-$that 'is' \"odd\""


@pytest.fixture
def home(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    (tmp_path / "accounts.toml").unlink()
    shutil.rmtree(tmp_path / ".rescind")
    monkeypatch.delenv("RESCIND_REDIS_URL")
    return home


def lanes(home: Home) -> dict[str, str | None]:
    found = load_accounts(home.path / "accounts.toml").lanes
    return {"/".join(lane): config.fault for lane, config in found.items()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- on a terminal --------------------------------------------------------------------


def test_the_dialogue_writes_files_that_work(home: Home) -> None:
    with terminal(home.path, home.environment(), "init") as tty:
        tty.expect("nothing is written before the last answer")
        tty.answer("Provider", "amazon")
        tty.expect("it must be one of iletimerkezi, dukkango,")
        tty.answer("Provider", "Akinon")
        tty.answer("Account name")
        tty.answer("Log in by", "username+password")
        tty.answer("base_url", "http://shop.example.com")
        tty.expect("base_url is plain http: credentials would travel unencrypted")
        tty.answer("base_url", "https://shop.example.com")
        tty.answer("Keep its credentials")
        tty.answer("akinon username", "ann")
        tty.answer_hidden("akinon password", SECRET)
        tty.answer("Another account?", "y")
        tty.answer("Provider", "notpanel")
        tty.answer("Account name", "second.one")
        tty.answer("Keep its credentials", "here")
        tty.answer_hidden("notpanel key", "hush-hush")
        tty.answer("Another account?")
        tty.answer("Redis: embedded, or your own")
        tty.answer("embedded SQLite, or your own PostgreSQL", "PostgreSQL")
        tty.answer_hidden("empty: sqlite", "")
        tty.answer("tokens for the HTTP API?", "y")
        tty.answer("Tokens, as", "shop:everything")
        tty.expect("its scopes must be among submit, read, operate")
        tty.answer("Tokens, as", "shop:submit+read")
        tty.answer("webhooks?", "y")
        tty.answer("Hosts", "shop.example.com")
        assert tty.end() == 0, tty.shown
    assert SECRET not in tty.shown
    assert "hush-hush" not in tty.shown
    first = "rescind cancel notpanel ORDER --account second.one --wait"
    assert first in tty.shown
    assert "\\n" not in tty.shown
    assert lanes(home) == {"akinon/default": None, "notpanel/second.one": None}
    assert "hush" in (home.path / "accounts.toml").read_text()
    kept = dotenv_values(home.path / ".env")
    assert (kept["AKINON_USERNAME"], kept["AKINON_PASSWORD"]) == ("ann", SECRET)
    assert mode(home.path / "accounts.toml") == mode(home.path / ".env") == 0o600
    _assert_secrets_are_good_and_were_shown(kept, tty.shown)


def _assert_secrets_are_good_and_were_shown(
    kept: dict[str, str | None], shown: str
) -> None:
    tokens = kept["RESCIND_API_TOKENS"] or ""
    secret = tokens.rpartition(":")[2]
    found = access(Settings(api_tokens=SecretStr(tokens))).token(secret)
    assert found is not None
    assert found.scopes == {Scope.SUBMIT, Scope.READ}
    assert f"token of shop: {secret}" in shown
    webhooks = kept["RESCIND_WEBHOOK_SECRET"] or ""
    assert f"webhook secret: {webhooks}" in shown
    Webhook(webhooks)
    assert kept["RESCIND_WEBHOOK_HOSTS"] == "shop.example.com"


ANSWERS = {
    "Provider": "akinon",
    "Account name": "",
    "Log in by": "token",
    "base_url": "https://shop.example.com",
    "Keep its credentials": "",
    "akinon token": "k",
    "Another account?": "",
    "Redis:": "own",
    "RESCIND_REDIS_URL": "redis://db.example",
    "PostgreSQL": "postgresql",
    "RESCIND_DATABASE_URL": "postgresql://u@db.example/x",
    "HTTP API?": "y",
    "Tokens, as": "",
    "webhooks?": "y",
    "Hosts": "shop.example.com",
}
"""Every question, in order, with a valid answer."""


@pytest.mark.parametrize("way_out", ["Ctrl-C", "Ctrl-D"])
def test_a_key_leaves_and_nothing_is_written(home: Home, way_out: str) -> None:
    with terminal(home.path, home.environment(), "init") as tty:
        tty.answer("Provider", "notpanel")
        tty.answer("Account name")
        tty.answer("Keep its credentials")
        tty.expect_hidden("notpanel key")
        if way_out == "Ctrl-D":
            tty.type("\x04")
        assert (tty.interrupt() if way_out == "Ctrl-C" else tty.end()) == 130
    assert "nothing was written" in tty.shown
    assert list(home.path.iterdir()) == []


class Typist:
    """Types an answer to each question, and leaves at one of them."""

    def __init__(self, leaves_at: int, by: str) -> None:
        self.asked: list[str] = []
        self._leaves_at, self._by = leaves_at, by

    def __call__(self, question: str, default: str, **_: object) -> str:
        self.asked.append(question)
        if len(self.asked) > self._leaves_at:
            return self._by
        found = (answer for name, answer in ANSWERS.items() if name in question)
        return next(found) or default


@pytest.mark.parametrize("place", range(len(ANSWERS)))
def test_q_leaves_at_every_question(
    home: Home, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    typist = Typist(place, "Q" if place % 2 else "q")
    monkeypatch.setattr("typer.prompt", typist)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    done = home.run("init")
    assert (done.status, done.out) == (130, "")
    assert "nothing was written" in done.err
    assert len(typist.asked) == place + 1
    assert list(home.path.iterdir()) == []


def test_every_question_was_asked_when_all_are_answered(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    typist = Typist(len(ANSWERS), "q")
    monkeypatch.setattr("typer.prompt", typist)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    assert home.run("init").status == 0
    assert len(typist.asked) == len(ANSWERS)


def test_an_empty_answer_says_how_to_leave(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["", "", "given"])
    monkeypatch.setattr("typer.prompt", lambda *_, **__: next(answers))
    assert Asker(interactive=True).text("Name", option="--name") == "given"
    assert capsys.readouterr().err.count("an answer is needed; q leaves") == 2


@pytest.mark.parametrize("fails", [".env", "accounts.toml"])
def test_a_failed_write_leaves_both_files_as_they_were(
    home: Home, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    home.write("accounts.toml", "# mine\n")

    def write(path: Path, text: str) -> None:
        if path.name == fails and path.parent == Path():
            raise OSError(28, "No space left on device", str(path))
        write_private(path, text)

    monkeypatch.setattr("rescind.cli.setup.file_placement.write_private", write)
    monkeypatch.setenv("NOTPANEL_KEY", "k")
    done = home.run("init", "--add", "--provider", "notpanel")
    assert done.status == 3
    assert (home.path / "accounts.toml").read_text() == "# mine\n"
    assert not (home.path / ".env").exists()


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("NotPanel", "notpanel"),
        (" iThink ", "ithink"),
        ("Dükkango", "dukkango"),
        ("İletiMerkezi", "iletimerkezi"),
        ("iletımerkezi", "iletimerkezi"),
        ("AKINON", "akinon"),
    ],
)
def test_a_provider_is_known_in_any_case(written: str, name: str) -> None:
    assert provider_name(written) == name


def test_a_service_of_ones_own_is_written_with_a_seal_key(home: Home) -> None:
    with terminal(home.path, home.environment(), "init") as tty:
        tty.answer("Provider", "notpanel")
        tty.answer("Account")
        tty.answer("Keep")
        tty.answer_hidden("notpanel key", "k")
        tty.answer("Another account?")
        tty.answer("Redis: embedded, or your own", "own")
        tty.answer_hidden("RESCIND_REDIS_URL", "http://x")
        tty.expect("RESCIND_REDIS_URL is not the URL of a Redis")
        tty.answer_hidden("RESCIND_REDIS_URL", "redis://:hush@db.example:6379/0")
        tty.answer("embedded SQLite, or your own PostgreSQL", "postgresql")
        tty.answer_hidden("RESCIND_DATABASE_URL", "mysql://x/y")
        tty.expect("only sqlite:/// and")
        tty.answer_hidden(
            "RESCIND_DATABASE_URL", "postgresql+psycopg://u:hush@db.example/x"
        )
        tty.answer("HTTP API?")
        tty.answer("webhooks?")
        assert tty.end() == 0, tty.shown
    assert "hush" not in tty.shown
    kept = dotenv_values(home.path / ".env")
    assert kept["RESCIND_REDIS_URL"] == "redis://:hush@db.example:6379/0"
    assert Settings(seal_key=SecretStr(kept["RESCIND_SEAL_KEY"] or "")).seal()


# --- without one ----------------------------------------------------------------------


def test_options_and_variables_answer_without_a_terminal(home: Home) -> None:
    secret = home.path / "secret"
    secret.write_text("from-a-file\n")
    done = home.process(
        *("init", "--provider", "dukkango", "--account", "branch-7"),
        *("--credential-file", f"rest_secret_key={secret}", "--token", "shop:submit"),
        DUKKANGO_BRANCH_7_APP_SECRET_KEY="from-the-environment",
    )
    assert done.status == 0, done.err
    assert lanes(home) == {"dukkango/branch-7": None}
    assert "--account branch-7" in done.out
    account = load_accounts(home.path / "accounts.toml").lanes["dukkango", "branch-7"]
    assert account.account is not None
    assert set(account.account.secrets()) == {"from-a-file", "from-the-environment"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "no terminal to ask on: give --provider"),
        (["--provider", "notpanel"], "by the variable NOTPANEL_KEY"),
        (["--provider", "akinon"], "give AKINON_TOKEN or else AKINON_USERNAME and"),
        (["--provider", "x"], "--provider: it must be one of"),
        (["--provider", "notpanel", "--account", "a b"], "--account: it must be 1 to"),
        (
            ["--provider", "notpanel", "--base-url", "x"],
            "--base-url: base_url: must be",
        ),
        (["--credential-file", "key"], "must be NAME=VALUE"),
    ],
)
def test_a_missing_or_wrong_answer_gives_a_sentence_and_writes_nothing(
    home: Home, words: list[str], says: str
) -> None:
    done = home.run("init", *words)
    assert done.status == 2
    assert says in done.err
    assert list(home.path.iterdir()) == []


def test_nothing_is_overwritten(home: Home) -> None:
    home.write("accounts.toml", "# mine\n")
    done = home.process("init", "--provider", "notpanel", NOTPANEL_KEY="k")
    assert done.status == 2
    assert "accounts.toml exists already" in done.err
    assert "`rescind init --add` adds an account" in done.err
    assert "docs/errors.md#already-there" in done.err
    assert (home.path / "accounts.toml").read_text() == "# mine\n"
    assert not (home.path / ".env").exists()


def test_adding_an_account_changes_nothing_else(home: Home) -> None:
    before = '# Ours.\n[notpanel.default]\nkey = "one"  # of ann\n# The end.'
    home.write("accounts.toml", before)
    home.write(".env", "# Kept.\nRESCIND_RETENTION=365d")
    words = ("init", "--add", "--provider", "notpanel", "--account")
    done = home.process(*words, "second", NOTPANEL_SECOND_KEY="two")
    assert done.status == 0, done.err
    assert (home.path / "accounts.toml").read_text().startswith(f"{before}\n")
    assert (home.path / ".env").read_text().startswith("# Kept.\nRESCIND_RETENTION=")
    assert lanes(home) == {"notpanel/default": None, "notpanel/second": None}
    again = home.process(*words, "second", NOTPANEL_SECOND_KEY="three")
    assert again.status == 2
    assert "[notpanel.second] is in the accounts file already" in again.err


def test_a_value_that_env_files_cannot_hold_is_refused(home: Home) -> None:
    odd = "before${HOME}after"
    done = home.process("init", "--provider", "notpanel", NOTPANEL_KEY=odd)
    assert done.status == 2
    assert "NOTPANEL_KEY cannot be kept in .env" in done.err
    assert odd not in done.err
    assert list(home.path.iterdir()) == []


# --- helpers --------------------------------------------------------------------------


class Lenient(Account):
    """An account model that accepts either credential, or both."""

    base_url: str = "https://host.example"
    one: SecretStr | None = None
    other: str | None = None

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if self.one is None and self.other is None:
            raise ValueError("one or other is required")
        return self


def test_only_the_credentials_of_one_way_are_asked_for() -> None:
    provider = cast("Any", SimpleNamespace(account_model=Lenient))
    assert ways_in(provider) == [("one",), ("other",)]
    assert [is_secret(provider, name) for name in ("one", "other")] == [True, False]


class Formal(Lenient):
    """An account model whose credentials have a format."""

    one: SecretStr | None = Field(default=None, pattern=r"^[0-9]{8}$")
    other: str | None = Field(default=None, pattern=r"^user-.+$")
    tenant: int
    login: str | None = Field(default=None, min_length=50)


def test_a_placeholder_is_not_checked_as_a_value() -> None:
    provider = cast("Any", SimpleNamespace(account_model=Formal))
    assert ways_in(provider) == [("tenant", "one"), ("tenant", "other")]
    way = ("tenant", "other")
    assert fault_of_one(provider, way, "other", "user-1") is None
    assert fault_of_one(provider, way, "tenant", "12") is None
    for name, value in {"other": "x", "tenant": "x", "base_url": "x"}.items():
        assert str(fault_of_one(provider, way, name, value)).startswith(f"{name}:")
    plain = fault_of_one(provider, way, "base_url", "http://host.example")
    assert "base_url is plain http" in str(plain)


def valid(provider: Any, names: Iterable[str]) -> bool:
    values = dict.fromkeys(names, "x")
    try:
        provider.account_model.model_validate(
            {"base_url": "https://x.example"} | values
        )
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("name", BY_NAME)
def test_each_way_in_is_complete_and_minimal(name: str) -> None:
    provider = BY_NAME[name]
    ways = ways_in(provider)
    assert ways
    for way in ways:
        assert valid(provider, way)
        for left_out in way:
            assert not valid(provider, set(way) - {left_out})
    hidden = {one for way in ways for one in way if is_secret(provider, one)}
    assert hidden == {one for way in ways for one in way} - {"username"}


# Without carriage returns, which .env cannot hold. Init checks values with $ by itself.
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\r$"), min_size=1))
def test_values_written_to_env_are_read_back(value: str) -> None:
    read = dotenv_values(stream=StringIO(f"A={env_value(value)}\n"), interpolate=False)
    assert read["A"] == value


def test_the_environment_is_left_as_it_was(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESCIND_SEAL_KEY", "as-it-was")
    before = dict(os.environ)
    words = ("--provider", "ithink", "--postgresql", "postgresql+psycopg://u@h/n")
    keys = {"ITHINK_ACCESS_TOKEN": "a", "ITHINK_SECRET_KEY": "b"}
    with mock.patch.dict(os.environ, keys):
        assert home.run("init", *words).status == 0
    assert dict(os.environ) == before
    assert lanes(home) == {"ithink/default": None}
