"""An answer that names another order says nothing of the one that was asked about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, ClassVar

import pytest

from rescind.provider.outcomes import Findings, Order, Outcome, UnreadableReplyError
from rescind.provider.testing.case import Case, json_reply
from rescind.provider.testing.contract import CALLS

LEAST = 4
"""Characters that a part of an order's id must have to be the provider's own id."""
APART = re.compile(r"[^0-9a-z]+")
DIGIT = re.compile(r"[0-9]")
LAST = "0123456789abcdef"
SAYS_NOTHING = (Outcome.UNKNOWN, Outcome.REFUSED)


class OtherOrders:
    """The replies of the case, with another order's id in them."""

    case: ClassVar[Case]

    @pytest.mark.parametrize("call", CALLS)
    def test_an_answer_about_another_order_decides_nothing(self, call: str) -> None:
        for asked, order in _asked(self.case, call):
            for status, document in self.case.answers(call):
                found = names(document, order)
                if not found:
                    continue
                other = _renamed(document, dict(_others(found, document, asked)))
                try:
                    reply = json_reply(other, status)
                    parsed = self.case.parser(call)(asked, reply)
                except UnreadableReplyError:
                    continue
                if isinstance(parsed, Findings):
                    finding = parsed.of(order.id)
                    decided = finding.outcome not in SAYS_NOTHING or finding.reason
                    assert not decided, (
                        f"{order.id}: the answer to a {call} names another order, and"
                        f" was read as {finding.outcome}: {other}"
                    )


def _asked(case: Case, call: str) -> Iterator[tuple[Sequence[Order], Order]]:
    """The orders of a call, with each one of them; and each one in a call of its
    own."""
    sets = [*case.every_asked, *([case.read_together] if call == "read" else [])]
    for asked in sets:
        for order in asked:
            yield [order], order
            if len(asked) > 1:
                yield asked, order


def names(document: Any, order: Order) -> set[str]:
    """The texts, numbers and names in ``document`` that are the order's id, or the part
    of it that is the provider's own: the digits of ``awb:788830567028``."""
    whole = order.id.lower()
    parts = {
        one for one in APART.split(whole) if len(one) >= LEAST and DIGIT.search(one)
    }
    return {text for text in _texts(document) if text.lower() in parts | {whole}}


def _texts(document: Any) -> Iterator[str]:
    if isinstance(document, dict):
        for name, value in document.items():
            yield name
            yield from _texts(value)
    elif isinstance(document, list):
        for one in document:
            yield from _texts(one)
    elif isinstance(document, str) or type(document) is int:
        yield str(document)


def _others(
    found: set[str], document: Any, asked: Sequence[Order]
) -> Iterator[tuple[str, str]]:
    """Each of the ids, with a similar one that nothing in the call has."""
    used = " ".join((*_texts(document), *(one.id for one in asked))).lower()
    # The last one counts, so that a number stays one.
    for text, last in product(sorted(found), reversed(LAST)):
        other = text[:-1] + last
        if other.lower() not in used:
            yield text, other


def _renamed(document: Any, others: dict[str, str]) -> Any:
    if isinstance(document, dict):
        pairs = document.items()
        return {others.get(name, name): _renamed(v, others) for name, v in pairs}
    if isinstance(document, list):
        return [_renamed(one, others) for one in document]
    other = others.get(str(document))
    if other is None or isinstance(document, bool):
        return document
    return int(other) if type(document) is int and other.isdigit() else other
