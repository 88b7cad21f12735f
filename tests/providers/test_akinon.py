from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import parse as parse_rate
from pydantic import ValidationError

from providers.akinon import Akinon, AkinonAccount
from rescind.provider.http_messages import Reply
from rescind.provider.interface import Token
from rescind.provider.outcomes import (
    Finding,
    Findings,
    Held,
    InvalidRequestError,
    Order,
    Outcome,
    Parsed,
    Reason,
    TokenRefused,
    UnreadableReplyError,
)
from rescind.provider.validation_errors import explain

WHOLE = Order("7", {"is_all": True, "reasons": {"101": 2, "102": 2}})
SOME = Order("7", {"cancel_items": [101, 102], "reasons": {"101": 2, "102": 3}})
SHORT = Order("7", {**WHOLE.params, "return_details": False})
IBAN = "TR33 0006 1005 1978 6457 8413 26"
NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
AKINON = Akinon()
SHOP = {"base_url": "https://shop.example", "username": "robot", "password": "s3cr3t"}
ACCOUNT = AkinonAccount.model_validate(SHOP)


def reply(status: int, document: object) -> Reply:
    return Reply(status, {}, json.dumps(document).encode())


def finding(parsed: Parsed, order: Order) -> Finding:
    assert isinstance(parsed, Findings)
    return parsed.of(order.id)


def cancel(answer: Reply, order: Order = WHOLE) -> Finding:
    return finding(AKINON.parse_cancel([order], answer), order)


def read(answer: Reply, order: Order = WHOLE) -> Finding:
    return finding(AKINON.parse_read([order], answer), order)


def items(*statuses: object, first: int = 101) -> list[dict[str, object]]:
    return [{"id": first + n, "status": status} for n, status in enumerate(statuses)]


# --- what is sent -----------------------------------------------------------------


def test_a_whole_cancel_equals_the_official_clients() -> None:
    request = AKINON.build_cancel(ACCOUNT, "t0ken", [WHOLE])
    assert request.method == "POST"
    assert request.url == "https://shop.example/api/i1/orders/7/cancel/"
    assert request.headers["Authorization"] == "Token t0ken"
    assert request.headers["Content-Type"] == "application/json"
    assert request.body == (
        b'{"order":7,"is_all":true,"cancel_items":[],'
        b'"reasons":{"101":2,"102":2},"forced_refund_amount":null}'
    )


def test_a_partial_cancel_equals_the_official_clients() -> None:
    params = AKINON.check_params({"cancel_items": ["101"], "reasons": {"101": 2}})
    request = AKINON.build_cancel(ACCOUNT, "t0ken", [Order("7", params)])
    assert request.body == (
        b'{"order":7,"is_all":false,"cancel_items":[101],'
        b'"reasons":{"101":2},"forced_refund_amount":null}'
    )


def test_optional_params_are_sent_only_when_they_are_given() -> None:
    more = {
        "is_cargo_refund": True,
        "refund_invoice_number": "INV-1",
        "ibans": {"101": IBAN},
        "holder_names": {"101": "Ayşe Öz"},
        "return_details": False,
    }
    given_params = {**WHOLE.params, "forced_refund_amount": "12.50", **more}
    params = AKINON.check_params(given_params)
    body = json.loads(AKINON.build_cancel(ACCOUNT, "t", [Order("7", params)]).body)
    assert body == {
        "order": 7,
        "is_all": True,
        "cancel_items": [],
        "reasons": {"101": 2, "102": 2},
        "forced_refund_amount": "12.50",
        **more,
    }


def test_an_order_is_read_by_its_own_address() -> None:
    request = AKINON.build_read(ACCOUNT, "t0ken", [WHOLE])
    assert (request.method, request.body) == ("GET", b"")
    assert request.url == "https://shop.example/api/i1/orders/7/"
    assert request.headers["Authorization"] == "Token t0ken"


def test_the_path_prefix_is_configurable() -> None:
    account = AkinonAccount.model_validate({**SHOP, "api_prefix": "/api/v1/"})
    request = AKINON.build_cancel(account, "t", [WHOLE])
    assert request.url == "https://shop.example/api/v1/orders/7/cancel/"


def test_a_login_sends_the_credentials_and_no_token() -> None:
    request = AKINON.build_login(ACCOUNT)
    assert request.method == "POST"
    assert request.url == "https://shop.example/api/i1/auth/login/"
    assert request.body == b'{"username":"robot","password":"s3cr3t"}'
    assert "Authorization" not in request.headers


