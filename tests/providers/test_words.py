"""Each provider's vocabulary, each word with each code. A state that is denied, asked
about or announced, or named beside another, is never read as the order's state."""

from __future__ import annotations

import json
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers import ithink_words, notpanel_words
from providers.dukkango_words import of_refusal
from providers.registry import BY_NAME
from rescind.provider.http_messages import Reply
from rescind.provider.outcomes import Finding, Findings, Order, Outcome, Reason
from rescind.provider.wording import asserted
from tests.providers.accounts import ORDERS

CANCELLED, REFUSED = Outcome.CANCELLED, Outcome.REFUSED


def parsed(name: str, call: str, status: int, document: Any, order: Order) -> Finding:
    provider = BY_NAME[name]
    parse = provider.parse_cancel if call == "cancel" else provider.parse_read
    found = parse([order], Reply(status, {}, json.dumps(document).encode()))
    assert isinstance(found, Findings)
    return found.of(order.id)


# --- English, at all providers ------------------------------------------------------

STATES = ("cancelled", "canceled", "delivered", "completed", "shipped", "picked")
NOT_SO = (
    *("not {}", "not yet {}", "never {}", "has not been {}", "could not be {}"),
    *("isn't {}", "can't be {}", "cannot be {}", "will be {}", "to be {}", "being {}"),
    *("if it is {}", "once {}", "until it is {}", "before it was {}", "unless {}"),
    *("may be {}", "can only be cancelled before it is {}", "no order was {}"),
)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("form", NOT_SO)
def test_a_denied_or_supposed_state_is_not_asserted(state: str, form: str) -> None:
    assert state not in asserted(f"The order is {form.format(state)}.").split()


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    "form",
    ["Already {}", "has been {}", "was {} already", "is {}, it cannot be undone"],
)
def test_a_stated_state_is_asserted(state: str, form: str) -> None:
    assert state in asserted(form.format(state)).replace(",", "").split()


# --- iThink -------------------------------------------------------------------------

AWB = ORDERS["ithink"][0]
CANCEL_WORDS = ("Cancelled", "CANCELED", "cancelled by seller", "Order Cancelled")
ACTIVE_WORDS = ("Manifested", "Not Picked", "not_picked")
GONE_WORDS = ("Lost", "Damaged", "Delayed", "Shortage", "In Transit", "RTO Shortage")
GONE_TOO = ("Shipment In-Transit", "Picked Up", "Undelivered", "Returned To Origin")
STRANGE = (
    "Pickup Cancelled",
    "Cancellation requested",
    "Not Cancelled",
    "To be cancelled",
)
STRANGE_TOO = (
    "Cancelling",
    "Cancelled and reinstated",
    "Something else",
    "Uncancelled",
    "",
)
CODES = ("", "UD", "CN", "CA", "36", "DL", "RT", "RTO", "IT", "PP", "XX")
NEUTRAL = ("", "UD", "CA", "36", "XX")
NOT_CANCELLED = ("DL", "RT", "RTO", "IT", "PP")


def tracked(status: str, code: str, cancel_status: str | None = None) -> Finding:
    entry = {"awb_no": AWB.id, "current_status": status, "current_status_code": code}
    if cancel_status is not None:
        entry["cancel_status"] = cancel_status
    document = {"status": "success", "data": {AWB.id: entry}}
    return parsed("ithink", "read", 200, document, AWB)


@pytest.mark.parametrize(("word", "code"), list(product(CANCEL_WORDS, CODES)))
def test_ithinks_cancelled_counts_unless_a_code_contradicts_it(
    word: str, code: str
) -> None:
    expected = Outcome.UNKNOWN if code in NOT_CANCELLED else CANCELLED
    assert tracked(word, code).outcome is expected


@pytest.mark.parametrize(("word", "code"), list(product(ACTIVE_WORDS, CODES)))
def test_ithinks_active_words_count_unless_a_code_says_more(
    word: str, code: str
) -> None:
    expected = Outcome.ACTIVE if code in NEUTRAL else Outcome.UNKNOWN
    assert tracked(word, code).outcome is expected


@pytest.mark.parametrize(("word", "code"), list(product(GONE_WORDS + GONE_TOO, CODES)))
def test_a_shipment_that_has_left_the_shop_is_too_late_to_cancel(
    word: str, code: str
) -> None:
    found = tracked(word, code)
    expected = Outcome.UNKNOWN if code == "CN" else REFUSED
    assert found.outcome is expected
    assert found.reason in (None, Reason.WINDOW_CLOSED)


