"""What leaves open what became of an order is counted by the provider's words."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import pytest

from providers.registry import BY_NAME
from rescind.engine.call_results import unknown_words
from rescind.ledger.changes.unknown_words import Words
from rescind.ledger.progress import Claimed, Progress
from rescind.ledger.states import State
from rescind.operations.vocabulary_entry import entry_of
from rescind.provider.evidence import Evidence, Exchange
from rescind.provider.http_messages import Reply
from rescind.provider.outcomes import (
    BatchRefused,
    Finding,
    Findings,
    Order,
    Outcome,
    Reason,
)
from tests.ledger.build import NOW

WORDS = {
    "provider": "notpanel",
    "operation": "cancel",
    "code": "400",
    "message": 'Order # is "frozen" (again)',
    "seen": 3,
    "last_at": "2026-11-30T05:00:00.000Z",
    "example": "01a2",
}


def claimed(*orders: Order) -> list[Claimed]:
    progress = Progress(State.SENDING)
    return [Claimed(f"id of {one.id}", one, 1, NOW, progress) for one in orders]


def met(name: str, document: Any, *orders: Order) -> tuple[Words, ...]:
    parsed = BY_NAME[name].parse_cancel(
        orders, Reply(200, {}, json.dumps(document).encode())
    )
    result = Exchange(Evidence.ANSWERED, parsed, 200, timedelta(0))
    return unknown_words(claimed(*orders), result, "cancel")


def test_each_order_of_a_call_counts_by_its_own_words() -> None:
    rows = [
        {"order": "ord_1", "error": "Order ord_1 is frozen"},
        {"order": "ord_2", "cancel": "ord_2"},
        {"order": "ord_3", "error": "Order not found"},
    ]
    found = met("notpanel", rows, *(Order(f"ord_{n}") for n in range(1, 5)))
    assert found == (Words("cancel", None, "Order # is frozen", "id of ord_1"),)


def test_our_own_sentence_about_a_reply_is_no_word_of_the_provider() -> None:
    document = {"pk": 8, "status": "100", "orderitem_set": []}
    order = Order("7", {"is_all": True, "reasons": {"1": 2}})
    parsed = BY_NAME["akinon"].parse_cancel(
        [order], Reply(200, {}, json.dumps(document).encode())
    )
    assert isinstance(parsed, Findings)
    assert parsed.of("7").message == "the reply is about another order"
    assert met("akinon", document, order) == ()


@pytest.mark.parametrize(
    "parsed",
    [
        Findings({"1": Finding(Outcome.REFUSED, Reason.NOT_FOUND, None, "No such")}),
        Findings({}),
        BatchRefused(Finding(Outcome.REFUSED, None, None, "Bad request")),
        None,
    ],
)
def test_what_is_understood_or_was_not_said_is_not_counted(parsed: Any) -> None:
    result = Exchange(Evidence.ANSWERED, parsed, 200)
    assert unknown_words(claimed(Order("1")), result, "cancel") == ()


def written(**changes: Any) -> Any:
    """The entry's key and finding, as Python reads them."""
    entry = entry_of({**WORDS, **changes}, date(2026, 11, 30))
    names = {"Finding": Finding, "Outcome": Outcome}
    ((key, finding),) = eval(f"{{{entry}\n}}", names).items()
    return key, finding


def test_an_entry_is_python_that_finds_the_words_and_decides_nothing() -> None:
    import re

    key, finding = written()
    assert finding == Finding(Outcome.UNKNOWN)
    assert re.search(key, 'order 4711 is "frozen" (again)')
    assert not re.search(key, "order 4711 is frozen again")
    assert written(message=None, code="545") == (545, finding)
    assert written(message=None, code='a "b"') == ('a "b"', finding)


def test_an_entry_says_where_it_goes_and_how_often_it_was_met() -> None:
    entry = entry_of(WORDS, date(2026, 11, 30))
    assert "# For the vocabulary of providers.notpanel, of a cancel call." in entry
    assert "# Met 3 times, last on 2026-11-30: `rescind show 01a2`," in entry
