"""A provider's words never show a secret, in any spelling and cut at any place."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescind.provider.http_messages import Reply, Request
from rescind.provider.masking import mask, masked_body

IBAN = "TR560006100519786457841326"
SPACED = "TR56 0006 1005 1978 6457 8413 26"
HOLDER = "Işıl İğneci-Öztürk"


@pytest.mark.parametrize("sent", [IBAN, SPACED])
@pytest.mark.parametrize(
    "quoted",
    [
        IBAN,
        SPACED,
        IBAN.lower(),
        SPACED.lower(),
        "TR56-0006-1005-1978-6457-8413-26",
        "TR56\u00a00006\u00a01005\u00a01978\u00a06457\u00a08413\u00a026",
        "TR56 0006100519786457841326",
    ],
)
def test_an_iban_is_masked_in_any_grouping(sent: str, quoted: str) -> None:
    assert mask(f"IBAN {quoted} is wrong", (sent,)) == "IBAN *** is wrong"


@pytest.mark.parametrize(
    "quoted", [HOLDER, "IŞIL İĞNECİ-ÖZTÜRK", "ışıl iğneci-öztürk", HOLDER.upper()]
)
def test_a_name_is_masked_in_capitals_and_small_letters(quoted: str) -> None:
    assert mask(f"no {quoted}!", (HOLDER,)) == "no ***!"


@given(st.sampled_from([IBAN, SPACED]), st.integers(min_value=4, max_value=31))
def test_a_secret_cut_off_in_the_middle_is_masked(quoted: str, size: int) -> None:
    assert mask(f"no: {quoted[:size].rstrip()}", (IBAN,)) == "no: ***"


@pytest.mark.parametrize("quoted", ["Işıl İğn", "IŞIL İĞN", "ışıl iğn"])
def test_a_name_cut_off_in_the_middle_is_masked_in_capitals_too(quoted: str) -> None:
    assert mask(f"no {quoted}", (HOLDER,)) == "no ***"


@given(st.characters(categories=["L"]), st.text(alphabet=" -\t", max_size=3))
def test_a_secret_is_masked_in_any_case(letter: str, between: str) -> None:
    secret = f"ab{letter}cd{letter}ef"
    for other in {letter.upper(), letter.lower(), letter.title(), letter.swapcase()}:
        quoted = f"AB{between}{other}Cd{other}{between}EF"
        if re.fullmatch(re.escape(secret), quoted.replace(between, ""), re.IGNORECASE):
            assert mask(f"<{quoted}>", (secret,)) == "<***>"


@pytest.mark.parametrize("secret", ["", " ", "    ", "abc"])
def test_a_very_short_secret_masks_nothing(secret: str) -> None:
    assert mask("a word, abc", (secret,)) == "a word, abc"


# --- members that a provider does not keep --------------------------------------------

ASKED = Request(
    "GET", "https://x.example/orders/AWB123456", keeps=frozenset({"status", "data"})
)
NAMES = st.sampled_from(["status", "data", "name", "AWB123456", "address"])
DOCUMENTS = st.recursive(
    st.just("Ann"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner),
    max_leaves=8,
)


def shown(document: Any, allowed: bool = True) -> bool:
    """Whether ``document`` has a text in members that may be kept alone."""
    if isinstance(document, dict):
        may = {"status", "data", "AWB123456"}
        return any(
            shown(value, allowed and name in may) for name, value in document.items()
        )
    if isinstance(document, list):
        return any(shown(value, allowed) for value in document)
    return allowed


@given(DOCUMENTS)
def test_only_the_members_that_a_provider_names_are_kept(document: Any) -> None:
    kept = masked_body(ASKED, Reply(200, {}, json.dumps(document).encode()), ())
    assert ("Ann" in kept) is shown(document)


@pytest.mark.parametrize(
    "body", [b'{"status": "Ann"', b'[{"name": "Ann"}, ', b'{"\xff']
)
def test_of_json_that_is_cut_off_nothing_is_kept(body: bytes) -> None:
    assert masked_body(ASKED, Reply(200, {}, body), ()) == ""


def test_a_page_is_kept_as_it_is() -> None:
    page = Reply(502, {}, b"<html>502 Bad Gateway</html>")
    assert masked_body(ASKED, page, ()) == "<html>502 Bad Gateway</html>"