@pytest.mark.parametrize(("word", "code"), list(product(STRANGE + STRANGE_TOO, CODES)))
def test_an_unknown_word_is_read_by_its_code_alone(word: str, code: str) -> None:
    by_code = ithink_words.CODES.get(code)
    expected = by_code.outcome if by_code else Outcome.UNKNOWN
    assert tracked(word, code).outcome is expected


@pytest.mark.parametrize(
    "word",
    [*CANCEL_WORDS, *ACTIVE_WORDS, *GONE_WORDS, *GONE_TOO, *STRANGE, *STRANGE_TOO],
)
@pytest.mark.parametrize("asked", ["Approved", "approved ", "CANCELLED"])
def test_an_approved_cancel_is_cancelled_with_any_status_beside_it(
    word: str, asked: str
) -> None:
    for code in ("", "UD", "CN", "IT"):
        assert tracked(word, code, asked).outcome is CANCELLED


def test_a_cancel_status_is_kept_beside_the_status() -> None:
    found = tracked("Manifested", "UD", "Approved")
    assert (found.code, found.message) == ("Manifested", "cancel_status: Approved")


def test_an_approved_cancel_of_a_delivered_shipment_is_unknown() -> None:
    assert tracked("Delivered", "DL", "Approved").outcome is Outcome.UNKNOWN


@given(st.text(max_size=12) | st.sampled_from(["Pending", "Requested", "Not Approved"]))
def test_beside_any_cancel_status_no_second_cancel_is_sent(
    asked: str,
) -> None:
    found = tracked("Manifested", "UD", asked)
    nothing = {"", *ithink_words.NO_CANCEL}
    if ithink_words._folded(asked.replace("\x00", "").strip()) not in nothing:
        assert found.outcome is not Outcome.ACTIVE


REMARKS_TO_READ_BACK = (
    "Cancellation request already submitted",
    "Cancel request is pending for approval",
    "Already requested for cancellation",
    "Cancellation under process",
    "Please try after some time, or later",
    "Courier server is not responding",
)


@pytest.mark.parametrize("remark", REMARKS_TO_READ_BACK)
@pytest.mark.parametrize("status", ["Failed", "error"])
def test_a_failed_row_that_may_hide_a_cancel_decides_nothing(
    remark: str, status: str
) -> None:
    document = {
        "status": "success",
        "data": {"1": {"status": status, "remark": remark}},
    }
    found = parsed("ithink", "cancel", 200, document, AWB)
    assert found.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("form", NOT_SO)
@pytest.mark.parametrize("state", ["delivered", "picked up", "cancelled"])
def test_a_remark_that_denies_a_state_names_none(form: str, state: str) -> None:
    remark = f"Order is {form.format(state)}"
    found = ithink_words.of_remark(remark, Finding(REFUSED, Reason.REFUSED))
    assert found == Finding(REFUSED, Reason.REFUSED)


# --- notpanel -----------------------------------------------------------------------

PANEL = ORDERS["notpanel"][0]
NO_CANCELS = (
    "Cancel is not available for this order",
    "Cancellation is not available for this service",
    "Cancel not available",
    "Cancellation is disabled for this service",
    "Cancel button is disabled",
    "Cancel disabled for this service",
    "Cancellation isn't allowed for this order",
    "Cancellation not allowed",
    "Canceling is not possible for this order",
    "Cancellation is unavailable for this service",
    "This service does not support cancel",
    "This service doesn't allow cancellation",
    "Service not support cancel",
    "This service is not cancellable",
    "Order is non-cancelable",
    "No cancel for this service",
    "Cancel option not enabled for this service",
    "Cancel: not available",
    "Disabled for this service",
    "Order has no cancel button",
    "No refund or cancel for this service",
    "Orders of this service cannot be cancelled",
    "You can't cancel orders of this service",
    "This order is not eligible for cancellation",
    "cancel_not_available",
)
MAY_CHANGE = (
    "Cancel is currently not available for this order",
    "Cancellation is temporarily unavailable",
    "Cancel is not available right now, try again",
    "Cancel is not available yet",
    "Cancel is not available for completed orders",
    "Cancellation is not allowed for this order status",
    "Cancellation is only disabled for this service at night",
    "Cancel is not available until the order starts",
    "Service unavailable",
)
UNDER_WAY = (
    "Cancellation already in progress",
    "Cancellation is already in progress",
    "cancelation in progress",
    "Cancellation request is pending",
    "Your cancellation request has already been submitted",
    "Cancellation of this order is being processed",
    "Cancel already requested",
    "Cancel request already sent",
    "Already requested cancellation",
    "Already in queue: cancel is already queued",
    "Order is being cancelled",
    "Order is already cancelling",
    "Cancel in progress",
    "There is already a pending cancellation",
    "A cancel request for this order already exists",
    "Order already in cancellation queue",
)
NOT_UNDER_WAY = (
    "Order cannot be cancelled (in progress)",
    "Cannot cancel in progress orders",
    "Cannot cancel order: order is in progress",
    "Cancel failed, order in progress",
    "No cancellation in progress",
    "No cancel request is pending",
    "Order is not being cancelled",
    "Order cannot be cancelled",
    "Refill is disabled for this service",
    "Order was never cancelled",
)
ERRORS = {
    **dict.fromkeys(NO_CANCELS, (REFUSED, Reason.NOT_SUPPORTED)),
    **dict.fromkeys(UNDER_WAY, (Outcome.REQUESTED, None)),
    **dict.fromkeys(MAY_CHANGE, (Outcome.UNKNOWN, None)),
    **dict.fromkeys(NOT_UNDER_WAY, (Outcome.UNKNOWN, None)),
    "Order's service was not found": (Outcome.UNKNOWN, None),
    "Cancel is not available, order already completed": (Outcome.UNKNOWN, None),
    "No order found": (REFUSED, Reason.NOT_FOUND),
    "Order could not be found": (REFUSED, Reason.NOT_FOUND),
}


