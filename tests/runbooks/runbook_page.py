"""The commands of docs/runbooks.md, by its sections. No tests."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "runbooks.md"
SECTION = re.compile(r"^## (.+)$", re.MULTILINE)
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROMPT = "$ "


def runbooks() -> dict[str, list[list[str]]]:
    """The commands of each code block, by the section's title."""
    _, *parts = SECTION.split(PAGE.read_text())
    return {
        title: [_commands(block) for block in BLOCK.findall(text)]
        for title, text in zip(parts[::2], parts[1::2], strict=True)
    }


def _commands(block: str) -> list[str]:
    lines = block.splitlines()
    assert all(line.startswith(PROMPT) for line in lines)
    return [line.removeprefix(PROMPT) for line in lines]
