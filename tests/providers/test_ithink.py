from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from providers.ithink import IThink, IThinkAccount
from rescind.provider.http_messages import Reply
from rescind.provider.outcomes import (
    BatchRefused,
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
from rescind.provider.validation_errors import explain

A, B, C = Order("86210010463"), Order("86210010464"), Order("SF-1234")
THREE = [A, B, C]
ITHINK = IThink()
SECRETS = {"access_token": "the-token", "secret_key": "the-secret"}
ACCOUNT = IThinkAccount.model_validate(SECRETS)
LOGIN = '"access_token":"the-token","secret_key":"the-secret"'
DONE = {"status": "Success", "remark": "", "refnum": "GK0034"}
FAILED = {"status": "Failed", "remark": "", "refnum": "GK0035"}


def reply(document: object, status: int = 200) -> Reply:
    return Reply(status, {}, json.dumps(document).encode())


def rows(data: object, status: object = "success") -> Reply:
    return reply({"status": status, "status_code": 200, "data": data})


def error(message: str, **rest: object) -> Reply:
    document = {"status": "error", "status_code": 200, "message": message}
    return reply({**document, **rest})


def tracked(status: object, code: object = "UD", **rest: object) -> Reply:
    entry = {"message": "success", "awb_no": A.id, "current_status": status}
    return rows({A.id: {**entry, "current_status_code": code, **rest}})


def finding(parsed: Parsed, order: Order = A) -> Finding:
    assert isinstance(parsed, Findings)
    return parsed.of(order.id)


def outcomes(parsed: Parsed) -> list[Outcome]:
    return [finding(parsed, order).outcome for order in THREE]


def cancel(answer: Reply) -> Finding:
    return finding(ITHINK.parse_cancel([A], answer))


def read(answer: Reply) -> Finding:
    return finding(ITHINK.parse_read([A], answer))


# --- what is sent -----------------------------------------------------------------


def test_a_cancel_lists_its_awbs_with_commas() -> None:
    request = ITHINK.build_cancel(ACCOUNT, None, [A, B])
    assert request.method == "POST"
    assert request.url == "https://my.ithinklogistics.com/api_v3/order/cancel.json"
    assert request.headers == {
        "Accept": "application/json",
        "Content-Type": "application/json",
    }
    body = f'{{"data":{{{LOGIN},"awb_numbers":"86210010463,86210010464"}}}}'
    assert request.body == body.encode()


def test_tracking_uses_its_own_host() -> None:
    request = ITHINK.build_read(ACCOUNT, None, [A, B])
    assert request.url == "https://api.ithinklogistics.com/api_v3/order/track.json"
    body = f'{{"data":{{{LOGIN},"awb_number_list":"86210010463,86210010464"}}}}'
    assert request.body == body.encode()


def test_the_probe_tracks_an_awb_that_does_not_exist() -> None:
    request = ITHINK.build_probe(ACCOUNT, None)
    assert request is not None
    assert request.url == "https://api.ithinklogistics.com/api_v3/order/track.json"
    assert request.body == f'{{"data":{{{LOGIN},"awb_number_list":"0"}}}}'.encode()


@pytest.mark.parametrize("answer", [rows([]), rows({}), error("Invalid AWB")])
def test_a_probe_that_finds_nothing_proves_the_credentials(answer: Reply) -> None:
    assert isinstance(ITHINK.parse_probe(answer), Findings)


def test_a_refused_probe_holds_the_lane() -> None:
    assert isinstance(ITHINK.parse_probe(error("Access Token Not Match.")), Held)


# --- which row belongs to which AWB -----------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        {"1": DONE, "2": FAILED, "3": {"status": "?"}},
        {"0": DONE, "1": FAILED, "2": {"status": "?"}},
        {"3": {"status": "?"}, "2": FAILED, "1": DONE},
        [DONE, FAILED, {"status": "?"}],
    ],
)
def test_rows_are_matched_by_position_if_there_is_one_for_each_awb(
    data: object,
) -> None:
    parsed = ITHINK.parse_cancel(THREE, rows(data))
    assert outcomes(parsed) == [Outcome.CANCELLED, Outcome.REFUSED, Outcome.UNKNOWN]


