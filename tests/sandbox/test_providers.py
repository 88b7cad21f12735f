from __future__ import annotations

import time

import pytest

from rescind.sandbox import Sandbox
from tests.sandbox.calls import (
    KEY,
    akinon,
    akinon_read,
    dukkango,
    dukkango_cancel,
    ithink,
    panel,
    sms,
    until,
)


@pytest.mark.parametrize(
    ("state", "cancel", "report", "truth"),
    [
        ("scheduled", 200, 456, "cancelled"),
        ("sending", 455, 113, "completed"),
        ("finished", 455, 114, "completed"),
        ("missing", 455, 455, "missing"),
    ],
)
def test_iletimerkezi(
    sandbox: Sandbox, state: str, cancel: int, report: int, truth: str
) -> None:
    sandbox.seed("iletimerkezi", "31", state)
    answer = sms(sandbox, "get-report")
    code = answer.json()["response"]["status"]["code"]
    shown = answer.json()["response"].get("order", {}).get("status", code)
    assert shown == report
    answer = sms(sandbox, "cancel-order")
    assert answer.status_code == cancel
    assert answer.json()["response"]["status"]["code"] == cancel
    record = sandbox.order("iletimerkezi", "31")
    assert record["truth"] == truth
    assert record["events"][1]["acted"] is (cancel == 200)


@pytest.mark.parametrize("after", [115, 455])
def test_iletimerkezi_report_after_a_cancel(sandbox: Sandbox, after: int) -> None:
    sandbox.seed("iletimerkezi", "31", "scheduled", report=after)
    assert sms(sandbox, "cancel-order").status_code == 200
    said = sms(sandbox, "get-report").json()["response"]
    assert said.get("order", said["status"]).get("status", 455) == after
    assert sms(sandbox, "cancel-order").status_code == 455


def test_iletimerkezi_credentials_and_methods(sandbox: Sandbox) -> None:
    assert sms(sandbox, "cancel-order", key="wrong").status_code == 401
    assert sms(sandbox, "get-balance").status_code == 200
    assert sms(sandbox, "no-such").status_code == 404
    assert sandbox.order("iletimerkezi", "31")["events"][0]["acted"] is False


@pytest.mark.parametrize(
    ("state", "status", "words"),
    [
        ("out", 200, "OK"),
        ("cancelled", 400, "sipariş zaten iptal edildi"),
        ("delivered", 400, "sipariş teslim edildi"),
        ("missing", 404, "sipariş bulunamadı"),
        ("foreign", 403, "URL hatalı"),
    ],
)
def test_dukkango(sandbox: Sandbox, state: str, status: int, words: str) -> None:
    sandbox.seed("dukkango", KEY.upper(), state)
    answer = dukkango_cancel(sandbox)
    assert answer.status_code == status
    assert words in answer.json().values()
    assert sandbox.order("dukkango", KEY)["events"][0]["acted"] is (status == 200)


def test_dukkango_lists_active_orders_once_in_a_while(sandbox: Sandbox) -> None:
    sandbox.seed("dukkango", KEY, "out")
    listed = dukkango(sandbox, "GET", "orders/get-current").json()["data"]
    assert listed == [{"payment_key": KEY, "status_id": 16}]
    assert sandbox.order("dukkango", KEY)["events"][0]["active"] is True
    assert dukkango(sandbox, "GET", "orders/get-current").status_code == 429
    assert sandbox.calls()["throttled"]["dukkango"] == 1
    sandbox.settings(cooldown=0)
    dukkango_cancel(sandbox)
    assert dukkango(sandbox, "GET", "orders/get-current").json()["data"] == []


def test_a_call_whose_answer_lists_no_order_has_its_time_too(sandbox: Sandbox) -> None:
    began = time.time()
    dukkango(sandbox, "GET", "orders/get-current")
    assert sandbox.orders("dukkango") == []
    times = sandbox.call_times()
    assert times == sorted(times)
    assert began - 1 < times[-1] < time.time() + 1


def test_dukkango_tokens_end(sandbox: Sandbox) -> None:
    secrets = {"app_secret_key": "a", "rest_secret_key": "r"}
    token = dukkango(sandbox, "POST", "auth/login", secrets).json()["data"][
        "access_token"
    ]
    path, body = f"orders/cancel/{KEY}", {"reason_id": 1}
    assert dukkango(sandbox, "PUT", path, body, token).status_code != 401
    assert sandbox.expire_tokens() == 1
    assert dukkango(sandbox, "PUT", path, body, token).status_code == 401
    assert sandbox.calls()["logins"]["dukkango"] == 1
    secrets["app_secret_key"] = "wrong"
    assert dukkango(sandbox, "POST", "auth/login", secrets).status_code == 401


def test_akinon_at_once_and_in_two_steps(sandbox: Sandbox) -> None:
    sandbox.seed("akinon", "7", "approved", instant=True)
    sandbox.seed("akinon", "8", "waiting", instant=False)
    assert akinon(sandbox, "7").json()["status"] == "100"
    assert akinon(sandbox, "8").json()["status"] == "50"
    assert "already cancelled" in akinon(sandbox, "7").text
    until(lambda: akinon_read(sandbox, "8").json()["status"] == "100")
    assert sandbox.order("akinon", "8")["truth"] == "cancelled"


