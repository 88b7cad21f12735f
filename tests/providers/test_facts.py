"""Facts about providers have a source and a date, and assumptions a question to ask."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from providers.registry import BY_NAME, OURS, PROVIDERS
from rescind.cli import main
from rescind.operations.fact_report import OLD_DAYS, KnownFact, known_facts, summary
from rescind.provider.api_facts import Certainty, assumed, documented
from rescind.provider.interface import Provider

DOCS = Path(__file__).parents[2] / "docs" / "providers"
READ = date(2026, 11, 20)


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda one: one.name)
def test_every_provider_has_facts_of_the_past(provider: Provider[Any]) -> None:
    assert provider.facts
    says = [fact.says for fact in provider.facts]
    assert len(set(says)) == len(says)
    today = datetime.now(UTC).date()
    for fact in provider.facts:
        assert fact.checked <= today
        assert not fact.says.endswith(".")


@pytest.mark.parametrize("provider", OURS, ids=lambda one: one.name)
def test_its_page_lists_all_assumptions_and_no_others(provider: Provider[Any]) -> None:
    page = (DOCS / f"{provider.name}.md").read_text()
    section = page.split("\n## Assumptions\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    assert rows == [
        f"| {fact.says} | {fact.ask} |"
        for fact in provider.facts
        if fact.certainty is Certainty.ASSUMED
    ]


def test_an_assumption_without_a_question_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a question"):
        assumed("it is so", "no page", READ, "")
    with pytest.raises(ValueError, match="a sentence and a source"):
        documented("it is so", "", READ)


def test_a_fact_is_open_if_it_is_assumed_or_old() -> None:
    fact = documented("it is so", "page one", READ)
    young = KnownFact("shop", fact, READ + timedelta(days=OLD_DAYS))
    old = KnownFact("shop", fact, READ + timedelta(days=OLD_DAYS + 1))
    assert (young.is_open, old.is_open) == (False, True)
    assert "  old: read the source again" in old.lines()
    assert old.document()["days"] == OLD_DAYS + 1
    guess = KnownFact("shop", assumed("it is so", "none", READ, "Is it so?"), READ)
    assert guess.is_open
    assert "  ask the provider: Is it so?" in guess.lines()
    says = summary([young, old, guess])
    assert says.startswith("3 facts, 1 of them assumed; the sources of 1 ")


def test_the_oldest_fact_of_a_provider_comes_first() -> None:
    for provider in PROVIDERS:
        found = known_facts([provider], READ)
        dates = [one.fact.checked for one in found]
        assert dates == sorted(dates)


def test_the_command_lists_assumptions_and_as_json_every_fact(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(("doctor", "--facts")) == 0
    shown = capsys.readouterr().out
    known = [fact for one in PROVIDERS for fact in one.facts]
    questions = [fact for fact in known if fact.certainty is Certainty.ASSUMED]
    for fact in questions:
        assert f"assumed: {fact.says}.\n" in shown
        assert f"  ask the provider: {fact.ask}\n" in shown
    assert f"{len(known)} facts, {len(questions)} of them assumed" in shown
    assert main(("doctor", "--facts", "--json")) == 0
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["says"] for one in documents] == [
        one.fact.says for one in known_facts(PROVIDERS, READ)
    ]
    assert {one["provider"] for one in documents} == set(BY_NAME)
