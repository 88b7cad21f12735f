"""No provider's policy may make our statements untrue."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from providers.registry import OURS, PROVIDERS, check_policy, provider_named
from rescind.provider.interface import Provider
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.policy import LEAST_DOUBT
from rescind.provider.text import fold

ROOT = Path(__file__).parents[2]
NAMES = [one.name for one in OURS]


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda one: one.name)
def test_a_policy_must_not_believe_a_reading_at_once(
    provider: Provider[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    check_policy(provider)
    hasty = {"active_trusted_after": LEAST_DOUBT - timedelta(seconds=1)}
    policy = provider.policy.model_copy(update=hasty)
    monkeypatch.setattr(type(provider), "policy", policy)
    with pytest.raises(
        ValueError, match=f"{provider.name} must have active_trusted_after"
    ):
        check_policy(provider)


@pytest.mark.parametrize("written", ["Ithink", "ithnk", "İTHINK", "i-think"])
def test_a_name_that_is_nearly_right_is_answered_with_the_right_one(
    written: str,
) -> None:
    with pytest.raises(InvalidRequestError, match="did you mean ithink"):
        provider_named(written)


@pytest.mark.parametrize("written", ["nobody", "", None, "x" * 50, ["ithink"]])
def test_another_name_is_answered_with_the_known_ones(written: object) -> None:
    with pytest.raises(InvalidRequestError, match=f"{PROVIDERS[-1].name}$"):
        provider_named(written)


MODULES = [
    path
    for package in ("rescind", "tasks", "worker")
    for path in (ROOT / package).rglob("*.py")
    if path.name != "installed_simulations.py"
]


def test_no_module_lists_the_providers() -> None:
    """A list elsewhere would leave out the providers of installed packages."""
    listing = {
        str(path.relative_to(ROOT)): named
        for path in MODULES
        if len(named := [n for n in NAMES if re.search(rf"\b{n}\b", path.read_text())])
        > 2
    }
    assert listing == {}


@pytest.mark.parametrize("folder", ["rescind", "providers", "worker", "tasks", "docs"])
def test_no_text_counts_the_providers(folder: str) -> None:
    counting = re.compile(r"\bfive (?:\w+ )?(?:providers|APIs)\b")
    texts = [*(ROOT / folder).rglob("*.py"), *(ROOT / folder).rglob("*.md")]
    assert [str(one) for one in texts if counting.search(one.read_text())] == []


def test_the_pages_name_every_provider_of_ours() -> None:
    for place in ("README.md", "docs/index.md", "mkdocs.yml", "docs/producing.md"):
        text = fold((ROOT / place).read_text())
        assert [name for name in NAMES if name not in text] == [], place
    for name in NAMES:
        assert (ROOT / "docs" / "providers" / f"{name}.md").is_file()