@pytest.mark.parametrize(
    "data",
    [
        {"1": DONE, "2": DONE},
        {"1": DONE, "2": DONE, "4": DONE},
        {"2": DONE, "3": DONE, "4": DONE},
        {"1": DONE, "2": DONE, "3": DONE, "4": DONE},
        {"0": DONE, "1": DONE, "3": DONE},
        {"01": DONE, "02": DONE, "03": DONE},
        {A.id: DONE, B.id: DONE, "12345678": DONE},
        {A.id: {**DONE, "awb_no": B.id}, B.id: DONE},
        [DONE, DONE],
        [DONE, DONE, DONE, DONE],
        DONE,
        [],
        {},
        None,
        "Success",
    ],
)
def test_rows_that_do_not_match_leave_all_awbs_unknown(data: object) -> None:
    parsed = ITHINK.parse_cancel(THREE, rows(data))
    assert outcomes(parsed) == [Outcome.UNKNOWN] * 3


def test_rows_keyed_by_awb_are_matched_by_it_and_a_missing_one_is_unknown() -> None:
    parsed = ITHINK.parse_cancel(THREE, rows({C.id: DONE, A.id: FAILED}))
    assert outcomes(parsed) == [Outcome.REFUSED, Outcome.UNKNOWN, Outcome.CANCELLED]


def test_a_success_may_have_status_code_1() -> None:
    document = {"status": "success", "status_code": 1, "data": {"1": DONE}}
    assert cancel(reply(document)).outcome is Outcome.CANCELLED


def test_a_row_that_names_another_awb_makes_all_rows_unknown() -> None:
    data = [{**DONE, "awb_no": B.id}, {**DONE, "awb_no": A.id}, DONE]
    assert outcomes(ITHINK.parse_cancel(THREE, rows(data))) == [Outcome.UNKNOWN] * 3
    data = [{**DONE, "awb_no": order.id} for order in THREE]
    assert outcomes(ITHINK.parse_cancel(THREE, rows(data))) == [Outcome.CANCELLED] * 3


# --- what a row means -------------------------------------------------------------


@pytest.mark.parametrize("word", ["Success", "success", "SUCCESS "])
def test_success_in_any_capitals_is_cancelled(word: str) -> None:
    found = cancel(rows({"1": {**DONE, "status": word}}, word))
    assert (found.outcome, found.reason) == (Outcome.CANCELLED, Reason.CONFIRMED)
    assert found.code == word.strip()


@pytest.mark.parametrize("word", ["Failed", "failed", "error", "FAILURE"])
def test_a_failed_row_is_a_refusal_and_keeps_its_words(word: str) -> None:
    row = {"status": word, "remark": "<b>Not&nbsp;today</b>"}
    expected = Finding(Outcome.REFUSED, Reason.REFUSED, word, "Not today")
    assert cancel(rows({"1": row})) == expected
    assert cancel(rows({"1": row}, "error")) == expected


@pytest.mark.parametrize("row", [None, "Success", [], {}, {"status": "Queued"}, 1])
def test_a_row_with_another_status_decides_nothing(row: object) -> None:
    assert cancel(rows({"1": row})).outcome is Outcome.UNKNOWN


REMARKS = [
    ("AWB not found", Reason.NOT_FOUND),
    ("Invalid AWB Number", Reason.NOT_FOUND),
    ("awb number is invalid", Reason.NOT_FOUND),
    ("Shipment does not exist", Reason.NOT_FOUND),
    ("Order already delivered", Reason.ALREADY_COMPLETED),
    ("Shipment is DELIVERED, it cannot be cancelled", Reason.ALREADY_COMPLETED),
    ("Shipment already Picked Up", Reason.WINDOW_CLOSED),
    ("Cannot cancel: In Transit", Reason.WINDOW_CLOSED),
    ("Order is undelivered", Reason.WINDOW_CLOSED),
    ("RTO delivered", Reason.WINDOW_CLOSED),
    ("Courier does not support cancellation", Reason.NOT_SUPPORTED),
    ("Order cannot be cancelled", Reason.REFUSED),
    ("Order is not delivered", Reason.REFUSED),
    ("", Reason.REFUSED),
]


