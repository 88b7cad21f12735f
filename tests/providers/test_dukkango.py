from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import parse as parse_rate
from pydantic import ValidationError

from providers.dukkango import Dukkango, DukkangoAccount
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

KEY = "3e9caf87-5cb7-4c4e-adcb-fc2ec54cf24e"
OTHER = "00000000-0000-4000-8000-000000000001"
ORDER = Order(KEY, {"reason_id": 3})
NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
DUKKANGO = Dukkango()
ACCOUNT = DukkangoAccount.model_validate(
    {"app_secret_key": "app-secret", "rest_secret_key": "rest-secret"}
)


def reply(status: int, document: object) -> Reply:
    return Reply(status, {}, json.dumps(document).encode())


def refused(status: int, error: str, message: str | None = None) -> Reply:
    document = {"status": False, "error": error, "message": message}
    return reply(status, {k: v for k, v in document.items() if v is not None})


def finding(parsed: Parsed, order: Order = ORDER) -> Finding:
    assert isinstance(parsed, Findings)
    return parsed.of(order.id)


def cancel(answer: Reply) -> Finding:
    return finding(DUKKANGO.parse_cancel([ORDER], answer))


def read(answer: Reply, order: Order = ORDER) -> Finding:
    return finding(DUKKANGO.parse_read([order], answer), order)


# --- what is sent -----------------------------------------------------------------


def test_a_cancel_is_a_put_with_the_reason_and_the_token() -> None:
    request = DUKKANGO.build_cancel(ACCOUNT, "t0ken", [ORDER])
    assert request.method == "PUT"
    assert request.url == (
        f"https://www.xn--dkkango-n2a.com/api/integrations/orders/cancel/{KEY}"
    )
    assert request.headers["Access-Token"] == "t0ken"
    assert request.headers["Content-Type"] == "application/json"
    assert request.body == b'{"reason_id":3}'


def test_an_order_cannot_escape_from_its_place_in_the_path() -> None:
    odd = Order("../login?x", {"reason_id": 1})
    request = DUKKANGO.build_cancel(ACCOUNT, "t0ken", [odd])
    assert request.url.endswith("/orders/cancel/..%2Flogin%3Fx")


def test_many_orders_are_read_back_with_one_call_that_has_no_body() -> None:
    request = DUKKANGO.build_read(ACCOUNT, "t0ken", [ORDER, Order(OTHER)])
    assert (request.method, request.body) == ("GET", b"")
    assert request.url.endswith("/api/integrations/orders/get-current")
    assert request.headers["Access-Token"] == "t0ken"


def test_a_login_sends_both_secrets_and_no_token() -> None:
    request = DUKKANGO.build_login(ACCOUNT)
    assert request.method == "POST"
    assert request.url.endswith("/api/integrations/auth/login")
    assert request.body == (
        b'{"app_secret_key":"app-secret","rest_secret_key":"rest-secret"}'
    )
    assert "Access-Token" not in request.headers


def test_there_is_no_probe_because_it_would_use_up_the_cooldown() -> None:
    assert DUKKANGO.build_probe(ACCOUNT, "t0ken") is None


def test_reading_is_limited_to_one_call_in_thirty_seconds() -> None:
    rate = parse_rate(DUKKANGO.policy.read_rate)
    assert (rate.amount, rate.get_expiry()) == (1, 30)


# --- what a cancel's reply means --------------------------------------------------


def test_a_200_with_status_true_is_cancelled() -> None:
    said = cancel(reply(200, {"status": True, "data": "OK"}))
    assert (said.outcome, said.reason) == (Outcome.CANCELLED, Reason.CONFIRMED)


@pytest.mark.parametrize(
    ("status", "document"),
    [
        (200, {}),
        (200, {"status": "true"}),
        (200, {"status": 1}),
        (200, {"data": "OK"}),
        (200, {"status": False, "error": "beklenmeyen"}),
        (202, {"status": True}),
        (404, {"statusCode": 404, "message": "Cannot PUT /orders"}),
        (400, {"status": True}),
        (300, {"status": True}),
    ],
)
def test_undocumented_forms_decide_nothing(status: int, document: object) -> None:
    assert cancel(reply(status, document)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("status", "error", "reason"),
    [
        (400, "eksik alan", Reason.INVALID_REQUEST),
        (403, "URL hatalı", Reason.NOT_FOUND),
        (404, "sipariş bulunamadı", Reason.NOT_FOUND),
        (422, "geçersiz", Reason.REFUSED),
        # No word names the order's state: it is read back.
        (409, "çakışma", None),
        (422, "Sipariş daha önce işlenmiş", None),
        (400, "Sipariş daha önce işlenmiş", None),
        (400, "Bu durumda iptal edilemez", None),
    ],
)
def test_a_refusal_has_a_reason_and_keeps_the_words(
    status: int, error: str, reason: Reason | None
) -> None:
    said = cancel(refused(status, error, "more of it"))
    assert said == Finding(Outcome.REFUSED, reason, str(status), f"{error}: more of it")
    assert cancel(refused(status, error)).message == error


