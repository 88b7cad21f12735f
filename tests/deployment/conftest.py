"""The example's accounts, with a value for each credential that they name."""

from __future__ import annotations

import re

import pytest

from rescind.config.accounts import Accounts, load_accounts
from tests.deployment.files import ACCOUNTS, ROOT


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The variables that accounts.example.toml reads, each of which has a value."""
    names = set(re.findall(r'(?m)^\w+ = \{ env = "(\w+)"', ACCOUNTS))
    for name in names:
        monkeypatch.setenv(name, "placeholder")
    return names


@pytest.fixture
def accounts(credentials: set[str]) -> Accounts:
    """What accounts.example.toml says."""
    assert credentials
    return load_accounts(ROOT / "accounts.example.toml")
