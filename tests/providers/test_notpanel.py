from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import parse as parse_rate
from pydantic import ValidationError

from providers.notpanel import NotPanel, NotPanelAccount
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

A, B, C = Order("ord_01HG9X7KJP4N"), Order("ord_01HG9X7KJP4P"), Order("9")
THREE = [A, B, C]
PANEL = NotPanel()
ACCOUNT = NotPanelAccount.model_validate({"key": "the key&1"})
REQUESTED = Finding(Outcome.REQUESTED)


def reply(document: object, status: int = 200) -> Reply:
    return Reply(status, {}, json.dumps(document).encode())


def finding(parsed: Parsed, order: Order = A) -> Finding:
    assert isinstance(parsed, Findings)
    return parsed.of(order.id)


def outcomes(parsed: Parsed) -> list[Outcome]:
    return [finding(parsed, order).outcome for order in THREE]


def cancel(document: object, status: int = 200) -> Finding:
    return finding(PANEL.parse_cancel([A], reply(document, status)))


def read(document: object, status: int = 200) -> Finding:
    return finding(PANEL.parse_read([A], reply(document, status)))


# --- what is sent -----------------------------------------------------------------


def test_one_order_is_cancelled_by_a_form_with_order() -> None:
    request = PANEL.build_cancel(ACCOUNT, None, [A])
    assert request.method == "POST"
    assert request.url == "https://notpanel.com/api/v2"
    assert request.headers == {
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    assert request.body == b"key=the+key%261&action=cancel&order=ord_01HG9X7KJP4N"


def test_many_orders_are_cancelled_by_a_form_with_orders() -> None:
    request = PANEL.build_cancel(ACCOUNT, None, [A, C])
    assert request.body == b"key=the+key%261&action=cancel&orders=ord_01HG9X7KJP4N%2C9"


def test_statuses_are_read_by_the_same_forms() -> None:
    one = PANEL.build_read(ACCOUNT, None, [A])
    assert one.url == "https://notpanel.com/api/v2"
    assert one.body == b"key=the+key%261&action=status&order=ord_01HG9X7KJP4N"
    many = PANEL.build_read(ACCOUNT, None, [A, C])
    assert many.body == b"key=the+key%261&action=status&orders=ord_01HG9X7KJP4N%2C9"


def test_the_probe_reads_an_order_that_does_not_exist() -> None:
    request = PANEL.build_probe(ACCOUNT, None)
    assert request is not None
    assert request.body == b"key=the+key%261&action=status&order=0"
    known = PANEL.parse_probe(reply({"error": "Order not found"}, 400))
    assert isinstance(known, Findings)
    assert isinstance(PANEL.parse_probe(reply({"error": "Invalid API key"}, 400)), Held)


# --- what the answer to one order's cancel means ----------------------------------


@pytest.mark.parametrize(
    "document",
    [
        {"cancel": A.id},
        {"cancel": 1},
        {"cancel": "1"},
        {"cancel": True},
        {"cancel": "can_77"},
        {"cancel": A.id, "error": None},
        {"order": A.id, "cancel": A.id},
        [{"order": A.id, "cancel": 1}],
        {A.id: {"cancel": 1}},
        {A.id: {"order": A.id, "cancel": A.id}},
    ],
)
def test_success_means_only_requested(document: object) -> None:
    assert cancel(document) == REQUESTED


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        None,
        {"cancel": None},
        {"cancel": 0},
        {"cancel": "0"},
        {"cancel": -1},
        {"cancel": False},
        {"cancel": ""},
        {"cancel": "no"},
        {"cancel": "not today 1"},
        {"cancel": {}},
        {"cancel": [1]},
        {"cancel": B.id},
        {"cancel": A.id, "error": "Order not found"},
        {"order": B.id, "cancel": 1},
        [{"cancel": 1}],
        [{"order": B.id, "cancel": 1}],
        {B.id: {"cancel": 1}},
        {A.id: {"order": B.id, "cancel": 1}},
        {A.id: 1},
    ],
)
def test_an_answer_that_is_no_clear_success_decides_nothing(document: object) -> None:
    assert cancel(document).outcome is Outcome.UNKNOWN


