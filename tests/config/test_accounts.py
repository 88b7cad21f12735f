"""Tests that a faulty account does not affect the others."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.registry import PROVIDERS
from rescind.config import accounts
from rescind.config.accounts import Accounts, _lane, load_accounts
from rescind.provider.interface import Provider

GOOD = '[notpanel.default]\nkey = "hush-hush"\n'


def load(tmp_path: Path, text: str | bytes) -> Accounts:
    path = tmp_path / "accounts.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(0o600)
    return load_accounts(path)


def test_a_good_account(tmp_path: Path) -> None:
    found = load(tmp_path, GOOD + 'rate = "none"\nconcurrency = 2\n')
    lane = found.lane(("notpanel", "default"))
    assert (found.fault, found.warnings, lane.fault) == (None, (), None)
    assert (lane.policy.rate, lane.policy.concurrency) == ("none", 2)
    assert "hush" not in repr(found)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"\xff", "is not UTF-8"),
        (b"[notpanel", "is not TOML: "),
        (b"a = \n", "is not TOML: "),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, data: bytes, sentence: str) -> None:
    found = load(tmp_path, data)
    assert found.fault is not None
    assert sentence in found.fault
    assert found.lane(("notpanel", "default")).fault == found.fault


def test_no_file_and_no_reading(tmp_path: Path) -> None:
    fault = load_accounts(tmp_path / "none.toml").fault
    assert fault is not None
    assert "does not exist: `rescind init` writes one, or set RESCIND_ACC" in fault
    fault = load_accounts(tmp_path).fault
    assert fault is not None
    assert "cannot be read: Is a directory" in fault


BAD = {
    "no name": ('[notpanel."Kadıköy 2"]\nkey = "a"\n', "its name must be"),
    "no credential": ("[dukkango.default]\n", "access_token"),
    "empty": ("[notpanel.second]\n", "[notpanel.second]: key"),
    "misspelt": ('[notpanel.second]\nkey = "k"\nbse_url = "x"\n', "bse_url"),
    "a bad url": ('[notpanel.second]\nkey = "k"\nbase_url = "x"\n', "base_url"),
    "plain http": (
        '[notpanel.second]\nkey = "k"\nbase_url = "http://h"\n',
        "base_url is plain http",
    ),
    "a bad rate": ('[notpanel.second]\nkey = "k"\nrate = "fast"\n', "rate must be"),
    "a bad policy": ('[notpanel.second]\nkey = "k"\nbatch = 0\n', "batch"),
    "no variable": (
        '[notpanel.second]\nkey = { env = "RESCIND_NO_SUCH" }\n',
        "the variable RESCIND_NO_SUCH is not set",
    ),
    "no secret file": (
        '[notpanel.second]\nkey = { file = "/nowhere/at/all" }\n',
        "the file /nowhere/at/all cannot be read",
    ),
    "neither": ('[notpanel.second]\nkey = { vault = "x" }\n', "key must be a value, {"),
    "no table": ('[notpanel]\nsecond = "x"\n', "must be a table of settings"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_account_holds_its_own_lane_alone(tmp_path: Path, case: str) -> None:
    text, sentence = BAD[case]
    good = '[iletimerkezi.default]\nkey = "a"\nhash = "b"\n'
    found = load(tmp_path, good + text)
    assert found.fault is None
    assert found.lane(("iletimerkezi", "default")).fault is None
    (fault,) = [one.fault for one in found.lanes.values() if one.fault is not None]
    assert sentence in fault


def test_credentials_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTPANEL_KEY", "from-env")
    (tmp_path / "secret").write_text("from-file\n")
    text = (
        '[notpanel.a]\nkey = { env = "NOTPANEL_KEY" }\n'
        f'[notpanel.b]\nkey = {{ file = "{tmp_path / "secret"}" }}\n'
    )
    found = [one.account for one in load(tmp_path, text).lanes.values()]
    assert [a.secrets() for a in found if a] == [("from-env",), ("from-file",)]


def test_an_env_file_that_cannot_be_read_is_a_fault_of_the_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: str) -> dict[str, str]:
        raise PermissionError(13, "Permission denied", ".env")

    monkeypatch.setattr(accounts, "dotenv_values", refuse)
    found = load(tmp_path, '[notpanel.default]\nkey = { env = "NOT_SET" }\n')
    fault = found.lane(("notpanel", "default")).fault
    assert fault is not None
    assert ".env cannot be read" in fault


def test_a_file_that_is_deleted_while_it_is_read_raises_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = accounts._read

    def read_and_delete(path: Path) -> dict[str, Any]:
        found = read(path)
        path.unlink()
        return found

    monkeypatch.setattr(accounts, "_read", read_and_delete)
    assert load(tmp_path, GOOD).lane(("notpanel", "default")).fault is None


def test_warnings(tmp_path: Path) -> None:
    found = load(tmp_path, GOOD + "[nobody.default]\nkey = 1\n")
    assert "[nobody]: no provider nobody is installed" in found.warnings[0]
    assert "the providers are il" in found.warnings[0]
    assert found.lane(("notpanel", "default")).fault is None
    path = tmp_path / "accounts.toml"
    path.chmod(0o644)
    assert f"run `chmod 600 {path}`" in load_accounts(path).warnings[0]


def test_an_account_that_is_not_there(tmp_path: Path) -> None:
    fault = load(tmp_path, GOOD).lane(("notpanel", "third")).fault
    assert fault == "account third of notpanel is not in the accounts file"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
NAMES = st.sampled_from(["key", "base_url", "rate", "read_rate", "batch", "backoff"])


@given(st.sampled_from(PROVIDERS), VALUES | st.dictionaries(NAMES | st.text(), VALUES))
def test_any_values_are_an_account_or_a_fault(
    provider: Provider[Any], values: object
) -> None:
    lane = _lane(provider, "default", values)
    assert (lane.account is None) == (lane.fault is not None)


@given(st.binary(max_size=200))
def test_any_bytes_are_accounts_or_a_sentence(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "accounts.toml"
        path.write_bytes(data)
        assert isinstance(load_accounts(path), Accounts)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("batch = 101", "batch must be at most 100"),
        ("read_batch = 500", "read_batch must be at most 100"),
        ("give_up_after = 1e12", "give_up_after"),
        ("resend_delays = [-1]", "resend_delays must be from 0 seconds"),
        ('rate = "often"', 'rate must be such as "90/minute"'),
        ("poll_for = 86400", "Set poll_for above 86400"),
        ("queued_for = 1e6", "must have poll_for longer than queued_for"),
        ("active_trusted_after = 259200", "longer than queued_for and active_trusted"),
    ],
)
def test_a_policy_value_that_would_do_harm_is_refused(
    tmp_path: Path, value: str, sentence: str
) -> None:
    found = load(tmp_path, f'[notpanel.default]\nkey = "a-key"\n{value}\n')
    fault = found.lane(("notpanel", "default")).fault
    assert fault is not None
    assert sentence in fault


def test_a_provider_that_is_not_installed_ends_no_reading_early() -> None:
    """Its package may be back tomorrow, and then it reads the orders."""
    policy = Accounts().policy(("courier", "eu"))
    assert policy.verify_for == policy.poll_for == policy.give_up_after
    fault = Accounts().fault_of(("courier", "eu"))
    assert fault is not None
    assert "no provider courier is installed" in fault


def test_a_lane_knows_when_its_file_changed(tmp_path: Path) -> None:
    before = load(tmp_path, GOOD).lane(("notpanel", "default")).changed_at
    assert before is not None
    replaced = tmp_path / "new.toml"
    replaced.write_text(GOOD)
    os.utime(replaced, (0, 0))
    replaced.replace(tmp_path / "accounts.toml")
    after = load_accounts(tmp_path / "accounts.toml")
    after_at = after.lane(("notpanel", "default")).changed_at
    assert after_at is not None
    assert after_at > before
