"""What ``send-sms`` of iletiMerkezi takes: recipients, text, sender and send date.

The page of ``cancel-order`` names ``send-sms`` and its ``sendDateTime``. The other
fields are those that the provider's own clients send; ``receipents`` is their spelling.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

TURKISH_TIME = timezone(timedelta(hours=3))
WRITTEN = "%d/%m/%Y %H:%M"
"""The form of ``sendDateTime``."""
WITH_SECONDS = re.compile(r"[0-9/. -]+ [0-9]{2}:[0-9]{2}:[0-9]{2}")
BAD_SENDER, BAD_NUMBERS, NO_TEXT, BAD_DATE = 450, 452, 454, 457
NUMBER = re.compile(r"\+?[0-9]{10,15}")


class SendRefusedError(Exception):
    """The provider refuses to send; ``code`` is the code of its answer."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Sms:
    """An accepted SMS order; ``send_at`` is in seconds of Unix time."""

    send_at: float
    options: Mapping[str, Any]


def sms_of(order: Mapping[str, Any], now: float) -> Sms:
    """The SMS order that ``send-sms`` asks for. Raises ``SendRefusedError``."""
    sender = order.get("sender")
    if not isinstance(sender, str) or not sender:
        raise SendRefusedError(BAD_SENDER)
    message = order.get("message")
    messages = message if isinstance(message, list) else [message]
    numbers = [number for one in messages for number in _numbers(one)]
    if not numbers:
        raise SendRefusedError(BAD_NUMBERS)
    send_at = _send_at(order.get("sendDateTime"), now)
    shown = {"sender": sender, "numbers": numbers, "submit_at": now}
    return Sms(send_at, {**shown, "send_at": send_at})


def _numbers(message: object) -> Sequence[str]:
    fields = message if isinstance(message, dict) else {}
    if not isinstance(fields.get("text"), str) or not fields["text"]:
        raise SendRefusedError(NO_TEXT)
    receipents = fields.get("receipents")
    numbers = receipents.get("number") if isinstance(receipents, dict) else None
    found = list(map(str, numbers if isinstance(numbers, list) else [numbers]))
    if not all(NUMBER.fullmatch(one) for one in found):
        raise SendRefusedError(BAD_NUMBERS)
    return found


def _send_at(written: object, now: float) -> float:
    """When the SMS is sent: Turkish time to the minute, and at once if it is empty.

    A date with seconds is no error: the provider ignores it and sends at once.
    """
    text = str(written or "")
    if not text or WITH_SECONDS.fullmatch(text):
        return now
    try:
        local = datetime.strptime(text, WRITTEN).replace(tzinfo=TURKISH_TIME)
    except ValueError:
        raise SendRefusedError(BAD_DATE) from None
    return local.timestamp()


def turkish(seconds: float) -> str:
    """Unix time as the provider's reports write it: Turkish time without an offset."""
    local = datetime.fromtimestamp(seconds, UTC).astimezone(TURKISH_TIME)
    return local.strftime("%Y-%m-%d %H:%M:%S")