def test_the_probe_asks_for_an_order_that_does_not_exist() -> None:
    request = AKINON.build_probe(ACCOUNT, "t0ken")
    assert request is not None
    assert (request.method, request.url[-10:]) == ("GET", "/orders/0/")
    assert isinstance(AKINON.parse_probe(reply(404, {"detail": "x"})), Findings)
    assert isinstance(AKINON.parse_probe(reply(401, {})), TokenRefused)
    assert isinstance(AKINON.parse_probe(reply(403, {})), Held)


def test_its_rates_can_be_parsed() -> None:
    assert parse_rate(AKINON.policy.rate).amount == 5
    assert not AKINON.policy.repeatable
    assert not AKINON.policy.refusal_is_final


# --- what a cancel's reply means --------------------------------------------------

DONE = Finding(Outcome.CANCELLED, Reason.CONFIRMED, "100")


@pytest.mark.parametrize("status", [100, "100", {"value": "100"}, {"code": 100}])
def test_a_200_with_the_order_at_100_is_cancelled(status: object) -> None:
    assert cancel(reply(200, {"pk": 7, "status": status})) == DONE


@pytest.mark.parametrize("name", ["orderitem_set", "order_items", "items"])
def test_without_an_order_status_all_items_at_100_mean_cancelled(
    name: str,
) -> None:
    assert cancel(reply(200, {"id": 7, name: items(100, "100")})) == DONE


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"status": 50},
        {"status": 400},
        {"status": 550},
        {"status": "cancelled"},
        {"items": items(100, 50)},
        {"items": items(100, None)},
        {"items": []},
        {"status": 400, "items": items(100, 100)},
    ],
)
def test_any_other_200_is_requested_and_not_final(document: object) -> None:
    said = cancel(reply(200, document))
    assert (said.outcome, said.reason) == (Outcome.REQUESTED, None)


@pytest.mark.parametrize("status", [100, 50, 400])
def test_a_200_about_another_order_says_nothing(status: int) -> None:
    said = cancel(reply(200, {"status": status, "id": 8}))
    assert (said.outcome, said.reason) == (Outcome.UNKNOWN, None)


def test_named_items_are_cancelled_when_each_is_at_100() -> None:
    rows = [*items("100", 100), {"id": 103, "status": 550}]
    assert cancel(reply(200, {"status": 550, "items": rows}), SOME) == DONE


@pytest.mark.parametrize(
    "document",
    [
        {"status": 100},
        {"status": 100, "items": items(100)},
        {"status": 100, "items": items(100, 400)},
        {"items": [*items(100), {"id": 109, "status": 100}]},
    ],
)
def test_other_items_do_not_cancel_the_named_ones(document: object) -> None:
    assert cancel(reply(200, document), SOME).outcome is Outcome.REQUESTED


@pytest.mark.parametrize("document", [{"status": 100}, {"id": 7}, [], "ok", None])
def test_a_short_answer_means_only_requested(document: object) -> None:
    assert cancel(reply(200, document), SHORT) == Finding(Outcome.REQUESTED)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"ok"', b"\xff"])
def test_a_200_without_an_order_is_unreadable(body: bytes) -> None:
    with pytest.raises(UnreadableReplyError):
        AKINON.parse_cancel([WHOLE], Reply(200, {}, body))


@pytest.mark.parametrize(
    ("status", "document", "reason"),
    [
        (404, {"detail": "Not found."}, Reason.NOT_FOUND),
        (400, {"reasons": ["This field is required."]}, Reason.INVALID_REQUEST),
        (
            400,
            {"detail": "Order can't be cancelled in this status."},
            Reason.WINDOW_CLOSED,
        ),
        (400, {"non_field_errors": ["Order is SHIPPED"]}, Reason.WINDOW_CLOSED),
        (400, {"detail": "Sipariş iptal edilemez"}, Reason.WINDOW_CLOSED),
        (400, {"detail": "The order was delivered."}, Reason.ALREADY_COMPLETED),
        (400, {"detail": "SİPARİŞ TESLİM EDİLDİ"}, Reason.ALREADY_COMPLETED),
        (400, {"detail": "No."}, Reason.REFUSED),
        (405, {"detail": "Method not allowed."}, Reason.REFUSED),
        (400, ["No."], Reason.REFUSED),
        (400, {"detail": "Order was not delivered."}, Reason.REFUSED),
        (400, {"detail": "Only shipped orders."}, Reason.REFUSED),
    ],
)
def test_a_refusals_reason_comes_from_its_words(
    status: int, document: object, reason: Reason
) -> None:
    said = cancel(reply(status, document))
    assert (said.outcome, said.reason) == (Outcome.REFUSED, reason)


