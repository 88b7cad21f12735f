"""Calls to the simulated providers, in the form that their documentation gives."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import requests

from rescind.sandbox import Sandbox

KEY = "3e9caf87-5cb7-4c4e-adcb-fc2ec54cf24e"
TIMEOUT = 5.0


def sms(box: Sandbox, call: str, order: str = "31", key: str = "k") -> Any:
    login = {"key": key, "hash": "h"}
    body = {"request": {"authentication": login, "order": {"id": order}}}
    url = f"{box.base_url('iletimerkezi')}/v1/{call}/json"
    return requests.post(url, json=body, timeout=TIMEOUT)


def dukkango(
    box: Sandbox, method: str, path: str, body: Any = None, token: str = "sandbox-token"
) -> Any:
    url = f"{box.base_url('dukkango')}/api/integrations/{path}"
    headers = {"Access-Token": token}
    return requests.request(method, url, json=body, headers=headers, timeout=TIMEOUT)


def dukkango_cancel(box: Sandbox, order: str = KEY) -> Any:
    return dukkango(box, "PUT", f"orders/cancel/{order}", {"reason_id": 3})


def akinon(
    box: Sandbox, order: str = "7", *items: int, token: str = "sandbox-token"
) -> Any:
    body = {
        "order": int(order),
        "is_all": not items,
        "cancel_items": list(items),
        "reasons": {str(item): 2 for item in items or (101,)},
        "forced_refund_amount": None,
    }
    url = f"{box.base_url('akinon')}/api/i1/orders/{order}/cancel/"
    headers = {"Authorization": f"Token {token}"}
    return requests.post(url, json=body, headers=headers, timeout=TIMEOUT)


def akinon_read(box: Sandbox, order: str = "7") -> Any:
    url = f"{box.base_url('akinon')}/api/i1/orders/{order}/"
    headers = {"Authorization": "Token sandbox-token"}
    return requests.get(url, headers=headers, timeout=TIMEOUT)


def ithink(box: Sandbox, call: str, *awbs: str, token: str = "t") -> Any:
    field = {"cancel": "awb_numbers", "track": "awb_number_list"}[call]
    data = {"access_token": token, "secret_key": "s", field: ",".join(awbs)}
    url = f"{box.base_url('ithink')}/api_v3/order/{call}.json"
    return requests.post(url, json={"data": data}, timeout=TIMEOUT)


def panel(box: Sandbox, action: str, *orders: str, key: str = "k") -> Any:
    field = "order" if len(orders) == 1 else "orders"
    form = {"key": key, "action": action, field: ",".join(orders)}
    url = f"{box.base_url('notpanel')}/api/v2"
    return requests.post(url, data=form, timeout=TIMEOUT)


def until(holds: Callable[[], bool], seconds: float = 3.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came to be"
        time.sleep(0.01)
