"""The payload of a webhook, and the headers that sign it.

By the Standard Webhooks specification, every attempt has the same ``webhook-id``. Every
secret in force signs, so that secrets can be rotated.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from math import floor

from standardwebhooks import Webhook

from rescind.ledger.deliveries.retry_policy import ClaimedDelivery


def payload(delivery: ClaimedDelivery) -> str:
    """The body of the request, which is also the text that is signed."""
    document = {
        "type": delivery.type,
        "timestamp": delivery.ended_at,
        "data": delivery.record,
    }
    return json.dumps(document, separators=(",", ":"))


def headers(
    named: str, body: str, secrets: Sequence[str], now: datetime
) -> dict[str, str]:
    """The three headers of the specification, for the webhook with the id ``named``."""
    signed = [Webhook(secret).sign(named, now, body) for secret in secrets]
    return {
        "webhook-id": named,
        "webhook-timestamp": str(floor(now.timestamp())),
        "webhook-signature": " ".join(signed),
    }
