"""Tests of completion in a real shell: it offers words, and never prints an error."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from providers.registry import OURS
from rescind.cli import completion
from tests.cli.test_cli_support import Home

bash = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
PRESSED = """
eval "$(rescind --show-completion bash)"
while IFS= read -r line; do
    COMP_WORDS=($line)
    [[ $line == *' ' ]] && COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
    _rescind_completion rescind
    echo "${COMPREPLY[*]}" | tr '\\n' ' '
    echo
done
"""
"""Has bash complete each line, as if Tab were pressed at its end."""


def pressed(home: Home, *lines: str) -> list[list[str]]:
    """The words that bash offers at the end of each line."""
    here = Path(sys.executable).parent
    path = f"{here}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", PRESSED],
        cwd=home.path,
        env=home.environment(
            PATH=path, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1"
        ),
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    return [line.split() for line in done.stdout.splitlines()]


@bash
def test_bash_offers_matching_words(home: Home) -> None:
    offered = pressed(
        home,
        "rescind do",
        "rescind cancel ",
        "rescind cancel dukkango x --account ",
        "rescind hold ",
        "rescind list --state f",
    )
    lanes = ["notpanel/default", "notpanel/second", "iletimerkezi/default"]
    assert offered[0] == ["doctor"]
    assert offered[1] == [one.name for one in OURS]
    assert offered[2] == ["default"]
    assert offered[3][:3] == lanes
    assert offered[4] == ["failed"]


@bash
@pytest.mark.parametrize("text", [None, b"[", b"\xff", b"notpanel = 3"])
def test_completion_is_empty_and_silent_without_valid_accounts(
    home: Home, text: bytes | None
) -> None:
    (home.path / "accounts.toml").unlink()
    if text is not None:
        home.write("accounts.toml", text)
    home.write(".env", b"\xff")
    assert pressed(home, "rescind resume n") == [[]]


def test_completion_reads_the_accounts_file_of_the_settings(home: Home) -> None:
    home.write("mine.toml", '[ithink.here]\naccess_token = "x"\n')
    home.write(".env", "RESCIND_ACCOUNTS=mine.toml\n")
    assert completion.lane_names("") == ["ithink/here"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_script(home: Home, shell: str) -> None:
    done = home.process(
        "--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1"
    )
    assert done.status == 0
    assert "_RESCIND_COMPLETE=complete_" + shell in done.out
