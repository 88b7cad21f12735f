from __future__ import annotations

import threading

import pytest
import requests

from rescind.sandbox import Sandbox, running
from rescind.sandbox.faults import KINDS
from rescind.sandbox.sandbox_client import SandboxError
from rescind.sandbox.sandbox_options import parser
from tests.sandbox.calls import akinon, dukkango, ithink, panel, sms, until

ANSWERED = {
    "error_500_before": (500, False),
    "error_500_after": (500, True),
    "error_502_before": (502, False),
    "error_502_after": (502, True),
    "error_503_before": (503, False),
    "error_503_after": (503, True),
    "garbage": (200, True),
    "throttle": (429, False),
    "slow_before": (200, True),
    "slow_after": (200, True),
}
DROPPED = {"drop_before": False, "drop_after": True, "refuse": False}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "", "somewhere"])
def test_it_listens_on_this_machine_alone(
    host: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["--host", host])
    assert "a loopback address" in capsys.readouterr().err


def fired(sandbox: Sandbox) -> list[tuple[str, int]]:
    return [(one["kind"], one["count"]) for one in sandbox.calls()["faults"]]


@pytest.mark.parametrize("kind", ANSWERED)
def test_answered_faults(sandbox: Sandbox, kind: str) -> None:
    status, acted = ANSWERED[kind]
    sandbox.seed("akinon", "7", "approved", instant=True)
    sandbox.script("akinon", "cancel", kind)
    answer = akinon(sandbox)
    assert answer.status_code == status
    record = sandbox.order("akinon", "7")
    (event,) = record["events"]
    assert (event["fault"], event["acted"], event["status"]) == (kind, acted, status)
    assert record["truth"] == ("cancelled" if acted else "active")
    assert fired(sandbox) == [(kind, 1)]
    if kind == "garbage":
        with pytest.raises(ValueError, match="Expecting"):
            answer.json()
    if kind.startswith("slow"):
        assert answer.elapsed.total_seconds() >= 0.2
    assert akinon(sandbox).status_code == (400 if acted else 200)


@pytest.mark.parametrize("kind", DROPPED)
def test_dropped_faults(sandbox: Sandbox, kind: str) -> None:
    acted = DROPPED[kind]
    sandbox.seed("iletimerkezi", "31", "scheduled")
    sandbox.script("iletimerkezi", "cancel", kind)
    with pytest.raises(requests.ConnectionError):
        sms(sandbox, "cancel-order")
    if kind == "refuse":
        with pytest.raises(requests.ConnectionError, match="refused"):
            sms(sandbox, "cancel-order")
    record = sandbox.order("iletimerkezi", "31")
    (event,) = record["events"]
    assert (event["acted"], event["answered"], event["status"]) == (acted, False, None)
    assert record["truth"] == ("cancelled" if acted else "active")
    assert fired(sandbox) == [(kind, 1)]


def test_every_kind_is_tested() -> None:
    assert {*ANSWERED, *DROPPED, "row_missing"} == set(KINDS)


@pytest.mark.parametrize("provider", ["ithink", "notpanel"])
def test_row_missing(sandbox: Sandbox, provider: str) -> None:
    state = {"ithink": "manifested", "notpanel": "pending"}[provider]
    sandbox.seed(provider, ["a1", "a2", "a3"], state)
    sandbox.script(provider, "cancel", "row_missing")
    if provider == "ithink":
        rows = ithink(sandbox, "cancel", "a1", "a2", "a3").json()["data"]
    else:
        rows = panel(sandbox, "cancel", "a1", "a2", "a3").json()
    assert len(rows) == 2
    events = [record["events"][0] for record in sandbox.orders(provider)]
    assert all(event["acted"] for event in events)
    assert [event["answered"] for event in events].count(False) == 1


def test_row_missing_waits_for_a_batch(sandbox: Sandbox) -> None:
    sandbox.script("notpanel", "cancel", "row_missing")
    panel(sandbox, "cancel", "a1")
    assert fired(sandbox) == []


