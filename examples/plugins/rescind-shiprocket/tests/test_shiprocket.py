"""Shiprocket passes the suite that every provider of Rescind passes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rescind.provider import (
    Finding,
    Findings,
    Held,
    InvalidRequestError,
    Order,
    Outcome,
    Parsed,
    Reason,
    Reply,
    Token,
    TokenRefused,
)
from rescind.provider.testing import MARK, Case, ProviderSuite, judged
from rescind_shiprocket.identifiers import bare
from rescind_shiprocket.provider import Shiprocket, ShiprocketAccount
from rescind_shiprocket.simulation import ShiprocketSimulation

SHIPROCKET = Shiprocket()
NOW = datetime(2020, 11, 20, 18, 9, tzinfo=UTC)
IDS = [Order("order:16168898"), Order("order:16167171")]
AWBS = [Order("awb:788830567028"), Order("awb:788829354408")]
TAKEN_ON = {
    "message": "Bulk Shipment cancellation is in progress. Please wait for some time."
}


def tracked(order: Order, code: int, words: str) -> dict[str, Any]:
    row = {"awb_code": bare(order), "current_status": words, "shipment_id": None}
    data = {"track_status": 1, "shipment_status": code, "shipment_track": [row]}
    return {bare(order): {"tracking_data": data}}


def detail(order: Order, code: int, words: str) -> dict[str, Any]:
    return {"data": {"id": int(bare(order)), "status_code": code, "status": words}}


def error(status: int, words: str) -> dict[str, Any]:
    return {"message": words, "status_code": status}


def proof(
    call: str, finding: Finding, order: Order, asked: Sequence[Order], reply: Reply
) -> bool:
    """No cancel proves a cancellation; a reading shows its code at the order's own
    place."""
    if finding.outcome is not Outcome.CANCELLED:
        return True
    if call == "cancel" or not reply.ok:
        return False
    kind, _, name = order.id.partition(":")
    if kind == "order":
        shown = reply.json()["data"]
        return int(shown["id"]) == int(name) and int(shown["status_code"]) in {5, 54}
    data = reply.json()[name]["tracking_data"]
    row = data["shipment_track"][0]
    return str(row["awb_code"]) == name and int(data["shipment_status"]) in {8, 45}


class TestShiprocket(ProviderSuite):
    case = Case(
        provider=SHIPROCKET,
        credentials={"email": "api@shop.example", "password": MARK},
        orders=[*AWBS, *IDS],
        also_asked=[IDS[:1], AWBS[:1]],
        cancels=[TAKEN_ON, error(422, "Required field missing"), error(500, "x")],
        reads=[
            {**tracked(AWBS[0], 8, "Canceled"), **tracked(AWBS[1], 1, "AWB Assigned")},
            tracked(AWBS[0], 16, "Cancellation Requested"),
            tracked(AWBS[0], 7, "Delivered"),
            detail(IDS[0], 5, "CANCELED"),
            detail(IDS[0], 1, "NEW"),
        ],
        logins=[{"id": 1, "email": "api@shop.example", "token": "eyJ0.eyJ1.c2ln"}],
        odd=["Canceled", "Delivered", 8, 5, 45, 54, 16],
        proof=proof,
        simulation=ShiprocketSimulation,
    )


def reply(document: Any, status: int = 200) -> Reply:
    return Reply(status, {}, json.dumps(document).encode())


def cancelled(orders: Sequence[Order], document: Any, status: int = 200) -> Any:
    parsed = SHIPROCKET.parse_cancel(orders, reply(document, status))
    return parsed.of(orders[0].id) if isinstance(parsed, Findings) else parsed


def read(order: Order, document: Any, status: int = 200) -> Any:
    parsed = SHIPROCKET.parse_read([order], reply(document, status))
    return parsed.of(order.id) if isinstance(parsed, Findings) else parsed


def account(**more: Any) -> ShiprocketAccount:
    fields = more or {"email": "api@shop.example", "password": "p"}
    return ShiprocketAccount.model_validate(fields)


# --- two call shapes ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("orders", "path", "document"),
    [
        (IDS, "/orders/cancel", {"ids": [16168898, 16167171]}),
        (
            AWBS,
            "/orders/cancel/shipment/awbs",
            {"awbs": ["788830567028", "788829354408"]},
        ),
    ],
)
def test_each_kind_has_a_cancel_call_of_its_own(
    orders: list[Order], path: str, document: Any
) -> None:
    sent = SHIPROCKET.build_cancel(account(), "t0ken", orders)
    assert sent.url == f"https://apiv2.shiprocket.in/v1/external{path}"
    assert json.loads(sent.body) == document
    assert sent.headers["Authorization"] == "Bearer t0ken"


def test_each_kind_is_read_in_its_own_way() -> None:
    shown = SHIPROCKET.build_read(account(), "t", IDS[:1])
    traced = SHIPROCKET.build_read(account(), "t", AWBS)
    assert shown.method == "GET"
    assert shown.url.endswith("/external/orders/show/16168898")
    assert traced.url.endswith("/external/courier/track/awbs")
    assert json.loads(traced.body) == {"awbs": ["788830567028", "788829354408"]}


KINDS = st.lists(st.sampled_from(["order:1", "awb:AB12"]), max_size=260)


@given(KINDS)
def test_a_claim_is_split_by_kind_and_by_size(names: list[str]) -> None:
    orders = [Order(name) for name in names]
    for split, most in (
        (SHIPROCKET.split, {"order": 100, "awb": 2000}),
        (SHIPROCKET.split_reading, {"order": 1, "awb": 50}),
    ):
        parts = split(orders)
        for part in parts:
            (kind,) = {one.id.partition(":")[0] for one in part}
            assert 0 < len(part) <= most[kind]
        found = [id(one) for part in parts for one in part]
        assert sorted(found) == sorted(map(id, orders))


# --- the order ------------------------------------------------------------------------


@pytest.mark.parametrize("order", ["16168898", "awb:1", "order:016", "order:x", "awb:"])
def test_an_order_that_does_not_say_its_kind_is_refused(order: str) -> None:
    with pytest.raises(InvalidRequestError, match="order must be order:ID with"):
        SHIPROCKET.check_order(order)


def test_an_awb_is_compared_in_capitals() -> None:
    assert SHIPROCKET.canonical_order("awb:ab12cd") == "awb:AB12CD"
    assert SHIPROCKET.canonical_order("order:12") == "order:12"


# --- a cancel -------------------------------------------------------------------------


@pytest.mark.parametrize("orders", [IDS, AWBS, IDS[:1]])
def test_what_is_taken_on_is_never_more_than_requested(orders: list[Order]) -> None:
    parsed = SHIPROCKET.parse_cancel(orders, Reply(204))
    assert isinstance(parsed, Findings)
    assert {parsed.of(one.id).outcome for one in orders} == {Outcome.REQUESTED}
    assert cancelled(orders, TAKEN_ON).outcome is Outcome.REQUESTED


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"message": "Not cancelled successfully"}, 200),
        ({}, 200),
        ([], 200),
        ({**TAKEN_ON, "status_code": 500}, 200),
    ],
)
def test_other_words_of_a_success_decide_nothing(document: Any, status: int) -> None:
    assert cancelled(IDS, document, status).outcome is Outcome.UNKNOWN


def test_an_error_is_final_for_no_order() -> None:
    said = error(400, "Cannot cancel a shipped order")
    assert cancelled(IDS, said, 400).outcome is Outcome.UNKNOWN
    alone = cancelled(IDS[:1], said, 400)
    assert (alone.outcome, alone.reason) == (Outcome.REFUSED, None)
    in_a_200 = cancelled(IDS[:1], error(404, "Order does not exist!"))
    assert (in_a_200.outcome, in_a_200.code) == (Outcome.REFUSED, "404")


# --- a reading ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "words", "outcome", "reason"),
    [
        (8, "Canceled", Outcome.CANCELLED, Reason.CONFIRMED),
        (8, "CANCELLED", Outcome.CANCELLED, Reason.CONFIRMED),
        (45, "CANCELLED_BEFORE_DISPATCHED", Outcome.CANCELLED, Reason.CONFIRMED),
        (16, "Cancellation Requested", Outcome.REQUESTED, None),
        (3, "Pickup Generated", Outcome.ACTIVE, None),
        (19, "Out For Pickup", Outcome.ACTIVE, None),
        (42, "PICKED UP", Outcome.REFUSED, Reason.WINDOW_CLOSED),
        (7, "Delivered", Outcome.REFUSED, Reason.ALREADY_COMPLETED),
        (8, "Delivered", Outcome.UNKNOWN, None),
        (49, "Custom Cleared", Outcome.UNKNOWN, None),
        (None, "Canceled", Outcome.UNKNOWN, None),
    ],
)
def test_each_status_of_a_shipment(
    code: Any, words: str, outcome: Outcome, reason: Reason | None
) -> None:
    finding = read(AWBS[0], tracked(AWBS[0], code, words))
    assert (finding.outcome, finding.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("code", "words", "outcome"),
    [
        (5, "CANCELED", Outcome.CANCELLED),
        (54, "CANCELED BEFORE DISPATCHED", Outcome.CANCELLED),
        (18, "CANCELLATION REQUESTED", Outcome.REQUESTED),
        (1, "NEW", Outcome.ACTIVE),
        (6, "SHIPPED", Outcome.REFUSED),
        (5, "NEW", Outcome.UNKNOWN),
        (21, "RETURN PENDING", Outcome.UNKNOWN),
        (27, "RETURN CANCELLED", Outcome.UNKNOWN),
    ],
)
def test_each_status_of_an_order(code: int, words: str, outcome: Outcome) -> None:
    assert read(IDS[0], detail(IDS[0], code, words)).outcome is outcome


def test_the_codes_of_orders_and_shipments_are_not_mixed() -> None:
    assert read(AWBS[0], tracked(AWBS[0], 5, "")).outcome is Outcome.ACTIVE
    assert read(IDS[0], detail(IDS[0], 8, "")).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("document", [{}, [], tracked(AWBS[1], 8, "Canceled")])
def test_an_awb_without_an_entry_is_not_gone(document: Any) -> None:
    assert read(AWBS[0], document).outcome is Outcome.UNKNOWN


def test_an_order_that_does_not_exist_is_gone() -> None:
    said = error(400, "Order ID not found")
    assert read(IDS[0], said, 400).outcome is Outcome.GONE
    assert read(AWBS[0], said, 400).outcome is Outcome.UNKNOWN


def test_the_customer_of_an_order_is_not_kept() -> None:
    said = {"data": {"id": 16168898, "status": "ODD", "customer_name": "Ann"}}
    sent = SHIPROCKET.build_read(account(), "t", IDS[:1])
    kept = judged(sent, reply(said), read_of_one, SHIPROCKET.policy)
    assert '"status": "ODD"' in str(kept.body)
    assert "Ann" not in repr(kept)


def test_an_entry_of_a_tracked_awb_is_kept() -> None:
    sent = SHIPROCKET.build_read(account(), "t", AWBS[:1])
    said = reply(tracked(AWBS[0], 99, "A new state"))
    kept = judged(
        sent, said, lambda r: SHIPROCKET.parse_read(AWBS[:1], r), SHIPROCKET.policy
    )
    assert "A new state" in str(kept.body)


def read_of_one(said: Reply) -> Parsed:
    return SHIPROCKET.parse_read(IDS[:1], said)


# --- the account ----------------------------------------------------------------------


def test_a_refused_token_is_renewed_and_a_refused_user_holds_the_lane() -> None:
    expired = error(401, "Token has expired")
    assert isinstance(read(IDS[0], expired, 401), TokenRefused)
    assert isinstance(cancelled(IDS, expired, 401), TokenRefused)
    assert isinstance(cancelled(IDS, error(403, "No access"), 403), Held)
    assert isinstance(cancelled(IDS, error(404, "404 Not Found"), 404), Held)


def test_a_login_gives_a_token_or_says_what_to_check() -> None:
    token = SHIPROCKET.parse_login(reply({"token": "eyJ0.x"}), NOW)
    assert token == Token("eyJ0.x")
    held = SHIPROCKET.parse_login(reply(error(400, "Invalid"), 400), NOW)
    assert isinstance(held, Held)
    assert "check email and password" in held.why


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"email": "a@b.example"}, "email and password are required"),
        ({"token": "t", "email": "a@b.example"}, "set either token"),
    ],
)
def test_an_account_has_one_way_in(fields: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        account(**fields)