def test_akinon_in_part(sandbox: Sandbox) -> None:
    items = {"11": "approved", "12": "approved", "13": "shipped"}
    sandbox.seed("akinon", "7", "approved", items=items, instant=True)
    assert akinon(sandbox, "7", 11).status_code == 200
    assert akinon(sandbox, "7", 13).status_code == 400
    assert akinon(sandbox, "7", 99).status_code == 400
    record = sandbox.order("akinon", "7")
    assert record["truth"] == "partial"
    assert record["was"] == "active"
    assert record["items"]["11"] == "cancelled"
    assert [event["acted"] for event in record["events"]] == [True, False, False]


def test_akinon_refuses(sandbox: Sandbox) -> None:
    sandbox.seed("akinon", "7", "shipped")
    sandbox.seed("akinon", "8", "missing")
    assert akinon(sandbox, "7").status_code == 400
    assert akinon(sandbox, "8").status_code == 404
    assert akinon_read(sandbox, "0").status_code == 404
    assert akinon(sandbox, "7", token="other").status_code == 401


def test_ithink_rows_go_by_place(sandbox: Sandbox) -> None:
    sandbox.seed("ithink", "A1", "manifested", refnum="GK0034")
    sandbox.seed("ithink", "A2", "delivered")
    rows = ithink(sandbox, "cancel", "A2", "A1").json()["data"]
    assert rows["1"]["status"].lower() != "success"
    assert rows["2"] == {"status": "Success", "remark": "", "refnum": "GK0034"}


def test_ithink_tracking_lags(sandbox: Sandbox) -> None:
    sandbox.settings(lag=60)
    sandbox.seed("ithink", "A1", "manifested")
    ithink(sandbox, "cancel", "A1")
    entry = ithink(sandbox, "track", "A1").json()["data"]["A1"]
    assert entry["current_status"] == "Manifested"
    record = sandbox.order("ithink", "A1")
    assert (record["truth"], record["events"][1]["active"]) == ("cancelled", True)
    sandbox.settings(lag=0)
    entry = ithink(sandbox, "track", "A1").json()["data"]["A1"]
    assert entry["current_status_code"] == "CN"


def test_ithink_refuses_as_a_whole(sandbox: Sandbox) -> None:
    sandbox.seed("ithink", "A1", "manifested")
    for answer in (
        ithink(sandbox, "cancel", "A1", "BAD1"),
        ithink(sandbox, "cancel", "A1", token="wrong"),
        ithink(sandbox, "track", *(f"A{n}" for n in range(11))),
    ):
        assert answer.status_code == 200
        assert answer.json()["status"] == "error"
    assert sandbox.order("ithink", "A1")["truth"] == "active"
    assert ithink(sandbox, "track", "0").json()["data"] == []


@pytest.mark.parametrize(
    ("ends", "active"), [("cancelled", False), ("partial", False), ("completed", True)]
)
def test_notpanel_queued(sandbox: Sandbox, ends: str, active: bool) -> None:
    sandbox.seed("notpanel", "ord_1", "in_progress", ends=ends, remains=12)
    assert panel(sandbox, "cancel", "ord_1").json() == {"cancel": "ord_1"}
    until(lambda: sandbox.order("notpanel", "ord_1")["truth"] == ends)
    shown = panel(sandbox, "status", "ord_1").json()
    assert (shown["status"].lower(), shown["remains"]) == (ends, "12")
    assert sandbox.order("notpanel", "ord_1")["events"][-1]["active"] is active


def test_notpanel_batch(sandbox: Sandbox) -> None:
    sandbox.seed("notpanel", "ord_1", "pending")
    sandbox.seed("notpanel", "ord_2", "unsupported")
    rows = panel(sandbox, "cancel", "ord_1", "ord_2").json()
    assert rows[0] == {"order": "ord_1", "cancel": "ord_1"}
    assert "not support" in rows[1]["error"]
    assert panel(sandbox, "cancel", "ord_3", "ord_bad1").status_code == 400
    assert sandbox.order("notpanel", "ord_3")["events"][0]["acted"] is False


def test_notpanel_keys_and_limit(sandbox: Sandbox) -> None:
    assert panel(sandbox, "status", "ord_1", key="wrong").status_code == 400
    suspended = panel(sandbox, "status", "ord_1", key="suspended")
    assert (suspended.status_code, suspended.json()) == (
        403,
        {"error": "Account suspended"},
    )
    sandbox.settings(notpanel_limit=1)
    first = panel(sandbox, "status", "0", key="mine")
    assert first.headers["X-RateLimit-Remaining"] == "0"
    second = panel(sandbox, "cancel", "ord_1", key="mine")
    assert second.status_code == 429
    assert second.headers["X-RateLimit-DeniedBy"] == "key"


def test_auto_orders_are_the_same_every_time(sandbox: Sandbox) -> None:
    ids = [f"ord_{n}" for n in range(100)]

    def states() -> list[str]:
        panel(sandbox, "status", *ids)
        return [one["was"] for one in sandbox.orders("notpanel")]

    first = states()
    sandbox.reset()
    assert states() == first
    assert 75 <= first.count("active") <= 97
    sandbox.reset()
    sandbox.settings(auto=False)
    assert set(states()) == {"missing"}
