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
from rescind.intake.limited_entries import check_lane, outside
from rescind.ledger.access_limits import EVERYTHING, Limits
from rescind.provider.guarded import asked, refused
from rescind.provider.interface import Provider
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.refusal_codes import RefusalCode, pointer
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
RESERVED = ("refused:", "token:")
"""Prefixes of keys that Rescind makes: of refused entries, and of a limited token."""
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
    within: Limits = EVERYTHING,
) -> Checked:
    """The checked ``entry``; raises ``InvalidRequestError`` with a sentence."""
    check_lane(entry, within)
    if not isinstance(entry, dict):
        says = "a cancellation must be an object with named fields"
        raise InvalidRequestError(says, RefusalCode.NOT_AN_OBJECT)
    if not entry.keys() <= _KNOWN:
        raise _unknown_fields(entry)
    for name in ("provider", "order"):
        if entry.get(name) in (None, ""):
            says = f"{name} is required"
            raise InvalidRequestError(says, RefusalCode.MISSING, f"/{name}")
    provider = provider_named(entry["provider"])
    account = _account(provider, entry.get("account"), accounts, within)
    order, params, keys = asked(
        provider, lambda: _of_provider(provider, entry), refused
    )
    personal = {k: v for k, v in params.items() if k in provider.sealed_params}
    not_before, cancel_before = _times(entry, now)
    key, group = _text(entry, "key"), _text(entry, "group")
    if not within.allows(provider.name, account, group):
        raise outside("group", "/group")
    return Checked(
        provider=provider,
        account=account,
        order=order,
        key=key or keys[0],
        former_key=None if key else keys[1],
        params={k: v for k, v in params.items() if k not in personal},
        personal=personal,
        metadata=_object(entry, "metadata"),
        group=group,
        callback=callbacks.wanted(entry),
        not_before=not_before,
        cancel_before=cancel_before,
    )


def _of_provider(
    provider: Provider[Any], entry: Mapping[str, Any]
) -> tuple[str, dict[str, Any], tuple[str, str]]:
    """The order and the params in their canonical form, and the default key, as it is
    now and as older versions made it."""
    written = provider.check_order(entry["order"])
    order = provider.canonical_order(written)
    checked = provider.check_params(_object(entry, "params"))
    params = provider.canonical_params(checked)
    keys = provider.default_key(order, params), provider.default_key(written, checked)
    return order, params, keys


def _unknown_fields(entry: Mapping[Any, Any]) -> InvalidRequestError:
    names = [name for name in entry if name not in _KNOWN]
    shown = sorted({field_name(name) for name in names})
    listed = ", ".join(shown[:MOST_NAMED])
    # A name that is not shown is not repeated in the pointer, either.
    first = next((name for name in shown if name in entry), None)
    return InvalidRequestError(
        f"{listed}: no such field; the fields are {', '.join(FIELDS)}",
        RefusalCode.UNKNOWN_FIELD,
        "" if first is None else pointer([first]),
    )


def _account(
    provider: Provider[Any], value: object, accounts: Accounts, within: Limits
) -> str:
    if value is None:
        value = "default"
    if not isinstance(value, str) or not ACCOUNT.fullmatch(value):
        raise InvalidRequestError(
            "account must be 1 to 64 letters, digits, dots, dashes or underscores",
            param="/account",
        )
    # If the accounts file itself is unusable, the lane is held, and refuses nothing.
    if accounts.fault is None and (provider.name, value) not in accounts.lanes:
        lanes = [lane for lane in accounts.lanes if within.touches(*lane)]
        known = [name for where, name in lanes if where == provider.name]
        listed = ", ".join(sorted(known)) or "none"
        raise InvalidRequestError(
            f"account {value} of {provider.name} is not in the accounts file"
            f" (it has: {listed})",
            RefusalCode.UNKNOWN_ACCOUNT,
            "/account",
        )
    return value


def _text(entry: Mapping[str, Any], name: str) -> str | None:
    value = entry.get(name)
    if value is None:
        return None
    text = plain_text(value)
    if text is None:
        raise InvalidRequestError(f"{name} must be a text", param=f"/{name}")
    good = 0 < len(text) <= LONGEST_TEXT and text.isprintable()
    if not good or storable(text) != text:
        raise InvalidRequestError(
            f"{name} must be 1 to {LONGEST_TEXT} printable characters",
            param=f"/{name}",
        )
    if name == "key" and text.startswith(RESERVED):
        says = "key must not begin with refused: or token:, which are reserved"
        raise InvalidRequestError(says, RefusalCode.RESERVED_KEY, "/key")
    return text


def _object(entry: Mapping[str, Any], name: str) -> dict[str, Any]:
    value = entry.get(name)
    if value is None:
        return {}
    where = f"/{name}"
    if not isinstance(value, dict):
        says = f"{name} must be an object with named values"
        raise InvalidRequestError(says, param=where)
    if _deeper(value, DEEPEST_OBJECT):
        # Every worker must be able to read it, also deep in a call stack.
        says = f"{name} must not be nested more than {DEEPEST_OBJECT} deep"
        raise InvalidRequestError(says, RefusalCode.TOO_LARGE, where)
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        says = f"{name} must be plain JSON"
        raise InvalidRequestError(says, param=where) from None
    if len(text.encode("utf-8", "replace")) > LARGEST_OBJECT:
        says = f"{name} must be at most {LARGEST_OBJECT} bytes"
        raise InvalidRequestError(says, RefusalCode.TOO_LARGE, where)
    if storable(text) != text or "\\u0000" in text:
        says = f"{name} holds a character that cannot be kept"
        raise InvalidRequestError(says, param=where)
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
        says = "cancel_before must be later than not_before"
        raise InvalidRequestError(says, param="/cancel_before")
    return not_before, cancel_before


def _time(entry: Mapping[str, Any], name: str, now: datetime) -> datetime | None:
    value = entry.get(name)
    if value is None:
        return None
    try:
        return parse_time(value, now)
    except ValueError as error:
        raise InvalidRequestError(f"{name} {error}", param=f"/{name}") from None
