"""Loads accounts.example.toml, with a value for each credential."""

from __future__ import annotations

import re

import pytest

from rescind.config.accounts import Accounts, load_accounts
from tests.deployment.files import ACCOUNTS, ROOT


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The variables that accounts.example.toml reads, with values."""
    names = set(re.findall(r'(?m)^\w+ = \{ env = "(\w+)"', ACCOUNTS))
    for name in names:
        monkeypatch.setenv(name, "placeholder")
    return names


@pytest.fixture
def accounts(credentials: set[str]) -> Accounts:
    """The content of accounts.example.toml."""
    assert credentials
    return load_accounts(ROOT / "accounts.example.toml")
