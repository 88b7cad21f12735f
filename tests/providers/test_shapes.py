"""No stored body shows text that looks like a customer's number or address."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescind.provider.http import Exchange, exchange
from rescind.provider.http_messages import Reply, Request
from rescind.provider.masking import masked_body
from rescind.provider.personal_data import masked_shapes
from tests.providers.conftest import Wire
from tests.providers.test_http import POLICY, parse, whole

PHONES = [
    "+90 532 123 45 67",
    "+905321234567",
    "00905321234567",
    "05321234567",
    "5321234567",
    "(0532) 123 45 67",
    "0532-123-45-67",
    "0532.123.45.67",
    "+90 (532) 123/45/67",
    "+91 98765 43210",
    "098765-43210",
    "+1 (212) 555-0123 45",
    "+90\u00a0532\u00a0123\u00a045\u00a067",
    "0532&nbsp;123&nbsp;45&nbsp;67",
]
CARDS = ["4111 1111 1111 1111", "4111-1111-1111-1111", "378282246310005"]
IBANS = [
    "TR56 0006 1005 1978 6457 8413 26",
    "TR560006100519786457841326",
    "tr56-0006-1005-1978-6457-8413-26",
    "GB82 WEST 1234 5698 7654 32",
]
MAILS = ["ahmet.yilmaz@example.com", "a+b@x.com.tr", "ahmet%40example.com"]
PERSONAL = [*PHONES, *CARDS, *IBANS, *MAILS]
PLACES = [
    '{{"response":{{"order":{{"message":[{{"number":"{}","status":111}}]}}}}}}',
    '{{"error":"{} is not a customer"}}',
    "<p>{}</p>",
    "to:{};",
    "{}",
    "x\\n{}\\n",
]


def digits(text: str) -> str:
    return re.sub(r"\D", "", text)


@pytest.mark.parametrize("personal", PERSONAL)
@pytest.mark.parametrize("place", PLACES)
def test_text_that_looks_like_personal_data_is_masked(
    personal: str, place: str
) -> None:
    masked = masked_shapes(place.format(personal))
    assert "***" in masked
    assert len(digits(masked)) <= len("111")
    assert "ahmet" not in masked


@pytest.mark.parametrize("personal", PHONES + CARDS + IBANS)
def test_personal_data_is_masked_in_ascii_json_too(personal: str) -> None:
    body = json.dumps({"number": personal}).replace("+", "\\u002b")
    assert digits(masked_shapes(body)) in ("", "002")


@given(st.sampled_from(PHONES + CARDS), st.sampled_from(PLACES[:3]), st.data())
def test_of_a_number_cut_in_the_middle_at_most_five_digits_are_left(
    personal: str, place: str, data: st.DataObject
) -> None:
    text = place.format(personal)
    end = data.draw(st.integers(text.index(personal), len(text)))
    assert len(digits(masked_shapes(text[:end]))) <= max(5, len("111"))


KEPT = [
    '{"sendAt":"2026-04-29 04:32:24","at":"2026-04-29T04:32:24Z"}',
    '{"date":"29.04.2026 04:32"}',
    '{"payment_key":"12345678-1234-4123-8123-123456789012"}',
    "error code: 1020",
    '{"code":455,"total":1,"charge":"1234.50"}',
    "ord_1234567890123",
    "AB12 cancelled, because of this very reason",
]


@pytest.mark.parametrize("text", KEPT)
def test_harmless_text_stays(text: str) -> None:
    assert masked_shapes(text) == text


@pytest.mark.parametrize("order", ["86210010463", "SF1234567890123", "312891245000"])
def test_words_of_the_request_stay(order: str) -> None:
    asked = Request("POST", "https://x", {}, f"orders=1%2C{order}%2C2".encode())
    body = json.dumps({order: {"error": "no", "phone": "05321234567"}}).encode()
    masked = masked_body(asked, Reply(400, {}, body), ())
    assert order in masked
    assert "05321234567" not in masked


@given(st.text(), st.sampled_from(PHONES))
def test_any_text_raises_nothing(text: str, phone: str) -> None:
    assert phone not in masked_shapes(f"{text} {phone}\n")


REPORT = '{"response":{"order":{"message":[{"number":"+905321234567","status'


@pytest.mark.parametrize("status", [200, 400, 429, 500])
def test_a_stored_body_holds_no_phone_number(wire: Wire, status: int) -> None:
    wire.answers(whole(status, REPORT))
    result: Exchange = exchange(Request("POST", wire.url, {}, b"{}"), parse, POLICY)
    assert result.body is not None
    assert "5321234567" not in repr(result)
    assert '"number":"***"' in result.body