@pytest.mark.parametrize(("remark", "reason"), REMARKS)
def test_a_remark_gives_the_reason(remark: str, reason: Reason) -> None:
    found = cancel(rows({"1": {**FAILED, "remark": remark}}))
    assert (found.outcome, found.reason) == (Outcome.REFUSED, reason)
    whole = cancel(error(remark))
    assert (whole.outcome, whole.reason) == (Outcome.REFUSED, reason)


@pytest.mark.parametrize(
    "remark",
    [
        "Shipment delivered or cancelled",
        "AWB not found or already delivered",
        "Something went wrong, please try again",
        "Courier timed out",
        "Cancellation in progress",
    ],
)
def test_a_remark_that_may_mean_cancelled_decides_nothing(remark: str) -> None:
    found = cancel(rows({"1": {**FAILED, "remark": remark}}))
    assert found == Finding(Outcome.UNKNOWN, None, "Failed", remark)
    assert cancel(error(remark)) == Finding(Outcome.UNKNOWN, None, "error", remark)


@pytest.mark.parametrize(
    "remark",
    ["Order already cancelled!", "AWB has been canceled", "Shipment is Cancelled"],
)
def test_a_remark_that_names_a_cancellation_is_read_back(remark: str) -> None:
    found = cancel(rows({"1": {**FAILED, "remark": remark}}))
    assert found == Finding(Outcome.REFUSED, Reason.ALREADY_CANCELLED, "Failed", remark)


# --- what the whole reply means ---------------------------------------------------


@pytest.mark.parametrize("status", ["error", "Failed", None, True, "partial"])
def test_a_success_row_in_a_failed_reply_is_no_success(status: object) -> None:
    assert cancel(rows({"1": DONE}, status)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("code", [400, "500", 200.5, True, "?"])
def test_a_success_with_another_status_code_is_no_success(code: object) -> None:
    answer = {"status": "success", "status_code": code, "data": {"1": DONE}}
    assert cancel(reply(answer)).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("http", [400, 404, 409, 422])
def test_a_success_with_another_http_status_is_no_success(http: int) -> None:
    document = {"status": "success", "data": {"1": DONE}}
    parsed = ITHINK.parse_cancel([A], reply(document, http))
    if isinstance(parsed, Findings):
        assert finding(parsed).outcome is not Outcome.CANCELLED


@pytest.mark.parametrize(
    "message",
    [
        "Access Token Not Match.",
        "<p>Secret key is invalid</p>",
        "Access Denied",
        "Unauthorized",
        "Authentication failed",
    ],
)
def test_an_error_that_names_the_credentials_holds_the_lane(message: str) -> None:
    by_html = reply({"status": "error", "html_message": message})
    for answer in (error(message), error("", status_code="401"), by_html):
        for parse in (ITHINK.parse_cancel, ITHINK.parse_read):
            held = parse(THREE, answer)
            assert isinstance(held, Held)
            assert "check access_token and secret_key" in held.why


def test_an_awb_that_is_not_accessible_does_not_hold_the_lane() -> None:
    parsed = ITHINK.parse_cancel(THREE, error("No access to AWB 86210010463"))
    assert isinstance(parsed, BatchRefused)


@pytest.mark.parametrize(
    ("http", "named"), [(401, "secret_key"), (403, "IP"), (404, "base_url")]
)
def test_a_401_403_or_404_holds_the_lane(http: int, named: str) -> None:
    for body in (b"", b"{}"):
        for parse in (ITHINK.parse_cancel, ITHINK.parse_read):
            held = parse([A], Reply(http, {}, body))
            assert isinstance(held, Held)
            assert named in held.why


def test_a_404_in_ithinks_own_form_is_about_the_shipment() -> None:
    document = {"status": "error", "message": "AWB not found"}
    found = cancel(reply(document, 404))
    assert (found.outcome, found.reason) == (Outcome.REFUSED, Reason.NOT_FOUND)


def test_an_error_for_a_batch_halves_it() -> None:
    parsed = ITHINK.parse_cancel(THREE, error("AWB not found"))
    assert parsed == BatchRefused(
        Finding(Outcome.REFUSED, Reason.NOT_FOUND, "error", "AWB not found")
    )


def test_a_400_is_an_invalid_request() -> None:
    document = {"message": "Bad input"}
    expected = Finding(Outcome.REFUSED, Reason.INVALID_REQUEST, "400", "Bad input")
    assert cancel(reply(document, 400)) == expected
    assert ITHINK.parse_cancel(THREE, reply(document, 400)) == BatchRefused(expected)
    named = {"message": "Access Token Not Match."}
    assert isinstance(ITHINK.parse_cancel(THREE, reply(named, 400)), Held)


@pytest.mark.parametrize(
    "answer",
    [
        error("Something went wrong"),
        error("Odd", status_code=500),
        error("Odd", status_code=429),
        error("AWB not found", data={"1": DONE}),
        reply({"status": "strange", "message": "AWB not found"}),
        reply({}),
        reply({"message": "conflict"}, 409),
    ],
)
def test_a_reply_that_may_have_acted_leaves_all_awbs_unknown(answer: Reply) -> None:
    assert outcomes(ITHINK.parse_cancel(THREE, answer)) == [Outcome.UNKNOWN] * 3


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b"\xff", b"[" * 100_000])
def test_a_reply_that_is_no_object_is_unreadable(body: bytes) -> None:
    for status in (200, 400, 409):
        with pytest.raises(UnreadableReplyError):
            ITHINK.parse_cancel([A], Reply(status, {}, body))