@pytest.mark.parametrize("words", ERRORS)
def test_notpanels_errors_mean_the_same_in_each_place(words: str) -> None:
    documents = (
        (400, {"error": words}),
        (200, {"error": words.upper()}),
        (200, [{"order": PANEL.id, "cancel": {"error": words}}]),
        (200, {PANEL.id: {"error": words}}),
    )
    for status, document in documents:
        found = parsed("notpanel", "cancel", status, document, PANEL)
        assert (found.outcome, found.reason) == ERRORS[words], document


def spellings(word: str) -> set[str]:
    forms = {word, word.title(), word.upper(), word.replace(" ", "_")}
    return forms | {word.replace(" ", "-"), f" {word} "}


@pytest.mark.parametrize("word", notpanel_words.STATUSES)
def test_notpanels_statuses_are_read_in_any_spelling(word: str) -> None:
    expected = notpanel_words.STATUSES[word]
    for spelt in spellings(word):
        row = {"status": spelt, "charge": "0.27", "remains": "157"}
        found = parsed("notpanel", "read", 200, row, PANEL)
        assert (found.outcome, found.reason) == (expected.outcome, expected.reason)


@pytest.mark.parametrize("word", notpanel_words.STATUSES)
@pytest.mark.parametrize("form", ["not {}", "{} soon", "un{}", "{} or {}", "to be {}"])
def test_a_status_with_other_words_is_unknown(word: str, form: str) -> None:
    row = {"status": form.format(word, "completed"), "remains": "0"}
    assert parsed("notpanel", "read", 200, row, PANEL).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("word", sorted(notpanel_words.OF_A_CALL))
def test_a_failed_call_is_no_failed_order(word: str) -> None:
    bare = parsed("notpanel", "read", 200, {"status": word}, PANEL)
    assert bare.outcome is Outcome.UNKNOWN
    said = {"status": word, "error": "Order not found"}
    assert parsed("notpanel", "read", 200, said, PANEL).outcome is Outcome.GONE


# --- Dükkango -----------------------------------------------------------------------

TURKISH = {
    CANCELLED: (
        *("iptal edildi", "iptal edilmiş", "iptal edilmiştir", "iptal edilmişti"),
        *("iptal edilmiş durumda", "iptal oldu", "iptal olmuştur", "zaten iptal"),
        *("iptal durumunda", "iptal edildiğinden dolayı reddedildi"),
    ),
    REFUSED: (
        *("teslim edildi", "teslim edilmiş", "teslim edilmiştir", "tamamlandı"),
        *("tamamlanmış", "tamamlanmıştır", "tamamlanmış durumda"),
    ),
}
NOT_SO_IN_TURKISH = (
    *("iptal edilmedi", "iptal edilmemiş", "iptal edilemez", "iptal edilemedi"),
    *("iptal edilirse", "iptal edilmişse", "iptal edilecek", "iptal edilmeli"),
    *("iptal edilmeden", "iptal edilene kadar", "iptal edilebilir", "iptal edilsin"),
    *("iptal edildikten sonra", "iptal edilmek üzere", "iptal edilmiş değil"),
    *("teslim edilmedi", "teslim edilecek", "teslim edilmeden", "teslim edildikten"),
    *("tamamlanmadı", "tamamlanacak", "tamamlanmamış", "tamamlandığında"),
)
HTTP = (400, 403, 404, 405, 409, 410, 422, 423)


def turkish(words: str) -> set[str]:
    upper = words.replace("i", "İ").replace("ı", "I").upper()
    ascii_only = words.translate(str.maketrans("çğıöşü", "cgiosu"))
    return {words, upper, ascii_only, f"Sipariş daha önce {words}."}


