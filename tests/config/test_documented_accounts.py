"""The account form on each provider's page is one that the loader takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from providers.registry import OURS
from rescind.config.accounts import load_accounts

PAGES = Path(__file__).parents[2] / "docs" / "providers"
BLOCK = re.compile(r"```toml\n(.*?)```", re.DOTALL)
SETTING = re.compile(r"^# (?=\w+ = )", re.MULTILINE)

NAMES = [one.name for one in OURS]


def block(provider: str) -> str:
    found: list[str] = BLOCK.findall((PAGES / f"{provider}.md").read_text("utf-8"))
    assert len(found) == 1
    return found[0]


def other_forms(text: str) -> list[str]:
    """The block with each of its commented settings in force, one at a time."""
    lines = text.splitlines()
    found = []
    for line in (one for one in lines if SETTING.match(one)):
        setting = SETTING.sub("", line)
        kept = [one for one in lines if "env" not in one or "instead of" not in line]
        found.append("\n".join([*kept, setting]))
    return found


def faults(path: Path, text: str, patch: pytest.MonkeyPatch) -> list[str]:
    for name in re.findall(r'env = "(\w+)"', text):
        patch.setenv(name, "a-credential")
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    found = load_accounts(path)
    lanes = [lane.fault for lane in found.lanes.values()]
    assert len(lanes) == 1
    return [one for one in (found.fault, *lanes, *found.warnings) if one]


@pytest.mark.parametrize("provider", NAMES)
def test_the_account_form_on_a_providers_page_is_taken(
    provider: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = block(provider)
    assert f"[{provider}." in text
    for one in (text, *other_forms(text)):
        assert faults(tmp_path / "accounts.toml", one, monkeypatch) == [], one


def test_the_pages_show_settings_that_are_not_in_force() -> None:
    assert sum(len(other_forms(block(name))) for name in NAMES) >= 6