@pytest.mark.parametrize(
    "words",
    [
        "Order already cancelled!",
        "ORDER HAS ALREADY BEEN CANCELED",
        "Order cancellation already in progress.",
        "There is a cancellation request waiting.",
        "Sipariş zaten İPTAL EDİLMİŞ",
        "İptal talebi zaten var",
    ],
)
def test_a_refusal_that_names_a_cancellation_decides_nothing(words: str) -> None:
    said = cancel(reply(400, {"detail": words, "code": "order_1"}))
    already = Reason.ALREADY_CANCELLED
    assert said == Finding(Outcome.REFUSED, already, "order_1", words)


def test_the_words_of_each_field_are_kept_with_the_code() -> None:
    document = {
        "reasons": {"101": ["Unknown reason."]},
        "non_field_errors": ["No.", "Never."],
        "code": "order_9",
        "extra": None,
    }
    said = cancel(reply(400, document))
    assert said.code == "order_9"
    assert said.message == "reasons: Unknown reason.; No. Never."


def test_sealed_values_are_masked_in_the_words() -> None:
    names = {"ibans": {"101": IBAN}, "holder_names": {"101": "Ayşe Öz"}}
    order = Order("7", {**WHOLE.params, **names})
    bare = IBAN.replace(" ", "")
    long = "x" * 490 + f" {IBAN} {bare} DE89370400440532013000 of AYŞE ÖZ"
    for document in ({"ibans": [long]}, {"detail": long, "code": IBAN}, [long]):
        said = str(cancel(reply(400, document), order))
        assert "TR33" not in said
        assert "DE89" not in said
        assert "AYŞE" not in said


# --- what a reading of the order means --------------------------------------------


@pytest.mark.parametrize(
    ("status", "outcome", "reason"),
    [
        (50, Outcome.REQUESTED, None),
        (100, Outcome.CANCELLED, Reason.CONFIRMED),
        (200, Outcome.ACTIVE, None),
        (300, Outcome.ACTIVE, None),
        (350, Outcome.ACTIVE, None),
        ("400", Outcome.ACTIVE, None),
        (450, Outcome.ACTIVE, None),
        (500, Outcome.REFUSED, Reason.WINDOW_CLOSED),
        (510, Outcome.REFUSED, Reason.WINDOW_CLOSED),
        (520, Outcome.REFUSED, Reason.WINDOW_CLOSED),
        (540, Outcome.REFUSED, Reason.WINDOW_CLOSED),
        (544, Outcome.UNKNOWN, None),
        (545, Outcome.UNKNOWN, None),
        (550, Outcome.REFUSED, Reason.ALREADY_COMPLETED),
        (600, Outcome.UNKNOWN, None),
        (0, Outcome.UNKNOWN, None),
        ("canceled", Outcome.UNKNOWN, None),
        (True, Outcome.UNKNOWN, None),
    ],
)
def test_the_status_decides_the_outcome_of_an_order_and_of_items(
    status: object, outcome: Outcome, reason: Reason | None
) -> None:
    whole = read(reply(200, {"id": 7, "status": status}))
    some = read(reply(200, {"id": 7, "items": items(status, status)}), SOME)
    for said in (whole, some):
        assert (said.outcome, said.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("statuses", "outcome", "reason", "code"),
    [
        ((100, 50), Outcome.REQUESTED, None, "50,100"),
        ((100, 400), Outcome.UNKNOWN, None, "100,400"),
        ((50, 400), Outcome.UNKNOWN, None, "50,400"),
        ((100, 550), Outcome.UNKNOWN, None, "100,550"),
        ((400, 500), Outcome.UNKNOWN, None, "400,500"),
        ((100, 999), Outcome.UNKNOWN, None, "100,999"),
        ((100, None), Outcome.UNKNOWN, None, "100"),
        ((200, 450), Outcome.ACTIVE, None, "200,450"),
        ((500, 550), Outcome.REFUSED, Reason.WINDOW_CLOSED, "500,550"),
    ],
)
def test_items_with_different_statuses_are_not_cancelled(
    statuses: tuple[object, ...],
    outcome: Outcome,
    reason: Reason | None,
    code: str,
) -> None:
    said = read(reply(200, {"status": 100, "items": items(*statuses)}), SOME)
    assert said == Finding(outcome, reason, code)