ERRORS = [
    ("Order not found", Outcome.REFUSED, Reason.NOT_FOUND),
    ("Incorrect order ID", Outcome.REFUSED, Reason.NOT_FOUND),
    ("ORDER DOES NOT EXIST", Outcome.REFUSED, Reason.NOT_FOUND),
    ("Order doesn't exist", Outcome.REFUSED, Reason.NOT_FOUND),
    ("Order not found for this API key", Outcome.REFUSED, Reason.NOT_FOUND),
    (
        "Order cannot be cancelled (already completed)",
        Outcome.REFUSED,
        Reason.ALREADY_COMPLETED,
    ),
    (
        "Order cannot be cancelled (Completed)",
        Outcome.REFUSED,
        Reason.ALREADY_COMPLETED,
    ),
    (
        "Service does not support cancellation",
        Outcome.REFUSED,
        Reason.NOT_SUPPORTED,
    ),
    (
        "Order cannot be cancelled (already cancelled)",
        Outcome.REFUSED,
        Reason.ALREADY_CANCELLED,
    ),
    ("Order already canceled", Outcome.REFUSED, Reason.ALREADY_CANCELLED),
    ("Cancel already requested", Outcome.REQUESTED, None),
    ("Order cannot be cancelled (already refunded)", Outcome.REFUSED, None),
    ("Order cannot be cancelled (already partial)", Outcome.REFUSED, None),
    ("Order already completed or cancelled", Outcome.UNKNOWN, None),
    ("Order already completed/cancelled", Outcome.UNKNOWN, None),
    ("Order not found or already cancelled", Outcome.UNKNOWN, None),
    ("Order cannot be cancelled (in progress)", Outcome.UNKNOWN, None),
    ("Order cannot be cancelled", Outcome.UNKNOWN, None),
    ("Invalid order status", Outcome.UNKNOWN, None),
    ("Order not found, try again", Outcome.UNKNOWN, None),
    ("Refill instead", Outcome.UNKNOWN, None),
]


@pytest.mark.parametrize(("words", "outcome", "reason"), ERRORS)
def test_an_error_gives_the_reason_and_its_words_are_kept(
    words: str, outcome: Outcome, reason: Reason | None
) -> None:
    expected = Finding(outcome, reason, "400", words)
    assert cancel({"error": words}, 400) == expected
    assert cancel({"message": words}, 400) == expected
    assert cancel({"error": words}).reason is reason
    for document in (
        [{"order": A.id, "error": words}],
        [{"order": A.id, "cancel": {"error": words}}],
        {A.id: {"error": words}},
        {"order": A.id, "cancel": {"error": words}},
    ):
        found = cancel(document)
        assert (found.outcome, found.reason) == (outcome, reason)
        assert found.message == words


# --- which row belongs to which order ---------------------------------------------

ROWS = [
    {"order": A.id, "cancel": A.id},
    {"order": B.id, "error": "Order not found"},
    {"order": int(C.id), "cancel": 1},
]


@given(st.permutations(ROWS))
def test_a_row_belongs_to_the_order_that_it_names(rows: list[Any]) -> None:
    parsed = PANEL.parse_cancel(THREE, reply(rows))
    assert outcomes(parsed) == [Outcome.REQUESTED, Outcome.REFUSED, Outcome.REQUESTED]


@given(st.permutations(ROWS), st.integers(0, 3))
def test_a_missing_row_leaves_its_own_order_unknown(rows: list[Any], n: int) -> None:
    parsed = PANEL.parse_cancel(THREE, reply(rows[:n]))
    assert isinstance(parsed, Findings)
    assert set(parsed.by_order) == {str(row["order"]) for row in rows[:n]}


def test_a_map_keyed_by_order_is_read_too() -> None:
    document = {
        "9": {"cancel": 1},
        B.id: {"cancel": {"error": "Incorrect order ID"}},
        "ord_unasked1": {"cancel": 1},
    }
    parsed = PANEL.parse_cancel(THREE, reply(document))
    assert outcomes(parsed) == [Outcome.UNKNOWN, Outcome.REFUSED, Outcome.REQUESTED]
    assert isinstance(parsed, Findings)
    assert "ord_unasked1" not in parsed.by_order