def test_two_rows_of_one_order_say_the_contrary(sandbox: Sandbox) -> None:
    sandbox.seed("notpanel", ["a1", "a2"], "pending")
    sandbox.script("notpanel", "cancel", "row_contradicted")
    panel(sandbox, "cancel", "a1")
    assert fired(sandbox) == []
    rows = panel(sandbox, "cancel", "a1", "a2").json()
    said: dict[str, list[bool]] = {}
    for row in rows:
        said.setdefault(row["order"], []).append("cancel" in row)
    assert sorted(map(sorted, said.values()), key=len)[-1] == [False, True]


def test_a_slow_call_that_nobody_waits_for_never_acts(sandbox: Sandbox) -> None:
    sandbox.seed("notpanel", "a1", "pending")
    sandbox.script("notpanel", "cancel", "slow_before")
    url, form = f"{sandbox.url}/notpanel/api/v2", {"key": "k", "action": "cancel"}
    with pytest.raises(requests.ReadTimeout):
        requests.post(url, data={**form, "order": "a1"}, timeout=0.05)
    panel(sandbox, "cancel", "a2")
    until(lambda: sandbox.order("notpanel", "a1")["truth"] == "active")
    assert sandbox.order("notpanel", "a1")["events"][0]["answered"] is False


def test_throttles_are_each_provider_s_own(sandbox: Sandbox) -> None:
    for provider in ("iletimerkezi", "dukkango", "ithink", "notpanel"):
        sandbox.script(provider, "read", "throttle")
    assert sms(sandbox, "get-report").status_code == 503
    for answer in (
        dukkango(sandbox, "GET", "orders/get-current"),
        ithink(sandbox, "track", "A1"),
    ):
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    answer = panel(sandbox, "status", "a1")
    assert answer.status_code == 429
    assert "X-RateLimit-Reset" in answer.headers
    assert "Retry-After" not in answer.headers


def test_faults_by_rate_for_one_provider(sandbox: Sandbox) -> None:
    sandbox.faults(rate=1.0, kinds=["error_502_before"], provider="notpanel")
    assert panel(sandbox, "status", "a1").status_code == 502
    assert sms(sandbox, "get-balance").status_code == 200
    sandbox.faults(rate=0.0)
    assert panel(sandbox, "status", "a1").status_code == 200


def test_scripts_run_out_and_logins_have_them_too(sandbox: Sandbox) -> None:
    secrets = {"app_secret_key": "a", "rest_secret_key": "r"}
    sandbox.script("dukkango", "login", "error_500_after", times=2)
    statuses = [
        dukkango(sandbox, "POST", "auth/login", secrets).status_code for _ in range(3)
    ]
    assert statuses == [500, 500, 200]
    assert sandbox.calls()["logins"]["dukkango"] == 3


def test_hanging_until_released(sandbox: Sandbox) -> None:
    sandbox.seed("notpanel", "a1", "pending")
    sandbox.settings(hang=["notpanel"])
    answers: list[int] = []
    caller = threading.Thread(
        target=lambda: answers.append(panel(sandbox, "cancel", "a1").status_code)
    )
    caller.start()
    until(lambda: sandbox.calls()["calls"]["notpanel"].get("cancel") == 1)
    assert sandbox.order("notpanel", "a1")["truth"] == "active"
    sandbox.settings(hang=[])
    caller.join(5)
    assert answers == [200]
    assert sandbox.order("notpanel", "a1")["truth"] == "cancelled"


def test_latency_is_by_provider(sandbox: Sandbox) -> None:
    sandbox.settings(latency_ms={"notpanel": 1500})
    assert panel(sandbox, "status", "a1").elapsed.total_seconds() >= 1.5
    assert sms(sandbox, "get-balance").elapsed.total_seconds() < 1.5


def test_nonsense_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxError, match="no such kind"):
        sandbox.script("akinon", "cancel", "nonsense")
    with pytest.raises(SandboxError, match="no state"):
        sandbox.seed("akinon", "7", "nonsense")
    with pytest.raises(SandboxError, match="no such setting"):
        sandbox.settings(nonsense=1)
    assert sandbox.health()["ok"] is True


def test_options_and_a_port_that_is_taken() -> None:
    with running(faults=1.0, kinds=["error_503_before"], auto=False) as box:
        assert panel(box, "status", "a1").status_code == 503
        box.faults(rate=0)
        assert panel(box, "status", "a1").status_code == 400
        port = int(box.url.rsplit(":", 1)[1])
        with pytest.raises(SandboxError, match="did not start"), running(port=port):
            pass
