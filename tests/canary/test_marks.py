"""The search finds a mark in any encoding."""

from __future__ import annotations

import base64
import html
import json
import urllib.parse

import pytest

from tests.canary.marks import AWKWARD, IBAN, MARKS, PREFIX, SPACED, found_in, marked


@pytest.mark.parametrize("mark", [*MARKS, marked("app"), AWKWARD, SPACED, PREFIX])
@pytest.mark.parametrize(
    "spell",
    [
        str,
        str.upper,
        json.dumps,
        lambda text: json.dumps(json.dumps(text)),
        lambda text: json.dumps(text, ensure_ascii=False),
        repr,
        html.escape,
        urllib.parse.quote,
        urllib.parse.quote_plus,
        lambda text: str(text.encode()),
        lambda text: text.encode().hex(),
        lambda text: base64.b64encode(f"a{text}".encode()).decode(),
        lambda text: base64.b64encode(f"ab{text}c".encode()).decode(),
        lambda text: base64.urlsafe_b64encode(f"abc{text}de".encode()).decode(),
    ],
)
def test_a_mark_is_found_however_it_is_spelt(mark: str, spell: object) -> None:
    planted = f"before {spell(mark)} after".encode()  # type: ignore[operator]
    assert [one for one, _ in found_in(planted, [mark])] == [mark]


@pytest.mark.parametrize(
    "spelt", [IBAN, SPACED, SPACED.lower(), "TR56-0006-1005-1978-6457-8456-78"]
)
def test_an_iban_is_found_with_spaces_and_without(spelt: str) -> None:
    assert list(found_in(f"x {spelt} y".encode(), [IBAN]))
