"""Sends a test event to a producer's address, so that its receiver can be tried."""

from __future__ import annotations

import json
from datetime import datetime

import uuid_utils

from rescind.config.callbacks import Callbacks
from rescind.ledger.deliveries.retry_policy import Response
from rescind.ledger.reading.queries import stamp
from rescind.ledger.storage.milliseconds import in_ms
from rescind.webhooks.addresses import UnsentError
from rescind.webhooks.attempt import post_signed

TYPE = "rescind.test"


def send_test_event(callbacks: Callbacks, address: str, now: datetime) -> Response:
    """Post one event of the type ``rescind.test``, signed as a webhook is. Never raises
    for a receiver that cannot be reached, and does not try again."""
    event = {"type": TYPE, "timestamp": stamp(in_ms(now)), "data": {"test": True}}
    body = json.dumps(event, separators=(",", ":"))
    try:
        return post_signed(callbacks, address, f"msg_test_{uuid_utils.uuid7()}", body)
    except UnsentError as error:
        return Response(accepted=False, detail=str(error))
