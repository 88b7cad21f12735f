"""Checks one entry of a submission field by field, before it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from providers.registry import provider_named
from rescind.config.accounts import Accounts
from rescind.config.callbacks import NO_CALLBACKS, NONE_WANTED, Callbacks, Wanted
from rescind.config.names import NAME, NAME_FORM
from rescind.intake.entry_objects import object_of, open_params
from rescind.intake.entry_times import check_window, times_of
from rescind.intake.limited_entries import check_group, check_lane, outside
from rescind.intake.message_faults import MessageFault
from rescind.intake.references import Reference, after_of, check_ref, only_if_of
from rescind.ledger.access_limits import EVERYTHING, Limits
from rescind.provider.deadlines import earlier, provider_deadline
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
    "on_group_end",
    "ref",
    "after",
    "only_if",
)
_KNOWN = frozenset(FIELDS)
LONGEST_TEXT = 200
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
    """The producer's deadline or the provider's, whichever is earlier."""
    cancellable_until: datetime | None = None
    """The provider's own deadline."""
    after: tuple[Reference, ...] = ()
    only_if: str = ""


def check(
    entry: object,
    accounts: Accounts,
    now: datetime,
    callbacks: Callbacks = NO_CALLBACKS,
    within: Limits = EVERYTHING,
) -> Checked:
    """The checked ``entry``; raises ``InvalidRequestError`` with a sentence."""
    check_lane(entry, within)
    if isinstance(entry, MessageFault):
        raise entry.error()
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
    known = open_params(provider, params)
    not_before, cancel_before = times_of(entry, now)
    until = provider_deadline(provider, order, known)
    check_window(not_before, until)
    key, group = text_of(entry, "key"), text_of(entry, "group")
    check_ref(entry)
    check_group(provider.name, account, group, within)
    callback = callbacks.wanted(entry)
    if callback.group_end is not None and not within.allows_group(group):
        # It would tell of lanes of others.
        raise outside("this whole group", "/on_group_end", within)
    return Checked(
        provider=provider,
        account=account,
        order=order,
        key=key or keys[0],
        former_key=None if key else keys[1],
        params=known,
        personal=personal,
        metadata=object_of(entry, "metadata"),
        group=group,
        callback=callback,
        not_before=not_before,
        cancel_before=earlier(cancel_before, until),
        cancellable_until=until,
        after=after_of(entry),
        only_if=only_if_of(entry),
    )


def deadline_of_provider(entry: Mapping[str, Any]) -> datetime | None:
    """Until when its provider cancels the order of an entry; ``None`` if there is no
    such time, or the entry is wrong."""
    try:
        provider = provider_named(entry.get("provider"))
        order, params, _keys = asked(
            provider, lambda: _of_provider(provider, entry), refused
        )
    except InvalidRequestError:
        return None
    return provider_deadline(provider, order, open_params(provider, params))


def _of_provider(
    provider: Provider[Any], entry: Mapping[str, Any]
) -> tuple[str, dict[str, Any], tuple[str, str]]:
    """The order and the params in their canonical form, and the default key, as it is
    now and as older versions made it."""
    written = provider.check_order(entry["order"])
    order = provider.canonical_order(written)
    checked = provider.check_params(object_of(entry, "params"))
    params = provider.canonical_params(checked)
    # A key is stored as it is, so no personal data may get into it.
    known, former = open_params(provider, params), open_params(provider, checked)
    keys = provider.default_key(order, known), provider.default_key(written, former)
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
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise InvalidRequestError(f"account must be {NAME_FORM}", param="/account")
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


def text_of(entry: Mapping[str, Any], name: str) -> str | None:
    """The text in this field, such as a key; raises ``InvalidRequestError``."""
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