@pytest.mark.parametrize(
    "words",
    [
        "Sipariş zaten iptal edildi",
        "SİPARİŞ İPTAL EDİLMİŞ",
        "siparis iptal edilmis",
        "SIPARIS ZATEN IPTAL EDILMISTIR",
        "Zaten iptal edilmiş, işlem yapılamaz",
        "İptal edilen sipariş tekrar iptal edilemez",
        "Sipariş iptal edildiği için bu istek reddedildi",
        "Order already canceled",
        "The order has already been cancelled.",
        "Order cannot be cancelled: already cancelled",
    ],
)
def test_words_that_mean_cancelled_are_already_cancelled(words: str) -> None:
    said = cancel(refused(400, "hata", words))
    assert said == Finding(
        Outcome.CANCELLED, Reason.ALREADY_CANCELLED, "400", f"hata: {words}"
    )


@pytest.mark.parametrize(
    "words",
    [
        "Sipariş teslim edildi",
        "SİPARİŞ TESLİM EDİLMİŞTİR",
        "Tamamlanmış sipariş iptal edilemez",
        "TAMAMLANDI",
        "Teslim edildiği için iptal edilemez",
        "Order already completed",
        "Order can't be canceled, it is already delivered",
    ],
)
def test_words_that_mean_completed_are_already_completed(words: str) -> None:
    said = cancel(refused(409, words))
    assert said == Finding(Outcome.REFUSED, Reason.ALREADY_COMPLETED, "409", words)


@pytest.mark.parametrize(
    "words",
    [
        "Sipariş iptal edilemez",
        "Sipariş iptal edilemedi",
        "Sipariş iptal edilmedi",
        "Sipariş iptal edilmemiş",
        "Sipariş iptal edilmiş değil",
        "İptal edilmek istenen sipariş bulunamadı",
        "İşlem iptal edildi",
        "Talep iptal edildi",
        "Ödeme tamamlanmış",
        "İptal işlemi tamamlandı",
        "Siparişin iptali zaten tamamlandı",
        "İade tamamlanmıştır",
        "Cancellation already completed",
        "Operation was already completed",
        "İşlem tamamlanamadı",
        "Teslimat adresi bulunamadı",
        "Sipariş teslim edilmek üzere",
        "Order is not already cancelled",
        "Order already being delivered",
        "Order cannot be cancelled",
        "Request was already cancelled",
    ],
)
def test_ambiguous_words_name_no_state(words: str) -> None:
    said = cancel(refused(400, words))
    assert said == Finding(Outcome.REFUSED, Reason.INVALID_REQUEST, "400", words)


@pytest.mark.parametrize("status", [400, 403, 404, 409])
@pytest.mark.parametrize(
    "words",
    [
        "Tamamlanmış veya iptal edilmiş siparişler iptal edilemez",
        "İptal ya da teslim edilmiş sipariş",
        "Yalnızca teslim edilmiş siparişler",
        "Order already completed/canceled",
        "Order already cancelled or completed",
        "Sipariş iptal edildi mi?",
        "Eğer iptal edilmiş ise tekrar edilemez",
    ],
)
def test_words_that_may_name_a_state_are_not_final(status: int, words: str) -> None:
    said = cancel(refused(status, words))
    assert said == Finding(Outcome.REFUSED, None, str(status), words)


@pytest.mark.parametrize("parse", [DUKKANGO.parse_cancel, DUKKANGO.parse_read])
def test_a_401_is_the_tokens_fault_with_any_body(parse: Any) -> None:
    assert isinstance(parse([ORDER], Reply(401, {}, b"<html>")), TokenRefused)


# --- what the list of current orders means ----------------------------------------


