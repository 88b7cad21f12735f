"""The README's commands work as they are typed, in a folder that was just set up."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from rescind.cli import main
from rescind.config.settings import settings
from tests.tasks.conftest import Running

README = Path(__file__).parents[2] / "README.md"
USE = re.compile(r"## Use it.*?```\n.*?```.*?```\n(.*?)```", re.DOTALL)
ORDERS = ["ord_01HG9X7KJP4X", "ord_01HG9X7KJP4R"]


def commands() -> list[str]:
    """The lines of the second block under *Use it*."""
    found = USE.search(README.read_text("utf-8"))
    assert found is not None
    return found[1].splitlines()


def typed(line: str) -> int:
    """The exit status of a line that is typed."""
    words = shlex.split(line, comments=True)
    if words[0] == "rescind":
        return main(words[1:])
    return subprocess.run(line, shell=True, check=False).returncode


def test_the_second_block_works_as_typed(
    system: Running,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    system.sandbox.seed("notpanel", ORDERS, "pending")
    for name, value in system.system.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    settings.cache_clear()
    lines = commands()
    assert [line.split()[:2] for line in lines if line.startswith("rescind")] == [
        ["rescind", name] for name in ("cancel", "submit", "show", "groups", "list")
    ]
    for line in lines:
        assert typed(line) == 0, (line, capsys.readouterr())
    settings.cache_clear()
    for order in ORDERS:
        assert system.record(f"notpanel/default/{order}")["state"] == "cancelled"
