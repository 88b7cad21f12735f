from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.iletimerkezi import IletiMerkezi, IletiMerkeziAccount
from rescind.provider.http_messages import Reply
from rescind.provider.outcomes import (
    Finding,
    Findings,
    Held,
    InvalidRequestError,
    Order,
    Outcome,
    Parsed,
    Reason,
    UnreadableReplyError,
)

ORDER = Order("312891245")
SMS = IletiMerkezi()
ACCOUNT = IletiMerkeziAccount.model_validate({"key": "the-key", "hash": "the-hash"})
LOGIN = '"authentication":{"key":"the-key","hash":"the-hash"}'


def reply(status: int, document: object) -> Reply:
    return Reply(status, {}, json.dumps(document).encode())


def said(code: object, message: str | None = None, **rest: object) -> Reply:
    """A reply as the provider writes it: the HTTP status mirrors the body's code."""
    http = int(str(code)) if str(code).isdigit() else 200
    status = {"code": code, "message": message}
    return reply(http, {"response": {"status": status, **rest}})


def report(status: object, order: object = ORDER.id) -> Reply:
    return said(200, "İşlem başarılı", order={"id": order, "status": status})


def finding(parsed: Parsed) -> Finding:
    assert isinstance(parsed, Findings)
    return parsed.of(ORDER.id)


def cancel(answer: Reply) -> Finding:
    return finding(SMS.parse_cancel([ORDER], answer))


def read(answer: Reply) -> Finding:
    return finding(SMS.parse_read([ORDER], answer))


# --- what is sent -----------------------------------------------------------------


def test_a_cancel_carries_key_hash_and_the_order_in_its_body() -> None:
    request = SMS.build_cancel(ACCOUNT, None, [ORDER])
    assert request.method == "POST"
    assert request.url == "https://api.iletimerkezi.com/v1/cancel-order/json"
    assert request.headers == {
        "Accept": "application/json",
        "Content-Type": "application/json",
    }
    body = f'{{"request":{{{LOGIN},"order":{{"id":"312891245"}}}}}}'
    assert request.body == body.encode()


def test_a_report_is_asked_for_with_one_row() -> None:
    request = SMS.build_read(ACCOUNT, None, [ORDER])
    assert request.url == "https://api.iletimerkezi.com/v1/get-report/json"
    order = '"order":{"id":"312891245","page":"1","rowCount":"1"}'
    assert request.body == f'{{"request":{{{LOGIN},{order}}}}}'.encode()


def test_the_probe_reads_the_balance() -> None:
    request = SMS.build_probe(ACCOUNT, None)
    assert request is not None
    assert request.url == "https://api.iletimerkezi.com/v1/get-balance/json"
    assert request.body == f'{{"request":{{{LOGIN}}}}}'.encode()


# --- what a cancel's reply means --------------------------------------------------


@pytest.mark.parametrize("code", [200, "200", " 200 "])
def test_code_200_is_cancelled(code: object) -> None:
    answer = reply(200, {"response": {"status": {"code": code, "message": "Tamam"}}})
    assert cancel(answer) == Finding(
        Outcome.CANCELLED, Reason.CONFIRMED, "200", "Tamam"
    )


@pytest.mark.parametrize("status", [{}, {"message": "Tamam"}, {"code": None}])
def test_a_status_without_a_code_uses_the_http_status(status: dict[str, Any]) -> None:
    answer = {"response": {"status": status}}
    assert cancel(reply(200, answer)).outcome is Outcome.CANCELLED
    assert cancel(reply(455, answer)) == cancel(said(455, status.get("message")))


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"status": {"code": 200}},
        {"response": None},
        {"response": {}},
        {"response": {"status": None}},
        {"response": {"status": "error"}},
        {"response": {"status": {"code": "E455"}}},
        {"response": {"status": {"code": 455.0}}},
        {"response": {"status": {"code": True}}},
    ],
)
def test_a_200_without_a_readable_status_is_no_success(document: object) -> None:
    with pytest.raises(UnreadableReplyError):
        SMS.parse_cancel([ORDER], reply(200, document))


@pytest.mark.parametrize(
    ("code", "outcome", "reason"),
    [
        (400, Outcome.REFUSED, Reason.INVALID_REQUEST),
        ("422", Outcome.REFUSED, Reason.INVALID_REQUEST),
        (455, Outcome.REFUSED, None),
        ("455", Outcome.REFUSED, None),
        (402, Outcome.UNKNOWN, None),
        (456, Outcome.UNKNOWN, None),
    ],
)
def test_other_codes_mean_what_the_vocabulary_says(
    code: object, outcome: Outcome, reason: Reason | None
) -> None:
    expected = Finding(outcome, reason, str(code), "sebep")
    assert cancel(said(code, "sebep")) == expected
    inside = {"response": {"status": {"code": code, "message": "sebep"}}}
    assert cancel(reply(200, inside)) == expected


def test_a_body_with_code_200_does_not_overrule_the_http_status() -> None:
    document = {"response": {"status": {"code": 200}}}
    assert cancel(reply(455, document)) == Finding(Outcome.REFUSED, None, "455")
    assert isinstance(SMS.parse_cancel([ORDER], reply(401, document)), Held)


@pytest.mark.parametrize(("code", "named"), [(401, "hash"), (404, "base_url")])
def test_a_401_and_a_404_are_the_accounts_fault(code: int, named: str) -> None:
    for answer in (said(code), said(str(code)), Reply(code, {}, b"<html>")):
        for parse in (SMS.parse_cancel, SMS.parse_read):
            held = parse([ORDER], answer)
            assert isinstance(held, Held)
            assert named in held.why
        assert isinstance(SMS.parse_probe(answer), Held)