# --- what tracking means ----------------------------------------------------------

CLOSED = (Outcome.REFUSED, Reason.WINDOW_CLOSED)
TRACKED = [
    ("Cancelled", "CN", (Outcome.CANCELLED, Reason.CONFIRMED)),
    ("CANCELED", "cn", (Outcome.CANCELLED, Reason.CONFIRMED)),
    ("Cancelled", None, (Outcome.CANCELLED, Reason.CONFIRMED)),
    ("", "CN", (Outcome.CANCELLED, Reason.CONFIRMED)),
    ("Cancelled by seller", "CN", (Outcome.CANCELLED, Reason.CONFIRMED)),
    ("Manifested", "UD", (Outcome.ACTIVE, None)),
    ("not_picked", "UD", (Outcome.ACTIVE, None)),
    ("Picked Up", "UD", CLOSED),
    ("In Transit", "UD", CLOSED),
    ("Reached At Destination", "UD", CLOSED),
    ("Out For Delivery", "UD", CLOSED),
    ("Undelivered", "UD", CLOSED),
    ("Delivered", "DL", (Outcome.REFUSED, Reason.ALREADY_COMPLETED)),
    ("RTO Pending", "RT", CLOSED),
    ("RTO Something New", "RT", CLOSED),
    ("RTO Delivered", "DL", CLOSED),
    ("Cancelled", "UD", (Outcome.CANCELLED, Reason.CONFIRMED)),
    ("Cancelled", "CA", (Outcome.CANCELLED, Reason.CONFIRMED)),
    ("Cancelled", "36", (Outcome.CANCELLED, Reason.CONFIRMED)),
    ("Cancelled", "DL", (Outcome.UNKNOWN, None)),
    ("Cancelled", "IT", (Outcome.UNKNOWN, None)),
    ("", "CA", (Outcome.UNKNOWN, None)),
    ("Pickup Cancelled", "UD", (Outcome.UNKNOWN, None)),
    ("Lost", "UD", CLOSED),
    ("Shipment In-Transit", "IT", CLOSED),
    ("Bagged At Hub", "PP", CLOSED),
    ("RTO Shortage", "UD", CLOSED),
    ("Manifested", "CN", (Outcome.UNKNOWN, None)),
    ("In Transit", "CN", (Outcome.UNKNOWN, None)),
    ("Manifested", "DL", (Outcome.UNKNOWN, None)),
    ("Cancellation requested", "UD", (Outcome.UNKNOWN, None)),
    ("Delayed", "UD", CLOSED),
    ("", "UD", (Outcome.UNKNOWN, None)),
    (None, None, (Outcome.UNKNOWN, None)),
]


@pytest.mark.parametrize(("status", "code", "expected"), TRACKED)
def test_words_and_code_decide_a_tracked_shipment(
    status: str | None, code: str | None, expected: tuple[Outcome, Reason | None]
) -> None:
    found = read(tracked(status, code))
    assert (found.outcome, found.reason) == expected
    assert found.code == (status or (code and code.upper()))


