"""What a webhook says, and the headers that show who says it.

After the Standard Webhooks specification: ``webhook-id`` is the same however often it
is sent, and every secret in force signs, so that secrets can be rotated.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from math import floor

from standardwebhooks import Webhook

from rescind.ledger.deliveries.retry_policy import ClaimedDelivery


def payload(telling: ClaimedDelivery) -> str:
    """What is sent, as the text that is signed."""
    document = {
        "type": f"cancellation.{telling.record['state']}",
        "timestamp": telling.ended_at,
        "data": telling.record,
    }
    return json.dumps(document, separators=(",", ":"))


def headers(
    telling: ClaimedDelivery, body: str, secrets: Sequence[str], now: datetime
) -> dict[str, str]:
    """The three that the specification asks for."""
    named = telling.webhook_id
    signed = [Webhook(secret).sign(named, now, body) for secret in secrets]
    return {
        "webhook-id": named,
        "webhook-timestamp": str(floor(now.timestamp())),
        "webhook-signature": " ".join(signed),
    }
