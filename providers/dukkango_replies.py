"""Reads Dükkango's replies: what they say of an order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from providers.dukkango_words import of_refusal
from rescind.provider.outcomes import (
    UNKNOWN,
    Finding,
    Outcome,
    Reason,
    TokenRefused,
    UnreadableReplyError,
)
from rescind.provider.text import as_number, as_object, first_text, plain_text

ORDER_STATUSES: Mapping[int, Finding] = {
    1: Finding(Outcome.ACTIVE),
    2: Finding(Outcome.ACTIVE),
    16: Finding(Outcome.ACTIVE),  # out for delivery, and still cancellable [D]
    5: Finding(Outcome.REFUSED, Reason.ALREADY_COMPLETED),
    6: Finding(Outcome.CANCELLED, Reason.CONFIRMED),
}
"""``status_id`` in get-current. Any other number is unknown."""

TURKISH_TIME = timezone(timedelta(hours=3))


def token_refused() -> TokenRefused:
    return TokenRefused("Dükkango refused the access token (401)")


def of_cancel(http: int, status: object, words: str | None) -> Finding:
    if http == 200 and status is True:
        return Finding(Outcome.CANCELLED, Reason.CONFIRMED)
    if status is not False:
        # Not the provider's own form, but a gateway's page or a wrong base_url.
        return UNKNOWN
    return of_refusal(http, words)


def listed_orders(data: object) -> dict[str, set[int | None]]:
    """The statuses in get-current, by payment_key in small letters."""
    if not isinstance(data, list):
        raise UnreadableReplyError("a get-current without a list of orders")
    listed: dict[str, set[int | None]] = {}
    for key, status in _rows(data):
        listed.setdefault(key, set()).add(status)
    return listed


def _rows(data: list[object]) -> Iterator[tuple[str, int | None]]:
    for row in map(as_object, data):
        key = row.get("payment_key")
        if isinstance(key, str):
            yield key.strip().lower(), as_number(row.get("status_id"))


def of_listed(statuses: set[int | None] | None) -> Finding:
    if statuses is None:
        return Finding(
            Outcome.UNKNOWN, message="not among the current orders", own=True
        )
    status = next(iter(statuses))
    if len(statuses) > 1 or status is None:
        return Finding(
            Outcome.UNKNOWN, message="listed without one clear status", own=True
        )
    finding = ORDER_STATUSES.get(status, UNKNOWN)
    return with_words(finding, status, None)


def expiry_of(written: object, now: datetime) -> datetime | None:
    """When the token expires; ``None`` if ``written`` is no date, or is in the past."""
    try:
        moment = datetime.fromisoformat(plain_text(written) or "")
    except ValueError:
        return None
    if moment.tzinfo is None:
        # 2026-11-20 [A]: the date has no offset, and the provider is Turkish.
        moment = moment.replace(tzinfo=TURKISH_TIME)
    return moment if moment > now else None


def words_of(document: Mapping[str, Any]) -> str | None:
    said = (first_text(document.get("error")), first_text(document.get("message")))
    return first_text(": ".join(part for part in said if part))


def with_words(finding: Finding, code: int, message: str | None) -> Finding:
    return Finding(finding.outcome, finding.reason, first_text(code), message)
