"""What docs/webhooks.md shows is what a receiver gets, and can use."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from rescind.api.openapi_webhooks import webhooks
from rescind.config.callback_urls import host_patterns
from rescind.config.callbacks import Callbacks
from rescind.config.webhook_secrets import WebhookSecrets
from rescind.webhooks.sample_event import TYPE, send_test_event
from tests.receivers import receiving

GUIDE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
Receive = Callable[[bytes, dict[str, str]], int]


def the_receiver(settled: list[tuple[str, str]]) -> Receive:
    """The receiver of the guide; ``settled`` is what it did."""
    found = re.search(r"```python\n(from standardwebhooks.*?)```", GUIDE, re.DOTALL)
    assert found
    names: dict[str, object] = {
        "seen": lambda _id: False,
        "settle": lambda order, state: settled.append((order, state)),
    }
    exec(found[1].replace("whsec_…", SECRET), names)
    receive = names["receive"]
    assert callable(receive)
    return receive


@pytest.mark.parametrize("type_", webhooks())
def test_the_receiver_of_the_guide_accepts_every_event(type_: str) -> None:
    settled: list[tuple[str, str]] = []
    ends = type_.startswith("cancellation.")
    data = {"metadata": {"shop_order": "1001"}, "state": "expired"} if ends else {}
    body, now = json.dumps({"type": type_, "data": data}), datetime.now(UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("msg_1", now, body),
    }
    assert the_receiver(settled)(body.encode(), headers) == 204
    assert settled == ([("1001", "expired")] if ends else [])


def test_the_test_event_is_the_one_of_the_guide() -> None:
    found = re.search(rf'^{{"type":"{TYPE}".*$', GUIDE, re.MULTILINE)
    assert found
    with receiving() as receiver:
        secrets = WebhookSecrets((SECRET,))
        there = host_patterns(receiver.host)
        callbacks = Callbacks(there, private=True, secrets=secrets)
        now = datetime.fromisoformat(json.loads(found[0])["timestamp"])
        assert send_test_event(callbacks, receiver.url, now).accepted
        assert receiver.heard[0].body.decode() == found[0]
