"""Only a provider's words are called its own; a sentence of Rescind's says so."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

import providers
from rescind.dashboard.own_words import is_own, label_of, message_of
from rescind.ledger.states import State
from rescind.provider.outcomes import Reason
from tests.dashboard.said import sample
from tests.dashboard.stage import MEAL, PANEL, Visitor, end

OTHER = "01a22cef-2cec-7000-8000-000000000001"
GIVEN_UP = (State.FAILED, Reason.UNRESOLVED)
OWN = "What Rescind found in the provider"
THEIRS = "The provider&#39;s own words"


def own_findings() -> Iterator[str]:
    """The messages of all findings of our providers that are called our own."""
    for module in sorted(Path(*providers.__path__).glob("*.py")):
        for node in ast.walk(ast.parse(module.read_text())):
            given = node.keywords if isinstance(node, ast.Call) else []
            named = {one.arg: one.value for one in given}
            if "own" in named:
                text = sample(named["message"])
                assert text is not None, f"{module.name} composes a message of ours"
                yield text


def test_every_sentence_of_ours_about_a_reply_is_recognised() -> None:
    found = set(own_findings())
    assert "not among the current orders" in found
    assert {one for one in found if not is_own(one)} == set()


@pytest.mark.parametrize(
    "words",
    [
        *("waits for the courier", "cancelled by seller", "cancelled by 01a22cef"),
        *("no reason", "sipari\u015f bulunamad\u0131", "", "HTTP 429, wait 3 s"),
    ],
)
def test_words_of_a_provider_are_its_own(words: str) -> None:
    for state in State:
        record = {"state": state, "key": "k", "attempts": 1, "provider_message": words}
        assert label_of(record) == "The provider's own words"
        assert message_of(record) == words


def test_an_order_that_another_cancellation_cancelled_quotes_no_provider(
    clerk: Visitor, ledger: Engine
) -> None:
    done, said = (State.CANCELLED, Reason.ALREADY_CANCELLED), f"cancelled by {OTHER}"
    one = end(ledger, PANEL, "ord_1", *done, message=said)
    shown = clerk.get(f"/desk/cancellations/{one}").text
    assert "Why nothing was sent" in shown
    assert "another cancellation of the same order has cancelled it" in shown
    assert THEIRS not in shown
    assert "the provider says that it was cancelled before" not in shown
    listed = clerk.get("/desk/cancellations?state=cancelled").text
    assert said not in shown + listed


def test_a_sentence_on_a_reply_has_its_own_label_in_the_readers_language(
    clerk: Visitor, ledger: Engine
) -> None:
    words = "not among the current orders"
    ours = end(ledger, MEAL, "1", *GIVEN_UP, message=words)
    theirs = end(ledger, MEAL, "2", *GIVEN_UP, message="hmm")
    shown = clerk.get(f"/desk/cancellations/{ours}").text
    assert (OWN in shown, THEIRS in shown, words in shown) == (True, False, True)
    shown = clerk.get(f"/desk/cancellations/{theirs}").text
    assert (OWN in shown, THEIRS in shown) == (False, True)
    for page in (f"/desk/cancellations/{ours}", "/desk/cancellations?state=failed"):
        assert words not in clerk.get(page, **{"Accept-Language": "tr"}).text


def test_the_overview_translates_it(operator: Visitor, ledger: Engine) -> None:
    words = "listed without one clear status"
    end(ledger, MEAL, "1", *GIVEN_UP, message=words)
    assert words in operator.get("/").text
    assert words not in operator.get("/", **{"Accept-Language": "tr"}).text