@pytest.mark.parametrize(
    ("status", "outcome", "reason"),
    [
        (1, Outcome.ACTIVE, None),
        ("2", Outcome.ACTIVE, None),
        (16, Outcome.ACTIVE, None),
        (5, Outcome.REFUSED, Reason.ALREADY_COMPLETED),
        (6, Outcome.CANCELLED, Reason.CONFIRMED),
        (99, Outcome.UNKNOWN, None),
        (None, Outcome.UNKNOWN, None),
        (True, Outcome.UNKNOWN, None),
    ],
)
def test_a_listed_orders_status_decides(
    status: object, outcome: Outcome, reason: Reason | None
) -> None:
    rows = [
        "noise",
        {"payment_key": OTHER, "status_id": 6},
        {"payment_key": KEY.upper(), "status_id": status},
    ]
    said = read(reply(200, {"status": True, "data": rows}))
    assert (said.outcome, said.reason) == (outcome, reason)


def test_absence_from_the_list_proves_nothing() -> None:
    said = read(reply(200, {"status": True, "data": []}))
    assert said.outcome is Outcome.UNKNOWN


def test_each_order_of_the_list_is_read_separately() -> None:
    rows = [{"payment_key": KEY, "status_id": 1}]
    parsed = DUKKANGO.parse_read(
        [ORDER, Order(OTHER)], reply(200, {"status": True, "data": rows})
    )
    assert finding(parsed).outcome is Outcome.ACTIVE
    assert finding(parsed, Order(OTHER)).outcome is Outcome.UNKNOWN


def test_an_order_listed_twice_with_two_statuses_is_unknown() -> None:
    rows = [{"payment_key": KEY, "status_id": n} for n in (1, 6)]
    said = read(reply(200, {"status": True, "data": rows}))
    assert said.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_refused_reading_says_nothing_of_the_order(status: int) -> None:
    assert read(refused(status, "URL hatalı")).outcome is Outcome.UNKNOWN


def test_a_reply_without_a_list_is_unreadable() -> None:
    with pytest.raises(UnreadableReplyError, match="without a list"):
        read(reply(200, {"status": True, "data": "OK"}))


# --- logging in -------------------------------------------------------------------


def login(document: object, status: int = 200) -> Token | Held:
    return DUKKANGO.parse_login(reply(status, document), NOW)


def test_a_tokens_expiry_is_in_turkish_time() -> None:
    data = {"access_token": "a" * 64, "expiration_date": "2026-01-15 23:59:59"}
    token = login({"status": True, "data": data})
    assert isinstance(token, Token)
    assert token.value == "a" * 64
    assert token.expires_at == datetime(2026, 1, 15, 20, 59, 59, tzinfo=UTC)
    assert DUKKANGO.refresh_early == timedelta(hours=1)


@pytest.mark.parametrize("written", [None, "soon", "2020-01-01 00:00:00", 7, ""])
def test_an_absent_invalid_or_past_expiry_is_unknown(written: object) -> None:
    data = {"access_token": "a" * 64, "expiration_date": written}
    token = login({"status": True, "data": data})
    assert isinstance(token, Token)
    assert token.expires_at is None


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refused_login_holds_the_lane(status: int) -> None:
    held = login({"status": False, "error": "yetkisiz erişim"}, status)
    assert isinstance(held, Held)
    assert "app_secret_key" in held.why


def test_a_login_refused_with_200_holds_the_lane_too() -> None:
    assert isinstance(login({"status": False, "error": "eksik alan"}), Held)


@pytest.mark.parametrize("token", [None, "", 7, "two words", "line\nbreak", "ş"])
def test_a_login_without_a_valid_token_is_unreadable(token: object) -> None:
    with pytest.raises(UnreadableReplyError):
        login({"status": True, "data": {"access_token": token}})


# --- orders, params and accounts --------------------------------------------------


def test_an_order_is_a_uuid_and_its_key_has_no_capitals() -> None:
    assert DUKKANGO.check_order(f" {KEY.upper()} ") == KEY.upper()
    assert DUKKANGO.default_key(KEY.upper(), {}) == KEY


@pytest.mark.parametrize("order", ["", "17", 17, KEY[:-1], KEY + "/x", None, True])
def test_another_form_of_order_is_refused_in_a_sentence(order: object) -> None:
    with pytest.raises(InvalidRequestError, match="payment_key"):
        DUKKANGO.check_order(order)


