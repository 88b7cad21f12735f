"""Checks one entry of a submission field by field, before it is stored."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from providers.registry import provider_named
from rescind.config.accounts import Accounts
from rescind.config.callbacks import NO_CALLBACKS, NONE_WANTED, Callbacks, Wanted
from rescind.config.times import parse_time
from rescind.provider.interface import Provider
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.text import field_name, plain_text, storable

FIELDS = (
    "provider",
    "order",
    "account",
    "params",
    "key",
    "not_before",
    "cancel_before",
    "group",
    "metadata",
    "callback_url",
    "callback_task",
    "callback_queue",
)
_KNOWN = frozenset(FIELDS)
ACCOUNT = re.compile(r"[\w.-]{1,64}", re.ASCII)
LONGEST_TEXT = 200
LARGEST_OBJECT = 16_384
"""The most bytes of ``params`` or ``metadata`` as JSON."""
DEEPEST_OBJECT = 32
MOST_NAMED = 10
"""The most unknown fields that an error message names."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A valid entry, with order and params in canonical form.

    ``personal`` holds the params that are encrypted in the ledger.
    """

    provider: Provider[Any]
    account: str
    order: str
    key: str
    params: Mapping[str, Any]
    personal: Mapping[str, Any] = field(repr=False)
    metadata: Mapping[str, Any] = field(default_factory=dict)
    group: str | None = None
    callback: Wanted = NONE_WANTED
    former_key: str | None = None
    """The default key of older versions, under which the ledger may have the order."""
    not_before: datetime | None = None
    cancel_before: datetime | None = None


def check(
    entry: object,
    accounts: Accounts,
    now: datetime,
    callbacks: Callbacks = NO_CALLBACKS,
) -> Checked:
    """The checked ``entry``; raises ``InvalidRequestError`` with a sentence."""
    if not isinstance(entry, dict):
        raise InvalidRequestError("a cancellation must be an object with named fields")
    if not entry.keys() <= _KNOWN:
        unknown = sorted({field_name(name) for name in entry if name not in _KNOWN})
        listed = ", ".join(unknown[:MOST_NAMED])
        raise InvalidRequestError(
            f"{listed}: no such field; the fields are {', '.join(FIELDS)}"
        )
    for name in ("provider", "order"):
        if entry.get(name) in (None, ""):
            raise InvalidRequestError(f"{name} is required")
    provider = provider_named(entry["provider"])
    account = _account(provider, entry.get("account"), accounts)
    written = provider.check_order(entry["order"])
    order = provider.canonical_order(written)
    checked = provider.check_params(_object(entry, "params"))
    params = provider.canonical_params(checked)
    personal = {k: v for k, v in params.items() if k in provider.sealed_params}
    not_before, cancel_before = _times(entry, now)
    key = _text(entry, "key")
    return Checked(
        provider=provider,
        account=account,
        order=order,
        key=key or provider.default_key(order, params),
        former_key=None if key else provider.default_key(written, checked),
        params={k: v for k, v in params.items() if k not in personal},
        personal=personal,
        metadata=_object(entry, "metadata"),
        group=_text(entry, "group"),
        callback=callbacks.wanted(entry),
        not_before=not_before,
        cancel_before=cancel_before,
    )


def _account(provider: Provider[Any], value: object, accounts: Accounts) -> str:
    if value is None:
        value = "default"
    if not isinstance(value, str) or not ACCOUNT.fullmatch(value):
        raise InvalidRequestError(
            "account must be 1 to 64 letters, digits, dots, dashes or underscores"
        )
    # If the accounts file itself is unusable, the lane is held, and refuses nothing.
    if accounts.fault is None and (provider.name, value) not in accounts.lanes:
        known = [name for where, name in accounts.lanes if where == provider.name]
        listed = ", ".join(sorted(known)) or "none"
        raise InvalidRequestError(
            f"account {value} of {provider.name} is not in the accounts file"
            f" (it has: {listed})"
        )
    return value


def _text(entry: Mapping[str, Any], name: str) -> str | None:
    value = entry.get(name)
    if value is None:
        return None
    text = plain_text(value)
    if text is None:
        raise InvalidRequestError(f"{name} must be a text")
    good = 0 < len(text) <= LONGEST_TEXT and text.isprintable()
    if not good or storable(text) != text:
        raise InvalidRequestError(
            f"{name} must be 1 to {LONGEST_TEXT} printable characters"
        )
    if name == "key" and text.startswith("refused:"):
        raise InvalidRequestError("key must not begin with refused:, which is reserved")
    return text


def _object(entry: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = entry.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidRequestError(f"{name} must be an object with named values")
    if _deeper(value, DEEPEST_OBJECT):
        # Every worker must be able to read it, also deep in a call stack.
        raise InvalidRequestError(
            f"{name} must not be nested more than {DEEPEST_OBJECT} deep"
        )
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise InvalidRequestError(f"{name} must be plain JSON") from None
    if len(text.encode("utf-8", "replace")) > LARGEST_OBJECT:
        raise InvalidRequestError(f"{name} must be at most {LARGEST_OBJECT} bytes")
    if storable(text) != text or "\\u0000" in text:
        raise InvalidRequestError(f"{name} holds a character that cannot be kept")
    return value


def _deeper(value: object, levels: int) -> bool:
    """Whether objects or lists are nested in ``value`` more than ``levels`` deep."""
    layer = [value]
    for _ in range(levels + 1):
        inner: list[object] = []
        for one in layer:
            if isinstance(one, dict):
                inner += one.values()
            elif isinstance(one, list):
                inner += one
        layer = inner
    return bool(layer)


def _times(
    entry: Mapping[str, Any], now: datetime
) -> tuple[datetime | None, datetime | None]:
    not_before = _time(entry, "not_before", now)
    cancel_before = _time(entry, "cancel_before", now)
    if not_before and cancel_before and cancel_before <= not_before:
        raise InvalidRequestError("cancel_before must be later than not_before")
    return not_before, cancel_before


def _time(entry: Mapping[str, Any], name: str, now: datetime) -> datetime | None:
    value = entry.get(name)
    if value is None:
        return None
    try:
        return parse_time(value, now)
    except ValueError as error:
        raise InvalidRequestError(f"{name} {error}") from None