def test_two_different_rows_for_one_order_decide_nothing() -> None:
    rows = [ROWS[0], {"order": A.id, "error": "Order not found"}, ROWS[0]]
    assert cancel(rows).outcome is Outcome.UNKNOWN
    assert cancel([ROWS[0], ROWS[0]]) == REQUESTED


def test_one_success_for_a_batch_belongs_to_no_order() -> None:
    parsed = PANEL.parse_cancel(THREE, reply({"cancel": A.id}))
    assert outcomes(parsed) == [Outcome.UNKNOWN] * 3


# --- what the whole reply means ---------------------------------------------------


@pytest.mark.parametrize("status", [200, 400, 404, 422])
def test_an_error_for_a_batch_halves_it(status: int) -> None:
    parsed = PANEL.parse_cancel(THREE, reply({"error": "Order not found"}, status))
    assert parsed == BatchRefused(
        Finding(Outcome.REFUSED, Reason.NOT_FOUND, str(status), "Order not found")
    )


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"error": "Internal error"}, 400),
        ({"error": "Something went wrong, try again"}, 200),
        ({"error": "Order not found"}, 409),
        ({"error": {"code": 1}}, 400),
        (ROWS, 400),
        ({}, 400),
        ({}, 200),
        ("cancelled", 200),
    ],
)
def test_a_reply_that_may_have_acted_leaves_all_orders_unknown(
    document: object, status: int
) -> None:
    parsed = PANEL.parse_cancel(THREE, reply(document, status))
    assert outcomes(parsed) == [Outcome.UNKNOWN] * 3


@pytest.mark.parametrize("status", [200, 400, 403])
@pytest.mark.parametrize(
    "words", ["Account suspended", "Invalid API key", "invalid_key", "Key is required"]
)
def test_an_error_about_the_account_holds_the_lane(words: str, status: int) -> None:
    for parse in (PANEL.parse_cancel, PANEL.parse_read):
        for orders in ([A], THREE):
            held = parse(orders, reply({"error": words}, status))
            assert isinstance(held, Held)
            assert words in held.why
            assert "whether the account is suspended" in held.why


@pytest.mark.parametrize(
    ("status", "named"), [(401, "key"), (403, "suspended"), (404, "base_url")]
)
def test_a_401_403_or_404_holds_the_lane(status: int, named: str) -> None:
    for body in (b"", b"{}", b'{"error":"No such page"}'):
        for parse in (PANEL.parse_cancel, PANEL.parse_read):
            held = parse([A], Reply(status, {}, body))
            assert isinstance(held, Held)
            assert named in held.why