@pytest.mark.parametrize("reason", range(1, 9))
def test_reasons_from_one_to_eight_are_accepted(reason: int) -> None:
    assert DUKKANGO.check_params({"reason_id": reason}) == {"reason_id": reason}


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({}, "params: reason_id is required"),
        ({"reason_id": 0}, "params: reason_id must be at least 1"),
        ({"reason_id": 9}, "params: reason_id must be at most 8"),
        ({"reason_id": "3"}, "params: reason_id must be a whole number"),
        ({"reason_id": True}, "params: reason_id must be a whole number"),
        ({"reason_id": 3, "note": "x"}, "params: note is not known here"),
    ],
)
def test_wrong_params_are_refused_in_a_sentence(
    params: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InvalidRequestError, match=sentence):
        DUKKANGO.check_params(params)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({}, "app_secret_key and rest_secret_key"),
        ({"app_secret_key": "hunter22"}, "rest_secret_key"),
        ({"access_token": "hunter22", "rest_secret_key": "x"}, "either access_token"),
        ({"access_token": ""}, "access_token: .* not empty"),
        ({"access_token": "hunter22 hunter22"}, "access_token: .* without spaces"),
    ],
)
def test_an_account_has_exactly_one_way_to_log_in(
    values: dict[str, str], named: str
) -> None:
    with pytest.raises(ValidationError) as raised:
        DukkangoAccount.model_validate(values)
    sentence = explain(raised.value)
    assert re.search(named, sentence)
    assert "hunter22" not in sentence + str(raised.value)


def test_a_static_token_needs_no_login() -> None:
    account = DukkangoAccount.model_validate({"access_token": "hunter22"})
    assert DUKKANGO.static_token(account) == "hunter22"
    assert DUKKANGO.static_token(ACCOUNT) is None


def test_no_secret_is_shown() -> None:
    account = DukkangoAccount.model_validate({"access_token": "hunter22"})
    shown = [ACCOUNT, account, DUKKANGO.build_login(ACCOUNT), Token("hunter22")]
    for secret in ("app-secret", "rest-secret", "hunter22"):
        assert secret not in "".join(map(repr, shown))
    assert set(ACCOUNT.secrets()) == {"app-secret", "rest-secret"}


# --- any reply --------------------------------------------------------------------

STATUSES = st.sampled_from([200, 201, 204, 300, 400, 401, 403, 404, 409, 422])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
LIKELY = st.fixed_dictionaries(
    {},
    optional={
        "status": st.booleans() | JSON,
        "error": JSON,
        "message": JSON,
        "data": JSON
        | st.lists(
            st.fixed_dictionaries({"payment_key": st.just(KEY), "status_id": JSON})
        ),
    },
)


@given(STATUSES, st.binary())
def test_any_bytes_are_read_or_unreadable(status: int, body: bytes) -> None:
    for parse in (DUKKANGO.parse_cancel, DUKKANGO.parse_read):
        try:
            parsed = parse([ORDER], Reply(status, {}, body))
        except UnreadableReplyError:
            continue
        if isinstance(parsed, Findings):
            assert parsed.of(KEY).outcome is not Outcome.CANCELLED


@given(STATUSES, JSON | LIKELY)
def test_no_json_means_cancelled_without_evidence(status: int, document: Any) -> None:
    answer = reply(status, document)
    try:
        parsed = DUKKANGO.parse_cancel([ORDER], answer)
    except UnreadableReplyError:
        return
    if isinstance(parsed, Findings) and parsed.of(KEY).outcome is Outcome.CANCELLED:
        assert status == 200
        assert document["status"] is True


@given(STATUSES, JSON | LIKELY)
def test_no_list_means_cancelled_without_a_status_6(status: int, document: Any) -> None:
    try:
        parsed = DUKKANGO.parse_read([ORDER], reply(status, document))
    except UnreadableReplyError:
        return
    if isinstance(parsed, Findings) and parsed.of(KEY).outcome is Outcome.CANCELLED:
        assert status in range(200, 300)
        assert {str(row["status_id"]).strip() for row in document["data"]} <= {"6"}


@given(STATUSES, st.binary() | (JSON | LIKELY).map(lambda d: json.dumps(d).encode()))
def test_any_login_reply_is_a_token_a_hold_or_unreadable(
    status: int, body: bytes
) -> None:
    try:
        DUKKANGO.parse_login(Reply(status, {}, body), NOW)
    except UnreadableReplyError:
        return
