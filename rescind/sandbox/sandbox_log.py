"""The newest calls to the simulated providers, for people who look at them.

What is kept is what was sent. It is masked when it is shown, so that calls cost little.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import count, islice
from typing import Any

from rescind.sandbox.call_masking import (
    masked,
    masked_query,
    secrets_in,
)
from rescind.sandbox.orders import Event
from rescind.sandbox.raw_http import Reply, Request

KEPT = 300
LARGEST = 65_536
"""Bytes of a body that is kept; a larger one is not shown."""


class Entry:
    """One call: what was sent, what the provider did, and what was answered."""

    __slots__ = (
        "account",
        "answered",
        "began",
        "ended",
        "events",
        "fault",
        "number",
        "op",
        "provider",
        "reply",
        "request",
        "scripted",
        "unquoted",
    )

    def __init__(
        self, began: float, provider: str, account: str, request: Request
    ) -> None:
        self.number = 0
        self.began = began
        self.provider = provider
        self.account = account
        self.request = request
        self.op: str | None = None
        """``None``: the provider has no such call."""
        self.fault: str | None = None
        self.scripted = False
        """Whether a scenario chose the fault, or that there is none."""
        self.events: Mapping[str, Event] = {}
        self.reply: Reply | None = None
        self.unquoted: Reply | None = None
        self.answered = False
        self.ended: float | None = None
        """When it was answered or dropped; ``None``: not yet."""

    def begin(
        self, op: str, fault: str | None, events: Mapping[str, Event], *, scripted: bool
    ) -> None:
        self.op, self.fault, self.events = op, fault, events
        self.scripted = scripted

    def end(self, reply: Reply | None, *, answered: bool, now: float) -> None:
        # An answer that quotes its request is shown without that.
        self.reply = self.unquoted or reply
        self.answered, self.ended = answered, now

    def names(self, text: str) -> bool:
        """Whether one of its orders has ``text`` in its id."""
        return any(text in order_id.lower() for order_id in self.events)

    def shown(self) -> dict[str, Any]:
        """The call for people and programs, without credentials and personal data."""
        request, reply = self.request, self.reply if self.answered else None
        secrets = secrets_in(_kept(request.body), request.headers, request.query)
        if reply is not None:
            # A login's answer holds the token, which other answers may quote.
            secrets |= secrets_in(_kept(reply.body), {}, "")
        query = masked_query(request.query, secrets)
        return {
            "number": self.number,
            "at": round(self.began, 3),
            "seconds": None if self.ended is None else self._seconds(self.ended),
            "provider": self.provider,
            "account": self.account,
            "op": self.op,
            "method": request.method,
            "path": request.path + (f"?{query}" if query else ""),
            "sent": _body(request.body, secrets),
            "fault": self.fault,
            "scripted": self.scripted,
            "status": reply.status if reply else None,
            "answer": _body(reply.body, secrets) if reply else None,
            "orders": [
                {"id": order_id, "acted": event.acted}
                for order_id, event in self.events.items()
            ],
        }

    def _seconds(self, ended: float) -> float:
        return round(ended - self.began, 3)


def _kept(body: bytes) -> bytes:
    return body if len(body) <= LARGEST else b""


def _body(body: bytes, secrets: frozenset[str]) -> str:
    if len(body) > LARGEST:
        return f"({len(body)} bytes)"
    return masked(body, secrets)


class CallLog:
    """The newest calls, and how many there were since the last reset."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._numbers = count(1)
        self.total = 0

    def add(self, entry: Entry) -> None:
        entry.number = next(self._numbers)
        self.total += 1
        self._entries.append(entry)

    def newest(self, limit: int, order: str = "", provider: str = "") -> list[Entry]:
        """The newest calls first, of one provider and of orders with ``order`` in
        their id, if given."""
        fitting = (
            one
            for one in reversed(self._entries)
            if (not order or one.names(order)) and provider in ("", one.provider)
        )
        return list(islice(fitting, limit))

    def clear(self) -> None:
        self._entries.clear()
        self.total = 0
