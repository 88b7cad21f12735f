"""State and reason are one plain phrase, for each pair, in each language."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import pytest

from rescind.dashboard.formatting import plain
from rescind.dashboard.reason_phrases import (
    PHRASES,
    because,
    outcome,
    reasons_by_state,
)
from rescind.dashboard.translation import LANGUAGES, speak
from rescind.ledger.conditions import ENDS
from rescind.ledger.states import State
from rescind.provider.outcomes import Reason


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    speak(None, "")


def test_every_end_has_a_phrase_of_its_own() -> None:
    assert {state: set(phrases) for state, phrases in PHRASES.items()} == {
        state: set(reasons) for state, reasons in ENDS.items()
    }
    words = [words for phrases in PHRASES.values() for words in phrases.values()]
    assert len(set(words)) == len(words)


def test_no_reason_is_missing() -> None:
    assert [one for one, _words in reasons_by_state()] == [
        reason for reasons in ENDS.values() for reason in reasons
    ]
    assert {one for one, _words in reasons_by_state()} == set(Reason)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("state", "reason"), list(product(State, Reason)))
def test_no_pair_is_shown_as_two_bare_words(
    language: str, state: State, reason: Reason
) -> None:
    speak(language, "")
    said = because(state, reason)
    assert said != plain(reason)
    assert len(said.split()) > 1
    assert outcome(state, reason) == f"{plain(state)}: {said}"


def test_a_later_versions_reason_is_shown_as_it_is() -> None:
    assert outcome("failed", "a_newer_word") == "failed: a newer word"
    assert outcome("a_newer_state", "refused").endswith(": the provider refused")
