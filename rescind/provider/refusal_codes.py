"""Why an entry is refused, as a code that programs compare: a closed vocabulary."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class RefusalCode(StrEnum):
    """Codes are added, and never change their meaning."""

    NOT_AN_OBJECT = "not_an_object"
    """The entry is not an object with named fields."""
    MISSING = "missing"
    """A field or a param that is required is missing."""
    UNKNOWN_FIELD = "unknown_field"
    """There is no such field or param."""
    UNKNOWN_PROVIDER = "unknown_provider"
    """There is no such provider."""
    UNKNOWN_ACCOUNT = "unknown_account"
    """The accounts file has no such account."""
    MALFORMED_ORDER = "malformed_order"
    """The order has not the form of an order of this provider."""
    INVALID_VALUE = "invalid_value"
    """The value has a wrong type or form, or is out of bounds."""
    TOO_LARGE = "too_large"
    """The value has too many bytes, or is nested too deeply."""
    RESERVED_KEY = "reserved_key"
    """The key begins with a text that is reserved."""
    CALLBACK_NOT_ALLOWED = "callback_not_allowed"
    """This callback is not allowed for this way of submitting."""
    KEY_CONFLICT = "key_conflict"
    """The key stands for another order, or for other params."""
    OUTSIDE_LIMITS = "outside_limits"
    """The token is not for this provider, account or group."""
    NOT_RETRYABLE = "not_retryable"
    """The cancellation cannot be retried in its state."""
    NOT_WAITING = "not_waiting"
    """The cancellation does not wait for others."""
    UNKNOWN_PREDECESSOR = "unknown_predecessor"
    """There is no such cancellation to wait for, or it was refused."""
    TOO_MANY_DEPENDENCIES = "too_many_dependencies"
    """The chain of predecessors is too long, or too many wait for one of them."""
    UNKNOWN_PLAN = "unknown_plan"
    """There is no such plan, or it cannot be used now."""


def pointer(parts: Iterable[object]) -> str:
    """A JSON pointer (RFC 6901) to the member that ``parts`` lead to."""
    escaped = (str(one).replace("~", "~0").replace("/", "~1") for one in parts)
    return "".join(f"/{one}" for one in escaped)