def test_a_reply_about_another_order_says_nothing() -> None:
    said = read(reply(200, {"id": 8, "status": 100}))
    assert said.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("ids", [{"pk": "7"}, {"id": 7}, {"pk": 7, "id": 9}, {}])
def test_an_order_may_be_named_in_several_ways(ids: dict[str, object]) -> None:
    assert read(reply(200, {**ids, "status": 100})) == DONE


def test_a_404_means_no_such_order() -> None:
    said = read(reply(404, {"detail": "Not found."}))
    assert said == Finding(Outcome.GONE, None, "404", "Not found.")


def test_a_404_web_page_is_not_the_providers_answer() -> None:
    with pytest.raises(UnreadableReplyError):
        read(Reply(404, {}, b"<html>Not Found</html>"))


def test_another_refused_reading_says_nothing_of_the_order() -> None:
    said = read(reply(400, {"detail": "Order already cancelled!"}))
    assert said.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("parse", [AKINON.parse_cancel, AKINON.parse_read])
def test_a_401_is_the_tokens_fault_and_a_403_the_accounts(parse: Any) -> None:
    assert isinstance(parse([WHOLE], Reply(401, {}, b"<html>")), TokenRefused)
    assert isinstance(parse([WHOLE], Reply(403, {}, b"<html>")), Held)


# --- logging in -------------------------------------------------------------------


def test_a_login_returns_a_token_without_an_expiry() -> None:
    token = AKINON.parse_login(reply(200, {"key": "t0ken"}), NOW)
    assert token == Token("t0ken", None)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refused_login_holds_the_lane(status: int) -> None:
    for body in (b'{"non_field_errors": ["no"]}', b""):
        held = AKINON.parse_login(Reply(status, {}, body), NOW)
        assert isinstance(held, Held)
        assert "password" in held.why


@pytest.mark.parametrize("key", [None, "", 7, "two words", "line\nbreak", "ş"])
def test_a_login_without_a_valid_key_is_unreadable(key: object) -> None:
    with pytest.raises(UnreadableReplyError):
        AKINON.parse_login(reply(200, {"key": key}), NOW)


# --- orders, params and accounts --------------------------------------------------


@pytest.mark.parametrize("order", ["", "0", "007", "-7", "A7", "7/", 7.0, None, True])
def test_an_invalid_order_id_is_refused_in_a_sentence(order: object) -> None:
    with pytest.raises(InvalidRequestError, match="not its order number"):
        AKINON.check_order(order)


def test_an_order_may_be_a_number() -> None:
    assert AKINON.check_order(7) == "7"


def test_the_order_of_items_does_not_make_another_cancellation() -> None:
    assert AKINON.default_key("7", WHOLE.params) == "7"
    assert AKINON.default_key("7", {"cancel_items": [1002, 101]}) == "7:101,1002"
    assert AKINON.default_key("7", {"is_all": True, "cancel_items": []}) == "7"


