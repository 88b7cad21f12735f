"""Clients of the providers that others wrote work against the sandbox, unchanged."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import requests
from omnisdk.omnitron.client import OmnitronApiClient
from omnisdk.omnitron.endpoints import ChannelOrderEndpoint, OmnitronApiEndpoint
from omnisdk.omnitron.models import Order
from safesmm import SafeSMM, SafeSMMError

from providers.registry import BY_NAME
from rescind.sandbox import Sandbox
from tests.sandbox.calls import TIMEOUT, until

TURKISH_TIME = timezone(timedelta(hours=3))


@pytest.fixture
def panel_client(sandbox: Sandbox) -> Any:
    return SafeSMM("my-key", api_url=f"{sandbox.base_url('notpanel')}/api/v2")


def test_a_panel_order_is_added_cancelled_and_refunded(
    sandbox: Sandbox, panel_client: Any
) -> None:
    (service, *others) = panel_client.services()
    assert {one["cancel"] for one in others} == {True, False}
    before = panel_client.balance()
    order = panel_client.add_order(service["service"], "https://example.com/me", 1000)[
        "order"
    ]
    assert BY_NAME["notpanel"].order_pattern.fullmatch(order)
    assert BY_NAME["notpanel"].canonical_order(order) == order
    assert float(panel_client.balance()["balance"]) == 1000 - float(service["rate"])
    assert panel_client.status(order)["status"] == "pending"
    assert panel_client.cancel(order) == [{"order": order, "cancel": order}]
    assert panel_client.multi_status([order])[order]["status"] == "Cancelled"
    assert panel_client.balance() == before
    events = sandbox.order("notpanel", order)["events"]
    assert [one["op"] for one in events] == ["create", "read", "cancel", "read"]


def test_a_panel_order_that_is_completed_is_refilled(
    sandbox: Sandbox, panel_client: Any
) -> None:
    sandbox.seed("notpanel", "ord_1", "completed")
    sandbox.seed("notpanel", "ord_2", "pending")
    number = panel_client.refill("ord_1")["refill"]
    status: dict[str, str] = {}

    def complete() -> bool:
        status.update(panel_client._request("refill_status", refill=number))
        return status["status"] == "Completed"

    until(complete)
    with pytest.raises(SafeSMMError, match=r"cannot be refilled \(pending\)"):
        panel_client.refill("ord_2")
    rows = panel_client._request("refill", orders="ord_1,ord_2")
    assert rows[0] == {"order": "ord_1", "refill": "2"}
    assert "pending" in rows[1]["refill"]["error"]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"service": 99, "link": "x", "quantity": 100}, "Service not found"),
        ({"service": 1, "link": "", "quantity": 100}, "link is required"),
        ({"service": 1, "link": "x", "quantity": 7}, "from 50 to 10000"),
        ({"service": 1, "link": "x"}, "from 50 to 10000"),
        ({"service": 3, "link": "x", "quantity": 10**6}, None),
        ({"service": 2, "link": "x", "comments": "a\nb"}, None),
    ],
)
def test_a_panel_takes_what_its_services_allow(
    panel_client: Any, asked: dict[str, Any], words: str | None
) -> None:
    if words is None:
        assert re.fullmatch(
            "ord_[0-9A-Z]{26}", panel_client.add_order(**asked)["order"]
        )
    else:
        with pytest.raises(SafeSMMError, match=words):
            panel_client.add_order(**asked)


def test_what_an_account_cannot_pay_is_not_added(panel_client: Any) -> None:
    for _ in range(8):
        panel_client.add_order(3, "x", quantity=1_000_000)
    with pytest.raises(SafeSMMError, match="Not enough funds"):
        panel_client.add_order(3, "x", quantity=1_000_000)


@pytest.fixture
def shop(sandbox: Sandbox) -> Iterator[Any]:
    api = OmnitronApiClient(
        base_url=f"{sandbox.base_url('akinon')}/", username="me", password="secret"
    )
    yield api
    api.session.close()


def test_all_orders_of_a_shop_are_listed_page_by_page(
    sandbox: Sandbox, shop: Any
) -> None:
    ids = [str(number) for number in range(1, 24)]
    sandbox.seed("akinon", ids, "approved")
    sandbox.seed("akinon", "99", "missing")
    orders = ChannelOrderEndpoint(channel_id=1)
    listed = [*orders.list(params={"limit": 10})]
    for page in orders.iterator:
        listed += page
    assert [str(one.pk) for one in listed] == ids
    assert orders.list(params={"number": "A7"})[0].pk == 7
    assert orders.list(params={"status": "100"}) == []
    assert orders.retrieve(7).orderitem_set[0]["status"] == "400"
    with pytest.raises(requests.HTTPError, match="404"):
        orders.list(params={"page": 9})


def test_an_order_of_a_shop_is_cancelled_as_the_official_client_does(
    sandbox: Sandbox, shop: Any
) -> None:
    sandbox.seed("akinon", "7", "approved", instant=True)
    item = Order(
        order=7,
        is_all=True,
        cancel_items=[],
        reasons={"101": 2, "102": 2, "103": 2},
        forced_refund_amount=None,
    )
    cancel = OmnitronApiEndpoint(endpoint="orders", model=Order)(path="7/cancel")
    assert cancel.create(item=item).status == "100"
    assert sandbox.order("akinon", "7")["truth"] == "cancelled"
    again = OmnitronApiClient(
        base_url=f"{sandbox.base_url('akinon')}/",
        username="me",
        password="secret",
        token=shop.token,
    )
    assert again.token == shop.token


# The provider's own Python client is not on a package index: these are its bytes.
def sms(sandbox: Sandbox, method: str, **rest: Any) -> Any:
    login = {"key": "my-key", "hash": "my-hash"}
    return requests.post(
        f"{sandbox.base_url('iletimerkezi')}/v1/{method}/json",
        json={"request": {"authentication": login, **rest}},
        headers={"Accept": "application/json"},
        timeout=TIMEOUT,
    )


def order_of(sent_at: str = "", **changes: Any) -> dict[str, Any]:
    message = {"text": "Hello", "receipents": {"number": ["5057023100"]}}
    order = {
        "sender": "SANDBOX",
        "sendDateTime": sent_at,
        "iys": "1",
        "iysList": "BIREYSEL",
        "message": message,
    }
    return {**order, **changes}


def report(sandbox: Sandbox, order_id: str) -> int:
    asked = {"id": order_id, "page": 1, "rowCount": 1000}
    response = sms(sandbox, "get-report", order=asked).json()["response"]
    return int(response.get("order", response["status"]).get("status", 0)) or int(
        response["status"]["code"]
    )


def tomorrow(form: str) -> str:
    return (datetime.now(TURKISH_TIME) + timedelta(days=1)).strftime(form)


def test_an_sms_is_scheduled_and_then_cancelled(sandbox: Sandbox) -> None:
    sent = sms(sandbox, "send-sms", order=order_of(tomorrow("%d/%m/%Y %H:%M")))
    assert sent.json()["response"]["status"]["code"] == 200
    order_id = sent.json()["response"]["order"]["id"]
    assert BY_NAME["iletimerkezi"].order_pattern.fullmatch(order_id)
    assert report(sandbox, order_id) == 456
    cancelled = sms(sandbox, "cancel-order", order={"id": order_id})
    assert cancelled.status_code == 200
    assert report(sandbox, order_id) in (115, 455)
    assert sandbox.order("iletimerkezi", order_id)["truth"] == "cancelled"


@pytest.mark.parametrize("form", ["", "%d/%m/%Y %H:%M:%S"])
def test_an_sms_without_a_date_to_the_minute_is_sent_at_once(
    sandbox: Sandbox, form: str
) -> None:
    order = order_of(tomorrow(form))
    order_id = sms(sandbox, "send-sms", order=order).json()["response"]["order"]["id"]
    assert sms(sandbox, "cancel-order", order={"id": order_id}).status_code == 455
    until(lambda: report(sandbox, order_id) == 114)
    assert sandbox.order("iletimerkezi", order_id)["truth"] == "completed"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"sender": None}, 450),
        ({"message": {"text": "", "receipents": {"number": ["5057023100"]}}}, 454),
        ({"message": {"text": "x", "receipents": {"number": ["12"]}}}, 452),
        ({"message": {"text": "x"}}, 452),
        ({"sendDateTime": "soon"}, 457),
        ({"message": [order_of()["message"], order_of()["message"]]}, 200),
    ],
)
def test_an_sms_that_cannot_be_sent_is_refused_with_its_code(
    sandbox: Sandbox, changes: dict[str, Any], code: int
) -> None:
    answer = sms(sandbox, "send-sms", order=order_of(**changes))
    assert answer.status_code == code
    assert answer.json()["response"]["status"]["code"] == code
    assert len(sandbox.orders("iletimerkezi")) == (code == 200)


def test_an_sms_that_was_scheduled_for_soon_is_sent_by_itself(sandbox: Sandbox) -> None:
    sandbox.seed("iletimerkezi", "31", "scheduled", send_in=0.2)
    assert report(sandbox, "31") == 456
    until(lambda: report(sandbox, "31") == 114)
    assert sms(sandbox, "cancel-order", order={"id": "31"}).status_code == 455