# --- what a report means ----------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "outcome", "reason"),
    [
        (113, Outcome.REFUSED, Reason.WINDOW_CLOSED),
        ("114", Outcome.REFUSED, Reason.ALREADY_COMPLETED),
        (115, Outcome.CANCELLED, Reason.CONFIRMED),
        (112, Outcome.UNKNOWN, None),
        (None, Outcome.UNKNOWN, None),
        (True, Outcome.UNKNOWN, None),
    ],
)
def test_the_orders_own_status_decides(
    status: object, outcome: Outcome, reason: Reason | None
) -> None:
    found = read(report(status))
    assert (found.outcome, found.reason) == (outcome, reason)
    assert read(report(status, int(ORDER.id))) == found


def test_a_455_in_the_report_means_no_such_order() -> None:
    assert read(said(455, "yok")) == Finding(Outcome.GONE, None, "455", "yok")


def test_a_456_in_the_report_means_still_scheduled() -> None:
    assert read(said(456)).outcome is Outcome.ACTIVE


@pytest.mark.parametrize("code", [400, 402, 422, 999])
def test_any_other_code_of_the_report_decides_nothing(code: int) -> None:
    answer = {"response": {"status": {"code": code}}}
    assert read(reply(200, answer)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("other", ["312891246", [ORDER.id], None, ""])
def test_a_report_about_another_order_decides_nothing(other: object) -> None:
    assert read(report(115, other)).outcome is Outcome.UNKNOWN


def test_the_balance_proves_only_the_credentials() -> None:
    parsed = SMS.parse_probe(said(200, balance={"amount": "1"}))
    assert isinstance(parsed, Findings)
    assert {f.outcome for f in parsed.by_order.values()} <= {Outcome.UNKNOWN}


# --- orders, params and accounts --------------------------------------------------


@pytest.mark.parametrize("order", [312891245, " 312891245\n", "1" * 20])
def test_an_order_is_a_number_of_up_to_20_digits(order: object) -> None:
    assert SMS.check_order(order) == str(order).strip()


@pytest.mark.parametrize("order", ["", "12a", "1" * 21, "1,2", "-1", "٣", 1.0, True])
def test_another_form_of_order_is_refused_in_a_sentence(order: object) -> None:
    with pytest.raises(InvalidRequestError, match="orderId"):
        SMS.check_order(order)


def test_there_are_no_params() -> None:
    assert SMS.check_params({}) == {}
    with pytest.raises(InvalidRequestError, match="note is not known here"):
        SMS.check_params({"note": "x"})


def test_a_cancel_is_never_repeated_and_a_cancelled_order_may_vanish() -> None:
    assert not SMS.policy.repeatable
    assert SMS.policy.cancelled_may_vanish


def test_no_secret_is_shown() -> None:
    shown = repr([ACCOUNT, SMS.build_cancel(ACCOUNT, None, [ORDER])])
    assert "the-key" not in shown
    assert "the-hash" not in shown
    assert set(ACCOUNT.secrets()) == {"the-key", "the-hash"}


# --- any reply --------------------------------------------------------------------


def shows_cancelled(parsed: Parsed) -> bool:
    is_read = isinstance(parsed, Findings)
    return is_read and finding(parsed).outcome is Outcome.CANCELLED


HTTP = st.sampled_from([200, 201, 204, 400, 401, 403, 404, 422, 455, 456])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
CODES = st.sampled_from([200, "200", 455, 456, 115, 115.0, "115", ORDER.id])
JSON = st.recursive(
    SCALARS | CODES,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
STATUS = JSON | st.fixed_dictionaries({}, optional={"code": CODES | JSON})
BODY = st.fixed_dictionaries(
    {},
    optional={
        "status": STATUS,
        "order": JSON | st.fixed_dictionaries({}, optional={"id": CODES | JSON}),
    },
)
LIKELY = st.fixed_dictionaries({"response": BODY | JSON})
DEEP = b'{"response":' + b"[" * 100_000
HUGE = b'{"response":{"status":{"code":' + b"9" * 4300 + b"}}}"


@pytest.mark.parametrize("body", [DEEP, HUGE, HUGE.replace(b"99}", b"999}"), b"\xff"])
def test_extremes_are_unreadable_or_unknown(body: bytes) -> None:
    for parse in (SMS.parse_cancel, SMS.parse_read):
        try:
            parsed = parse([ORDER], Reply(200, {}, body))
        except UnreadableReplyError:
            continue
        assert finding(parsed).outcome is Outcome.UNKNOWN


@given(HTTP, st.binary())
def test_any_bytes_are_read_or_unreadable(status: int, body: bytes) -> None:
    for parse in (SMS.parse_cancel, SMS.parse_read):
        try:
            parsed = parse([ORDER], Reply(status, {}, body))
        except UnreadableReplyError:
            continue
        if isinstance(parsed, Findings):
            assert parsed.of(ORDER.id).outcome is not Outcome.CANCELLED


@given(HTTP, JSON | LIKELY)
def test_no_json_means_cancelled_without_evidence(status: int, document: Any) -> None:
    try:
        parsed = SMS.parse_cancel([ORDER], reply(status, document))
    except UnreadableReplyError:
        return
    if shows_cancelled(parsed):
        assert status in range(200, 300)
        code = document["response"]["status"].get("code")
        assert code is None or int(code) == 200


@given(HTTP, JSON | LIKELY)
def test_no_report_means_cancelled_without_a_115(status: int, document: Any) -> None:
    try:
        parsed = SMS.parse_read([ORDER], reply(status, document))
    except UnreadableReplyError:
        return
    if shows_cancelled(parsed):
        assert status in range(200, 300)
        assert int(document["response"]["order"]["status"]) == 115
