"""Replies from the field, as ``rescind show ID --case`` exported them.

Each file of ``recorded`` is one case. ``means`` is what a person found to be right.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from providers.registry import BY_NAME
from rescind.provider.recorded_exchange import meaning

FOLDER = Path(__file__).parent / "recorded"
CASES = sorted(FOLDER.glob("*.json"))


def test_there_are_cases() -> None:
    assert CASES


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_recorded_reply_means_what_its_case_says(path: Path) -> None:
    case = json.loads(path.read_text())
    assert "cut" not in case, "complete the body by hand, and remove this member"
    assert meaning(BY_NAME[case["provider"]], case) == case["means"]
