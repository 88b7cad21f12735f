"""A provider that sends signed events: notpanel, as if it had some."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from providers.notpanel import NotPanel, NotPanelAccount
from rescind.config.accounts import Lane, LaneConfig
from rescind.provider.auth import hmac_hex
from rescind.provider.events import (
    Event,
    EventNews,
    UnreadableEventError,
    WithEvents,
    is_recent,
    same_secret,
)

SECRET = "the-secret-of-events"
LANE = ("notpanel", "default")


class Sender(NotPanel, WithEvents[NotPanelAccount]):
    """Signs the time and the body with the account's key."""

    def is_signed(self, account: NotPanelAccount, event: Event) -> bool:
        stamp = event.headers.get("x-time", "")
        if not (stamp.isascii() and stamp.isdecimal() and len(stamp) < 12):
            return False
        signed_at = datetime.fromtimestamp(int(stamp), UTC)
        right = signature(stamp, event.body, account.key.get_secret_value())
        shown = event.headers.get("x-signature")
        return same_secret(shown, right) and is_recent(signed_at, event)

    def parse_event(self, event: Event) -> EventNews:
        try:
            document = json.loads(event.body)
            return EventNews([str(one) for one in document["orders"]], document["id"])
        except (ValueError, TypeError, KeyError, RecursionError):
            raise UnreadableEventError("an event without orders") from None


def signature(stamp: str, body: bytes, key: str = SECRET) -> str:
    return hmac_hex(key, stamp.encode() + b"." + body)


def config(provider: NotPanel | None = None) -> LaneConfig:
    """A lane of this provider."""
    sender = provider or Sender()
    account = NotPanelAccount(key=SECRET, base_url="https://notpanel.com")
    return LaneConfig(sender, sender.policy, account)


def signed(
    orders: Any,
    at: datetime,
    key: str = SECRET,
    its_id: str | None = None,
) -> tuple[dict[str, str], bytes]:
    """The headers and the body of a signed event."""
    body = json.dumps({"orders": orders, "id": its_id}).encode()
    stamp = str(int(at.timestamp()))
    return {"x-time": stamp, "x-signature": signature(stamp, body, key)}, body


def only(config: LaneConfig) -> dict[Lane, LaneConfig]:
    return {LANE: config}
