"""The page of what providers said and no vocabulary knows."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from rescind.dashboard import unknown_words_page
from rescind.ledger.changes.unknown_words import Words, count_words
from rescind.ledger.storage.transactions import writing
from tests.dashboard.stage import Visitor

FROZEN = Words("cancel", "400", "order # is <frozen>", "01a2")


def met(ledger: Engine, *words: Words) -> None:
    with writing(ledger) as connection:
        count_words(connection, [("notpanel", one) for one in words], 1_000)


def test_words_are_listed_with_how_often_and_an_example(
    ledger: Engine, reader: Visitor
) -> None:
    page = reader.get("/desk/words").text
    assert "There are none" in page
    met(ledger, FROZEN, FROZEN, Words("read", "545", None, "01a3"))
    page = reader.get("/desk/words").text
    assert page.index("order # is &lt;frozen&gt;") < page.index("545")
    assert "/desk/cancellations/01a2" in page
    assert "reading" in page
    assert "most frequent are here" not in page


def test_the_page_says_that_there_are_more(
    ledger: Engine, reader: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unknown_words_page, "SHOWN", 1)
    met(ledger, FROZEN, FROZEN, Words("read", "545", None, "01a3"))
    page = reader.get("/desk/words").text
    assert "order # is" in page
    assert "545" not in page
    assert "Only the 1 most frequent are here" in page