@pytest.mark.parametrize("http", HTTP)
@pytest.mark.parametrize("outcome", TURKISH)
def test_a_turkish_past_tense_names_the_orders_state_with_any_code(
    http: int, outcome: Outcome
) -> None:
    for words in TURKISH[outcome]:
        for form in turkish(words):
            found = of_refusal(http, form)
            assert found.outcome is outcome, form
            assert found.reason in (Reason.ALREADY_CANCELLED, Reason.ALREADY_COMPLETED)


@pytest.mark.parametrize("words", NOT_SO_IN_TURKISH)
def test_a_turkish_denial_condition_or_future_names_no_state(words: str) -> None:
    named = (Reason.ALREADY_CANCELLED, Reason.ALREADY_COMPLETED)
    for http, form in product(HTTP, turkish(words)):
        found = of_refusal(http, form)
        assert (found.outcome, found.reason in named) == (REFUSED, False), form


@pytest.mark.parametrize("http", HTTP)
@pytest.mark.parametrize("one", [*TURKISH[CANCELLED][:3], "Order already cancelled"])
@pytest.mark.parametrize("link", ["{} veya {}", "{} ya da {}", "{}/{}", "{}, {}"])
def test_two_states_in_one_sentence_are_read_back(
    http: int, one: str, link: str
) -> None:
    for other in TURKISH[REFUSED][:3]:
        for words in (link.format(one, other), link.format(other, one)):
            assert of_refusal(http, words) == Finding(REFUSED), words


@pytest.mark.parametrize("http", [405, 409, 410, 422, 423])
@pytest.mark.parametrize("words", ["Sipariş daha önce işlenmiş", "Conflict", "", None])
def test_an_undocumented_refusal_that_names_no_state_is_read_back(
    http: int, words: str | None
) -> None:
    assert of_refusal(http, words) == Finding(REFUSED)


# --- Akinon -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("Sipariş teslim edildi", Reason.ALREADY_COMPLETED),
        ("Sipariş daha önce teslim edilmiştir", Reason.ALREADY_COMPLETED),
        ("Sipariş kargoya verildi", Reason.WINDOW_CLOSED),
        ("Teslim edildikten sonra", Reason.REFUSED),
        ("Teslim edilmedi", Reason.REFUSED),
        ("Kargoya verildiğinde", Reason.REFUSED),
        ("Kargoya verilmeden önce", Reason.REFUSED),
        ("It will be shipped", Reason.REFUSED),
        ("Once delivered, it stays", Reason.REFUSED),
    ],
)
def test_akinons_reasons_come_from_the_past_tense_only(
    words: str, reason: Reason
) -> None:
    order = ORDERS["akinon"][0]
    found = parsed("akinon", "cancel", 400, {"detail": words}, order)
    assert (found.outcome, found.reason) == (REFUSED, reason)


# --- iletiMerkezi -------------------------------------------------------------------

SMS = ORDERS["iletimerkezi"][0]
NOT_FOUND = {"response": {"status": {"code": 455, "message": "Sipariş bulunamadı"}}}


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(NOT_FOUND, ensure_ascii=False).encode("cp1254"),
        json.dumps(NOT_FOUND, ensure_ascii=False).encode("utf-16"),
        json.dumps(NOT_FOUND).encode()[:40],
        b"<?xml version='1.0'?><response><status><code>455</code></status></response>",
        b"",
    ],
    ids=["Windows-1254", "UTF-16", "cut", "XML", "empty"],
)
def test_iletimerkezis_own_http_status_counts_for_an_unreadable_body(
    body: bytes,
) -> None:
    provider = BY_NAME["iletimerkezi"]
    cancel = provider.parse_cancel([SMS], Reply(455, {}, body))
    read = provider.parse_read([SMS], Reply(455, {}, body))
    assert isinstance(cancel, Findings)
    assert isinstance(read, Findings)
    assert (cancel.of(SMS.id).outcome, cancel.of(SMS.id).reason) == (REFUSED, None)
    assert read.of(SMS.id).outcome is Outcome.GONE


def test_a_turkish_body_in_another_charset_is_read() -> None:
    document = {"response": {"status": {"code": 200, "message": "İşlem başarılı"}}}
    body = json.dumps(document, ensure_ascii=False).encode("cp1254")
    found = BY_NAME["iletimerkezi"].parse_cancel([SMS], Reply(200, {}, body))
    assert isinstance(found, Findings)
    assert found.of(SMS.id) == Finding(
        CANCELLED, Reason.CONFIRMED, "200", "İşlem başarılı"
    )