def test_each_awb_is_read_from_its_own_entry() -> None:
    data = {
        C.id: {"current_status": "In Transit", "current_status_code": "UD"},
        "other": {"current_status": "Cancelled", "current_status_code": "CN"},
        A.id: {"current_status": "Cancelled", "current_status_code": "CN"},
    }
    parsed = ITHINK.parse_read(THREE, rows(data))
    assert outcomes(parsed) == [Outcome.CANCELLED, Outcome.UNKNOWN, Outcome.REFUSED]


@pytest.mark.parametrize("shape", [list, lambda entries: dict(enumerate(entries))])
def test_an_entry_is_found_by_the_awb_inside_it(shape: Any) -> None:
    entry = {"awb_no": int(A.id), "current_status_code": "CN"}
    other = {"awb_no": B.id, "current_status": "Manifested"}
    assert read(rows(shape([other, entry]))).outcome is Outcome.CANCELLED
    assert read(rows(shape([other]))).outcome is Outcome.UNKNOWN
    assert read(rows(shape([entry, entry]))).outcome is Outcome.UNKNOWN


def test_an_entry_that_names_another_awb_decides_nothing() -> None:
    assert read(tracked("Cancelled", "CN", awb_no=B.id)).outcome is Outcome.UNKNOWN


def test_an_entry_without_success_decides_nothing() -> None:
    found = read(tracked("Cancelled", "CN", message="No record"))
    assert (found.outcome, found.message) == (Outcome.UNKNOWN, "No record")


@pytest.mark.parametrize(
    "answer", [rows([]), rows({}), rows(None), rows({A.id: []}), error("No record")]
)
def test_nothing_tracked_proves_nothing(answer: Reply) -> None:
    assert read(answer).outcome is Outcome.UNKNOWN


def test_one_bad_awb_does_not_hide_the_others() -> None:
    parsed = ITHINK.parse_read(THREE, error("Invalid AWB"))
    assert parsed == BatchRefused(
        Finding(Outcome.UNKNOWN, None, "error", "Invalid AWB")
    )
    broken = ITHINK.parse_read(THREE, error("Server error"))
    assert outcomes(broken) == [Outcome.UNKNOWN] * 3


# --- orders, params and accounts --------------------------------------------------


@pytest.mark.parametrize("order", [86210010463, " 86210010463 ", "SF-1234ab", "1" * 40])
def test_an_awb_is_letters_digits_and_hyphens(order: object) -> None:
    assert ITHINK.check_order(order) == str(order).strip()


@pytest.mark.parametrize(
    "order", ["", "123", "1" * 41, "8621,8622", "8621 8622", "8621/2", "86\n21", 1.5]
)
def test_another_form_of_order_is_refused_in_a_sentence(order: object) -> None:
    with pytest.raises(InvalidRequestError, match="AWB"):
        ITHINK.check_order(order)


def test_not_cancelled_is_not_believed_at_once_and_cancels_are_not_repeated() -> None:
    assert ITHINK.policy.active_trusted_after == timedelta(minutes=10)
    assert (ITHINK.policy.batch, ITHINK.policy.read_batch) == (100, 10)
    assert not ITHINK.policy.repeatable


def account(**values: object) -> IThinkAccount:
    return IThinkAccount.model_validate({**SECRETS, **values})


def test_another_base_url_is_used_for_tracking_too_unless_track_url_is_given() -> None:
    staging = "https://pre-alpha.ithinklogistics.com"
    assert account(base_url=staging + "/").track_url == staging
    given = account(base_url=staging, track_url="https://track.example/")
    assert given.track_url == "https://track.example"
    local = account(base_url="http://127.0.0.1:9/ithink")
    assert local.track_url == "http://127.0.0.1:9/ithink"


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"track_url": "nonsense"}, "track_url: must be a scheme and a host"),
        ({"track_url": "http://track.example"}, "track_url: is plain http"),
        ({"base_url": "http://plain.example"}, "base_url is plain http"),
        ({"access_token": None}, "access_token"),
    ],
)
def test_an_unusable_account_is_refused(values: dict[str, object], named: str) -> None:
    with pytest.raises(ValidationError) as raised:
        account(**values)
    assert named in explain(raised.value)
    assert "the-secret" not in str(raised.value)


