"""Simulates iThink: shipments by AWB. Nearly all answers have HTTP status 200."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from rescind.sandbox.order_options import NUMBER, TEXT, Option
from rescind.sandbox.orders import Order, rows_of
from rescind.sandbox.raw_http import Reply, Request, json_reply
from rescind.sandbox.simulation import Call, Notes, Simulation

SHOWN = {
    "manifested": ("Manifested", "UD"),
    "not_picked": ("Not Picked", "UD"),
    "picked": ("Picked Up", "UD"),
    "in_transit": ("In Transit", "UD"),
    "delivered": ("Delivered", "DL"),
    "rto": ("RTO In Transit", "RT"),
    "cancelled": ("Cancelled", "CN"),
}
CANCEL_CODES = ("CN", "UD", "CA")
"""The status codes that tracking may show with "Cancelled"."""
REMARKS = {
    "picked": "Shipment is already Picked Up",
    "in_transit": "Shipment is In Transit",
    "delivered": "Shipment is already Delivered",
    "rto": "Shipment is in RTO",
    "cancelled": "Shipment is already cancelled",
    "missing": "AWB Number not found",
}
FAILED = ("Failed", "failed", "error")
CANCELLABLE = frozenset({"manifested", "not_picked"})


class IThink(Simulation):
    name: ClassVar[str] = "ithink"
    credentials: ClassVar[Mapping[str, str]] = {
        "access_token": "sandbox-token",
        "secret_key": "sandbox-secret",
    }
    demo_policy: ClassVar[Mapping[str, object]] = {
        "rate": "100/second",
        "read_rate": "50/second",
        # Longer than the lag of tracking here, too.
        "active_trusted_after": 4.0,
    }
    readings_lag: ClassVar[bool] = True
    truths: ClassVar[Mapping[str, str]] = {
        "manifested": "active",
        "not_picked": "active",
        "picked": "completed",
        "in_transit": "completed",
        "delivered": "completed",
        "rto": "completed",
        "cancelled": "cancelled",
        "missing": "missing",
    }
    cancellable: ClassVar[Mapping[str, int]] = {"manifested": 2, "not_picked": 1}
    others: ClassVar[Mapping[str, int]] = {
        "in_transit": 3,
        "picked": 2,
        "delivered": 3,
        "rto": 1,
        "cancelled": 2,
        "missing": 1,
    }
    batches: ClassVar[bool] = True
    row_faults: ClassVar[frozenset[str]] = frozenset({"row_missing"})
    order_options: ClassVar[Mapping[str, Option]] = {"refnum": TEXT, "lag": NUMBER}

    def open(self, request: Request, path: str) -> Call | None:
        found = {
            "/api_v3/order/cancel.json": ("cancel", "awb_numbers", 100, self._cancel),
            "/api_v3/order/track.json": ("read", "awb_number_list", 10, self._track),
        }.get(path)
        if found is None or request.method != "POST":
            return None
        op, field, most, method = found
        data = request.json().get("data")
        data = data if isinstance(data, dict) else {}
        awbs = rows_of(str(data.get(field, "")))
        run = partial(self._checked, data, awbs, most, method)
        return Call(op, awbs, run)

    def throttled(self) -> Reply:
        said = {"status": "error", "status_code": 429, "message": "Too Many Requests"}
        return json_reply(429, said, ("Retry-After", "1"))

    def _checked(
        self,
        data: dict[str, Any],
        awbs: Sequence[str],
        most: int,
        method: Any,
        notes: Notes,
    ) -> Reply:
        secrets = (data.get("access_token"), data.get("secret_key"))
        if not all(secrets) or "wrong" in secrets:
            return _refused("Access Token Not Match.")
        if not awbs:
            return _refused("AWB Number is required")
        if len(awbs) > most:
            return _refused(f"Maximum {most} AWB Number allowed at a time")
        reply: Reply = method(awbs, notes)
        return reply

    def _cancel(self, awbs: Sequence[str], notes: Notes) -> Reply:
        if bad := [awb for awb in awbs if awb.startswith("BAD")]:
            return _refused(f"Invalid AWB Number {bad[0]}")
        rows = {}
        for place, awb in enumerate(awbs, 1):
            row = self._row(self.order(awb, notes.now), notes)
            if awb != notes.skip:
                rows[str(place)] = row
        return json_reply(200, {**_said("success"), "html_message": "", "data": rows})

    def _row(self, order: Order, notes: Notes) -> dict[str, str]:
        refnum = str(order.options.get("refnum") or self._refnum(order))
        if order.state in CANCELLABLE:
            # While tracking lags, it still shows the former state.
            order.ends, order.state = order.state, "cancelled"
            order.changed = notes.now
            notes.acted.add(order.id)
            return {"status": "Success", "remark": "", "refnum": refnum}
        status = FAILED[int(self.share(order, "word") * len(FAILED))]
        remark = REMARKS[order.state]
        return {"status": status, "remark": remark, "refnum": refnum}

    def _refnum(self, order: Order) -> str:
        return f"GK{int(self.share(order, 'refnum') * 1_000_000):06d}"

    def _track(self, awbs: Sequence[str], notes: Notes) -> Reply:
        found = {}
        for awb in awbs:
            order = self.order(awb, notes.now)
            notes.active[awb] = False
            if order.state == "missing" or awb == notes.skip:
                continue
            state = self._tracked(order, notes.now)
            notes.active[awb] = state != "cancelled"
            found[awb] = self._scan(order, state)
        # Without any row, the provider sends an empty list instead of an object.
        return json_reply(200, {**_said("success"), "data": found or []})

    def _scan(self, order: Order, state: str) -> dict[str, Any]:
        scan = _scan(order.id, state)
        if state == "cancelled":
            # The codes differ by courier, and some add the approval of the cancel.
            which = int(self.share(order, "code") * len(CANCEL_CODES))
            scan["current_status_code"] = CANCEL_CODES[which]
            if which:
                scan["cancel_status"] = "Approved"
        return scan

    def _tracked(self, order: Order, now: float) -> str:
        lag = float(order.options.get("lag", self.settings.lag))
        lags = order.ends and now - order.changed < lag
        return order.ends if lags else order.state


def _scan(awb: str, state: str) -> dict[str, Any]:
    status, code = SHOWN[state]
    scan = {"status": status, "status_code": code, "status_location": "Mumbai"}
    return {
        "message": "success",
        "awb_no": awb,
        "current_status": status,
        "current_status_code": code,
        "scan_details": [scan],
    }


def _said(status: str) -> dict[str, Any]:
    return {"status": status, "status_code": 200}


def _refused(words: str) -> Reply:
    # The provider sends the text twice, once as HTML.
    html = f'<span class="error">{words}</span>'
    said = {**_said("error"), "message": words, "html_message": html}
    return json_reply(200, said)