def test_a_404_about_an_order_does_not_hold_the_lane() -> None:
    assert cancel({"error": "Order not found"}, 404).reason is Reason.NOT_FOUND
    assert read({"error": "Order not found"}, 404).outcome is Outcome.GONE


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff", b"[" * 100_000])
def test_a_reply_that_is_no_json_is_unreadable(body: bytes) -> None:
    for status in (200, 400, 409):
        for parse in (PANEL.parse_cancel, PANEL.parse_read):
            with pytest.raises(UnreadableReplyError):
                parse([A], Reply(status, {}, body))


# --- what a status means ----------------------------------------------------------

STATUSES = [
    ("in_progress", Outcome.ACTIVE, None),
    ("In progress", Outcome.ACTIVE, None),
    ("IN-PROGRESS", Outcome.ACTIVE, None),
    ("Pending", Outcome.ACTIVE, None),
    ("processing", Outcome.ACTIVE, None),
    ("Completed", Outcome.REFUSED, Reason.ALREADY_COMPLETED),
    ("cancelled", Outcome.CANCELLED, Reason.CONFIRMED),
    ("Canceled", Outcome.CANCELLED, Reason.CONFIRMED),
    ("REFUNDED", Outcome.CANCELLED, Reason.CONFIRMED),
    ("partial", Outcome.CANCELLED, Reason.PARTIAL),
    ("failed", Outcome.REFUSED, Reason.WINDOW_CLOSED),
    ("cancelling", Outcome.UNKNOWN, None),
    ("on hold", Outcome.UNKNOWN, None),
    ("", Outcome.UNKNOWN, None),
    (None, Outcome.UNKNOWN, None),
    (1, Outcome.UNKNOWN, None),
    (["cancelled"], Outcome.UNKNOWN, None),
]


@pytest.mark.parametrize(("status", "outcome", "reason"), STATUSES)
def test_a_status_is_read_in_any_spelling_and_kept(
    status: object, outcome: Outcome, reason: Reason | None
) -> None:
    row = {"status": status, "charge": "0.50", "remains": "650", "currency": "USD"}
    for document in (row, {A.id: row}, [{"order": A.id, **row}]):
        found = read(document)
        assert (found.outcome, found.reason) == (outcome, reason)
        assert found.code == (
            str(status) if status and status != ["cancelled"] else None
        )


@pytest.mark.parametrize(("remains", "said"), [("650", "650"), (650, "650"), (0, "0")])
def test_partial_shows_how_much_remained(remains: object, said: str) -> None:
    found = read({"status": "Partial", "remains": remains})
    assert found.message is not None
    assert f": {said} of it remained" in found.message


@pytest.mark.parametrize("remains", [None, "", [], 1.5])
def test_partial_without_a_number_is_shown_as_unknown(remains: object) -> None:
    found = read({"status": "partial", "remains": remains})
    assert (found.outcome, found.reason) == (Outcome.CANCELLED, Reason.PARTIAL)
    assert "unknown number" in (found.message or "")


def test_each_order_is_read_from_its_own_entry() -> None:
    document = {
        "9": {"status": "in_progress"},
        B.id: {"error": "Order not found"},
        A.id: {"status": "cancelled"},
    }
    parsed = PANEL.parse_read(THREE, reply(document))
    assert outcomes(parsed) == [Outcome.CANCELLED, Outcome.GONE, Outcome.ACTIVE]


@pytest.mark.parametrize(
    "document",
    [
        {"status": "cancelled"},
        {B.id: {"order": A.id, "status": "cancelled"}},
        [{"status": "cancelled"}],
        [],
        {},
    ],
)
def test_a_status_without_an_order_decides_nothing(document: object) -> None:
    parsed = PANEL.parse_read(THREE, reply(document))
    assert outcomes(parsed) == [Outcome.UNKNOWN] * 3


def test_a_status_beside_an_error_decides_nothing() -> None:
    for words in ("odd", "Order not found"):
        document = {"status": "cancelled", "error": words}
        assert read(document).outcome is Outcome.UNKNOWN
        assert read({A.id: document}).outcome is Outcome.UNKNOWN


def test_a_status_in_a_failed_reply_decides_nothing() -> None:
    assert read({"status": "cancelled"}, 400).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("words", ["Order not found", "Incorrect order ID"])
def test_an_unknown_order_is_gone(words: str) -> None:
    assert read({"error": words}, 400) == Finding(Outcome.GONE, None, "400", words)
    assert read({A.id: {"error": words}}) == Finding(Outcome.GONE, None, None, words)


@pytest.mark.parametrize("words", ["Odd", "Order cannot be cancelled", "Not found"])
def test_another_error_of_a_reading_decides_nothing(words: str) -> None:
    assert read({"error": words}, 400).outcome is Outcome.UNKNOWN
    assert read({A.id: {"error": words}}).outcome is Outcome.UNKNOWN


def test_one_bad_order_does_not_hide_the_others() -> None:
    refused = PANEL.parse_read(THREE, reply({"error": "Order not found"}, 400))
    assert isinstance(refused, BatchRefused)


# --- orders, params and accounts --------------------------------------------------


@pytest.mark.parametrize("order", [A.id, 9, " 9 ", "a-b_1", "1" * 64])
def test_an_order_is_an_id_with_a_digit(order: object) -> None:
    assert PANEL.check_order(order) == str(order).strip()


@pytest.mark.parametrize("order", ["", "ord", "error", "1,2", "1 2", "_1", "1" * 65])
def test_another_form_of_order_is_refused_in_a_sentence(order: object) -> None:
    with pytest.raises(InvalidRequestError, match="ord_01HG9X7KJP4N"):
        PANEL.check_order(order)


def test_calls_stay_below_the_documented_limit_and_leave_room_for_cancels() -> None:
    rate, reads = parse_rate(PANEL.policy.rate), parse_rate(PANEL.policy.read_rate)
    assert (rate.amount, rate.get_expiry()) == (90, 60)
    assert (reads.amount, reads.get_expiry()) == (60, 60)
    assert (PANEL.policy.batch, PANEL.policy.read_batch) == (100, 100)
    assert not PANEL.policy.repeatable
    assert PANEL.policy.refusal_is_final


def test_an_account_needs_a_key() -> None:
    with pytest.raises(ValidationError) as raised:
        NotPanelAccount.model_validate({})
    assert explain(raised.value) == "key is required"


def test_no_secret_is_shown() -> None:
    shown = repr([ACCOUNT, PANEL.build_cancel(ACCOUNT, None, [A])])
    assert "the key" not in shown
    assert "the+key" not in shown
    assert ACCOUNT.secrets() == ("the key&1",)


# --- any reply --------------------------------------------------------------------

HTTP = st.sampled_from([200, 201, 204, 400, 401, 403, 404, 409, 422])
WORDS = st.sampled_from(
    ["cancelled", "Partial", "refunded", "1", A.id, B.id, "Order not found"]
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | WORDS
KEYS = st.text() | WORDS | st.sampled_from(["order", "cancel", "error", "status"])
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
    max_leaves=10,
)
ROW = st.fixed_dictionaries(
    {},
    optional={
        "order": WORDS | JSON,
        "cancel": WORDS | JSON,
        "error": JSON,
        "status": WORDS | JSON,
        "remains": JSON,
    },
)
LIKELY = ROW | st.lists(ROW, max_size=4) | st.dictionaries(KEYS, ROW, max_size=4)


@given(HTTP, st.binary())
def test_any_bytes_are_read_or_unreadable(status: int, body: bytes) -> None:
    for parse in (PANEL.parse_cancel, PANEL.parse_read):
        try:
            parsed = parse([A], Reply(status, {}, body))
        except UnreadableReplyError:
            continue
        if isinstance(parsed, Findings):
            assert parsed.of(A.id).outcome in (Outcome.UNKNOWN, Outcome.REFUSED)


@given(HTTP, JSON | LIKELY, st.sampled_from([[A], [A, B], THREE]))
def test_no_cancel_reply_means_cancelled(
    status: int, document: Any, orders: list[Order]
) -> None:
    try:
        parsed = PANEL.parse_cancel(orders, reply(document, status))
    except UnreadableReplyError:
        return
    if isinstance(parsed, Findings):
        assert set(parsed.by_order) <= {order.id for order in orders}
        found = {each.outcome for each in parsed.by_order.values()}
        assert not found & {Outcome.CANCELLED, Outcome.ACTIVE, Outcome.GONE}
        if Outcome.REQUESTED in found:
            assert status in range(200, 300)
            assert "cancel" in json.dumps(document)


@given(HTTP, JSON | LIKELY, st.sampled_from([[A], [A, B], THREE]))
def test_no_status_means_cancelled_without_the_word(
    status: int, document: Any, orders: list[Order]
) -> None:
    try:
        parsed = PANEL.parse_read(orders, reply(document, status))
    except UnreadableReplyError:
        return
    if not isinstance(parsed, Findings):
        return
    assert set(parsed.by_order) <= {order.id for order in orders}
    for order in orders:
        if parsed.of(order.id).outcome is Outcome.CANCELLED:
            assert status in range(200, 300)
            shown = json.dumps(document)
            assert len(orders) == 1 or f'"{order.id}"' in shown
            assert any(word in shown for word in ("cancelled", "Partial", "refunded"))
