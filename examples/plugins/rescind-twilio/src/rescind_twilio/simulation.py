"""Simulates Twilio: messages by their SID, for tests and for
``rescind demo --provider twilio``."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar
from urllib.parse import parse_qs

from rescind.sandbox import Call, Notes, Order, Reply, Request, Simulation, json_reply

ACCOUNT = re.compile(
    r"/2010-04-01/Accounts/(?P<account>AC[0-9a-f]{32})/Messages(?:/(?P<sid>\w+))?\.json"
)
WORDS = {
    20003: "Authenticate",
    20404: "The requested resource was not found",
    30409: "This message cannot be canceled",
}


class TwilioSimulation(Simulation):
    name: ClassVar[str] = "twilio"
    credentials: ClassVar[Mapping[str, str]] = {
        "account_sid": "AC00000000000000000000000000000001",
        "auth_token": "sandbox-token",
    }
    demo_policy: ClassVar[Mapping[str, object]] = {"rate": "100/second"}
    truths: ClassVar[Mapping[str, str]] = {
        "scheduled": "active",
        "queued": "completed",
        "sent": "completed",
        "delivered": "completed",
        "failed": "completed",
        "canceled": "cancelled",
        "missing": "missing",
    }
    id_pattern: ClassVar[re.Pattern[str]] = re.compile(r"(?:SM|MM)[0-9a-f]{32}")
    id_form: ClassVar[str] = "a message SID"
    cancellable: ClassVar[Mapping[str, int]] = {"scheduled": 1}
    others: ClassVar[Mapping[str, int]] = {
        "delivered": 3,
        "sent": 2,
        "queued": 1,
        "failed": 1,
        "canceled": 2,
        "missing": 1,
    }

    @classmethod
    def example(cls, number: int) -> Mapping[str, Any]:
        return {"order": f"SM{number:032x}"}

    def open(self, request: Request, path: str) -> Call | None:
        found = ACCOUNT.fullmatch(path)
        if found is None or request.method not in ("GET", "POST"):
            return None
        sid = found["sid"]
        if sid is None:
            return Call("other", (), partial(self._listed, request))
        cancels = request.method == "POST"
        run = partial(self._cancel if cancels else self._read, request, sid)
        return Call("cancel" if cancels else "read", (sid,), run)

    def throttled(self) -> Reply:
        said = {"code": 20429, "message": "Too Many Requests", "status": 429}
        return json_reply(429, said, ("Retry-After", "1"))

    def _listed(self, request: Request, notes: Notes) -> Reply:
        del notes
        return _refused(request) or json_reply(200, {"messages": [], "page_size": 1})

    def _cancel(self, request: Request, sid: str, notes: Notes) -> Reply:
        if refused := _refused(request):
            return refused
        order = self.order(sid, notes.now)
        if order.state == "missing":
            return _error(404, 20404)
        form = parse_qs(request.body.decode("utf-8", "replace"))
        if form != {"Status": ["canceled"]} or order.state != "scheduled":
            # Its HTTP status is not documented [A].
            return _error(400, 30409)
        notes.acted.add(order.id)
        order.state = "canceled"
        return _shown(request, order)

    def _read(self, request: Request, sid: str, notes: Notes) -> Reply:
        if refused := _refused(request):
            return refused
        order = self.order(sid, notes.now)
        if order.state == "missing":
            return _error(404, 20404)
        notes.active[order.id] = order.state != "canceled"
        return _shown(request, order)


def _refused(request: Request) -> Reply | None:
    scheme, _, pair = request.headers.get("authorization", "").partition(" ")
    try:
        given = b64decode(pair, validate=True).decode().partition(":")
    except ValueError:
        return _error(401, 20003)
    good = scheme == "Basic" and all(given) and "wrong" not in given
    return None if good else _error(401, 20003)


def _shown(request: Request, order: Order) -> Reply:
    path = request.path.partition("/2010-04-01/")[2]
    document = {
        "sid": order.id,
        "status": order.state,
        "account_sid": path.split("/")[1],
        "body": "Your appointment is tomorrow at 9.",
        "to": "+15558675310",
        "from": None,
        "error_code": None,
        "uri": f"/2010-04-01/{path}",
    }
    return json_reply(200, document)


def _error(status: int, code: int) -> Reply:
    said = {
        "code": code,
        "message": WORDS[code],
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return json_reply(status, said)