def test_checked_params_can_be_checked_again() -> None:
    given_params = {
        "cancel_items": ["0102", 101],
        "reasons": {101: 2, "102": 0},
        "holder_names": {"101": "Ayşe Öz"},
    }
    checked = AKINON.check_params(given_params)
    assert checked == {
        "cancel_items": [102, 101],
        "reasons": {"101": 2, "102": 0},
        "holder_names": {"101": "Ayşe Öz"},
    }
    assert AKINON.check_params(json.loads(json.dumps(checked))) == checked


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"is_all": True}, "reasons is required"),
    ({"reasons": {"1": 2}}, "is_all must be true, or cancel_items"),
    ({"is_all": False, "cancel_items": [], "reasons": {"1": 2}}, "cancel_items"),
    ({"is_all": True, "cancel_items": [1], "reasons": {"1": 2}}, "cancel_items"),
    ({"is_all": "yes", "reasons": {"1": 2}}, "is_all must be true or false"),
    ({"cancel_items": {"1": 1}, "reasons": {"1": 2}}, "cancel_items: must name"),
    ({"cancel_items": ["A77"], "reasons": {"1": 2}}, "cancel_items: must name"),
    ({"cancel_items": [True], "reasons": {"1": 2}}, "cancel_items: must name"),
    ({"cancel_items": [1, "1"], "reasons": {"1": 2}}, "cancel_items: .* twice"),
    ({"cancel_items": [1, 2], "reasons": {"1": 2}}, "reasons must name the items"),
    ({"cancel_items": [1], "reasons": {"1": 2, "2": 2}}, "reasons must name"),
    ({"is_all": True, "reasons": {}}, "reasons: must map"),
    ({"is_all": True, "reasons": [2]}, "reasons: must map"),
    ({"is_all": True, "reasons": {"1": 2, "01": 2}}, "reasons: .* twice"),
    ({"is_all": True, "reasons": {"1": "2"}}, "reasons.1 must be a whole number"),
    ({"is_all": True, "reasons": {"1": -2}}, "reasons.1 must be at least 0"),
    ({"forced_refund_amount": 12.5}, "forced_refund_amount must be a text"),
    ({"forced_refund_amount": "A77"}, "forced_refund_amount: must be an amount"),
    ({"is_cargo_refund": 1}, "is_cargo_refund must be true or false"),
    ({"refund_invoice_number": ""}, "refund_invoice_number: .* at least 1"),
    ({"refund_invoice_number": "\ud800A77"}, "refund_invoice_number: "),
    ({"ibans": {"A77": "1"}}, "ibans: must name"),
    ({"ibans": {"1": ["A77"]}}, "ibans.1 must be a text"),
    ({"ibans": {"1": "A77" * 99}}, "ibans.1: .* at most 255"),
    ({"ibans": "A77"}, "ibans: must map"),
    ({"holder_names": {"A77": 1}}, "holder_names: must name"),
    ({"holder_names": {"1": ""}}, "holder_names.1: .* at least 1"),
    ({"return_details": "no"}, "return_details must be true or false"),
    ({"note": "A77"}, "note is not known here"),
]


@pytest.mark.parametrize(("params", "sentence"), WRONG)
def test_wrong_params_are_refused_without_showing_them(
    params: dict[str, Any], sentence: str
) -> None:
    named = {"is_all", "cancel_items", "reasons"} & set(params)
    with pytest.raises(InvalidRequestError, match=f"^params: .*{sentence}") as raised:
        AKINON.check_params(params if named else {**WHOLE.params, **params})
    assert "A77" not in str(raised.value)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"base_url": None}, "base_url"),
        ({"base_url": "http://shop.example"}, "base_url is plain http"),
        ({"api_prefix": "api"}, "api_prefix: must be a path"),
        ({"api_prefix": "/api/../x?y"}, "api_prefix: must be a path"),
        ({"password": None}, "username and password are required"),
        ({"password": ""}, "password: "),
        ({"username": ""}, "username: "),
        ({"token": "hunter22"}, "set either token"),
        ({"token": "hunter22 x"}, "token: .* without spaces"),
    ],
)
def test_a_wrong_account_is_refused_in_a_sentence(
    values: dict[str, object], named: str
) -> None:
    with pytest.raises(ValidationError) as raised:
        AkinonAccount.model_validate({**SHOP, **values})
    sentence = explain(raised.value)
    assert re.search(named, sentence)
    for secret in ("hunter22", "s3cr3t"):
        assert secret not in sentence + str(raised.value)


def test_the_shops_host_is_required() -> None:
    with pytest.raises(ValidationError) as raised:
        AkinonAccount.model_validate({"token": "hunter22"})
    assert explain(raised.value) == "base_url is required"


def test_a_static_token_needs_no_login() -> None:
    values = {"base_url": "https://shop.example", "token": "hunter22"}
    account = AkinonAccount.model_validate(values)
    assert AKINON.static_token(account) == "hunter22"
    assert AKINON.static_token(ACCOUNT) is None
    assert account.secrets() == ("hunter22",)
    assert "hunter22" not in repr(account)


def test_no_secret_or_sealed_value_is_shown() -> None:
    params = {**WHOLE.params, "ibans": {"101": IBAN}}
    request = AKINON.build_cancel(ACCOUNT, None, [Order("7", params)])
    shown = repr([ACCOUNT, request, AKINON.build_login(ACCOUNT), Token("hunter22")])
    for secret in ("s3cr3t", "hunter22", IBAN):
        assert secret not in shown
    assert AKINON.sealed_params == {"ibans", "holder_names"}