def test_plain_http_may_be_allowed() -> None:
    allowed = account(track_url="http://track.example", allow_plain_http=True)
    assert allowed.track_url == "http://track.example"


def test_no_secret_is_shown() -> None:
    shown = repr([ACCOUNT, ITHINK.build_cancel(ACCOUNT, None, [A])])
    assert "the-token" not in shown
    assert "the-secret" not in shown
    assert set(ACCOUNT.secrets()) == {"the-token", "the-secret"}


# --- any reply --------------------------------------------------------------------

HTTP = st.sampled_from([200, 201, 204, 400, 401, 403, 404, 409, 422])
WORDS = st.sampled_from(
    ["success", "Success", "error", "Failed", "CN", "Cancelled", "UD", A.id, B.id]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | WORDS
KEYS = st.text() | WORDS | st.sampled_from(["0", "1", "2", "3", "4"])
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
    max_leaves=10,
)
ROW = st.fixed_dictionaries(
    {},
    optional={
        "status": WORDS | JSON,
        "remark": JSON,
        "awb_no": WORDS | JSON,
        "message": WORDS | JSON,
        "current_status": WORDS | JSON,
        "current_status_code": WORDS | JSON,
    },
)
DATA = JSON | st.lists(ROW, max_size=4) | st.dictionaries(KEYS, ROW, max_size=4)
LIKELY = st.fixed_dictionaries(
    {},
    optional={
        "status": WORDS | JSON,
        "status_code": st.just(200) | JSON,
        "message": JSON,
        "html_message": JSON,
        "data": DATA,
    },
)


@given(HTTP, st.binary())
def test_any_bytes_are_read_or_unreadable(status: int, body: bytes) -> None:
    for parse in (ITHINK.parse_cancel, ITHINK.parse_read):
        try:
            parsed = parse([A], Reply(status, {}, body))
        except UnreadableReplyError:
            continue
        if isinstance(parsed, Findings):
            assert parsed.of(A.id).outcome is not Outcome.CANCELLED


@given(HTTP, JSON | LIKELY, st.sampled_from([[A], [A, B], THREE]))
def test_no_json_means_cancelled_without_a_success_row(
    status: int, document: Any, orders: list[Order]
) -> None:
    try:
        parsed = ITHINK.parse_cancel(orders, reply(document, status))
    except UnreadableReplyError:
        return
    if not isinstance(parsed, Findings):
        return
    assert set(parsed.by_order) <= {order.id for order in orders}
    for place, order in enumerate(orders):
        if parsed.of(order.id).outcome is Outcome.CANCELLED:
            data = document["data"]
            assert status in range(200, 300)
            assert document["status"].lower() == "success"
            if isinstance(data, dict) and order.id in data:
                assert data[order.id]["status"].lower() == "success"
                continue
            assert len(data) == len(orders)
            first = 1 if isinstance(data, dict) and "0" not in data else 0
            row = data[str(first + place)] if isinstance(data, dict) else data[place]
            assert row["status"].lower() == "success"


@given(HTTP, JSON | LIKELY)
def test_no_tracking_means_cancelled_without_the_word_or_code(
    status: int, document: Any
) -> None:
    try:
        parsed = ITHINK.parse_read([A, B], reply(document, status))
    except UnreadableReplyError:
        return
    if not isinstance(parsed, Findings):
        return
    for order in (A, B):
        if parsed.of(order.id).outcome is Outcome.CANCELLED:
            assert status in range(200, 300)
            shown = json.dumps(document["data"])
            assert order.id in shown
            assert "CN" in shown or "Cancelled" in shown


@given(st.permutations([(A, DONE), (B, FAILED), (C, {"status": "?"})]))
def test_the_order_of_tracking_entries_does_not_matter(
    entries: list[tuple[Order, Any]],
) -> None:
    words = {"Success": "Cancelled", "Failed": "In Transit", "?": "Manifested"}
    data = [
        {"awb_no": order.id, "current_status": words[row["status"]]}
        for order, row in entries
    ]
    parsed = ITHINK.parse_read(THREE, rows(data))
    assert outcomes(parsed) == [Outcome.CANCELLED, Outcome.REFUSED, Outcome.ACTIVE]
