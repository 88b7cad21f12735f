"""Tests that docs/schedules.md is true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rescind.cli.app import app
from rescind.cli.schedule import app as commands
from rescind.intake.validation import FIELDS
from rescind.schedules.mapping import CONSTANTS
from rescind.schedules.moments import LEAST_INTERVAL
from rescind.schedules.rules import MOST_ROWS, load_schedules
from rescind.schedules.runner import DELAYS, LEASE, LONGEST, MOST_ATTEMPTS
from rescind.schedules.source_rows import LARGEST, SECONDS

PAGE = (Path(__file__).parents[2] / "docs/schedules.md").read_text()
EXAMPLES = re.findall(r"(?ms)^```toml\n(.*?)^```", PAGE)


@pytest.mark.parametrize("text", EXAMPLES, ids=lambda text: text.split("]")[0][1:])
def test_each_example_is_a_good_rule(tmp_path: Path, text: str) -> None:
    path = tmp_path / "schedules.toml"
    path.write_text(text)
    found = load_schedules(path)
    assert (found.fault, found.faults) == (None, {})
    assert len(found.rules) == 1


def test_there_is_an_example_of_each_source() -> None:
    kinds = {re.search(r"\b(sql|url|file) = \"", text)[1] for text in EXAMPLES}  # type: ignore[index]
    assert kinds == {"sql", "url", "file"}


def test_each_command_on_the_page_exists() -> None:
    named = set(re.findall(r"rescind schedule (\w+)", PAGE))
    assert named == {
        str(one.name or getattr(one.callback, "__name__", ""))
        for one in commands.registered_commands
    }
    assert commands in [group.typer_instance for group in app.registered_groups]


def test_each_option_of_the_page_exists(tmp_path: Path) -> None:
    table = PAGE.partition("## A rule")[2].partition("**`map`**")[0]
    named = set(re.findall(r"(?m)^\| `(\w+)`", table))
    path = tmp_path / "schedules.toml"
    path.write_text("[x]\n" + "".join(f"{name} = 1\n" for name in sorted(named)))
    assert "is not known here" not in load_schedules(path).faults["x"]
    assert {"cron", "every", "timezone", "max", "catch_up", "source", "map"} <= named
    assert set(FIELDS) - {"order", "key", "ref"} == CONSTANTS


def test_its_numbers_are_those_of_the_code() -> None:
    assert (LEAST_INTERVAL.seconds, MOST_ROWS) == (60, 100_000)
    assert (SECONDS, LARGEST) == (60, 32 * 1024 * 1024)
    assert [delay.seconds for delay in DELAYS] == [60, 300]
    assert (MOST_ATTEMPTS, LEASE.seconds, LONGEST.seconds) == (3, 120, 180)
    for words in ("`1m` at least", "100,000 at most", "32 MB", "three times at most"):
        assert words in PAGE