# --- any reply --------------------------------------------------------------------

STATUSES = st.sampled_from([200, 201, 202, 204, 300, 400, 401, 403, 404, 409, 422])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(
    SCALARS | st.sampled_from([100, "100", 50, IBAN]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
CODES = st.sampled_from([100, "100", 50, 400, 550]) | JSON
ROWS = st.fixed_dictionaries(
    {"id": st.sampled_from([101, 102, "101", 103]), "status": CODES}
)
LIKELY = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from([7, "7"]) | JSON,
        "status": CODES,
        "items": st.lists(ROWS) | JSON,
        "detail": JSON,
        "code": JSON,
    },
)
ORDERS = st.sampled_from([WHOLE, SOME, SHORT])


def proves_cancelled(order: Order, status: int, document: Any) -> bool:
    """The evidence, computed in another way than the code does."""
    if not 200 <= status < 300 or not isinstance(document, dict):
        return False
    listed = document.get("items")
    listed = listed if isinstance(listed, list) else []
    rows = [row for row in listed if isinstance(row, dict)]
    at = [(str(row.get("id")), "100" in json.dumps(row.get("status"))) for row in rows]
    if "cancel_items" in order.params:
        named = {"101", "102"}
        return {i for i, _ in at} >= named and all(is_ for i, is_ in at if i in named)
    if document.get("status") is not None:
        return "100" in json.dumps(document["status"])
    return bool(at) and all(is_ for _, is_ in at)


@given(ORDERS, STATUSES, st.binary())
def test_any_bytes_are_read_or_unreadable(
    order: Order, status: int, body: bytes
) -> None:
    for parse in (AKINON.parse_cancel, AKINON.parse_read):
        try:
            parsed = parse([order], Reply(status, {}, body))
        except UnreadableReplyError:
            continue
        if isinstance(parsed, Findings):
            assert parsed.of("7").outcome is not Outcome.CANCELLED


@given(ORDERS, STATUSES, JSON | LIKELY)
def test_no_json_means_cancelled_without_evidence(
    order: Order, status: int, document: Any
) -> None:
    for parse in (AKINON.parse_cancel, AKINON.parse_read):
        try:
            parsed = parse([order], reply(status, document))
        except UnreadableReplyError:
            continue
        if isinstance(parsed, Findings) and parsed.of("7").outcome is Outcome.CANCELLED:
            assert proves_cancelled(order, status, document)
            assert order is not SHORT or parse == AKINON.parse_read


@given(STATUSES, st.binary() | (JSON | LIKELY).map(lambda d: json.dumps(d).encode()))
def test_any_login_reply_is_a_token_a_hold_or_unreadable(
    status: int, body: bytes
) -> None:
    try:
        AKINON.parse_login(Reply(status, {}, body), NOW)
    except UnreadableReplyError:
        return


ALL_ITEMS, ONE_ITEM, TWO_ITEMS, ANOTHER = (
    {"is_all": True},
    {"cancel_items": [1]},
    {"cancel_items": [1, 2]},
    {"cancel_items": [3]},
)


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        (ALL_ITEMS, ONE_ITEM, True),
        (ONE_ITEM, ALL_ITEMS, True),
        (ONE_ITEM, TWO_ITEMS, True),
        (ONE_ITEM, ANOTHER, False),
    ],
)
def test_partial_cancellations_wait_for_each_other_if_they_share_an_item(
    one: dict[str, Any], other: dict[str, Any], overlap: bool
) -> None:
    assert Akinon().overlap(one, other) is overlap


@pytest.mark.parametrize(
    ("done", "wanted", "covers"),
    [
        (ALL_ITEMS, ONE_ITEM, True),
        (ALL_ITEMS, ALL_ITEMS, True),
        (TWO_ITEMS, ONE_ITEM, True),
        (ONE_ITEM, ONE_ITEM, True),
        (ONE_ITEM, TWO_ITEMS, False),
        (ONE_ITEM, ALL_ITEMS, False),
    ],
)
def test_a_partial_cancellation_covers_another_if_it_has_all_its_items(
    done: dict[str, Any], wanted: dict[str, Any], covers: bool
) -> None:
    assert Akinon().covers(done, wanted) is covers
