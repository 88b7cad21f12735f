"""Fixtures of the tests of commands: each test has a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.test_cli_support import Home, make_home


@pytest.fixture
def home(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    valkey_url: str,
) -> Home:
    """A folder with accounts, in which a test runs commands."""
    return make_home(tmp_path, monkeypatch, capsys, valkey_url)
