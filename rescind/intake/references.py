"""What an entry waits for: its ``after`` and ``only_if``, and the ``ref`` of others.

A reference names a cancellation by its record's id, by ``provider/account/key``, or by
the ``ref`` of an earlier entry of the same submission.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from providers.registry import provider_named
from rescind.intake.entry_objects import open_params
from rescind.intake.limited_entries import LimitedEntry
from rescind.ledger.conditions import ANY, DEFAULT, canonical
from rescind.ledger.states import FINAL
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.refusal_codes import RefusalCode
from rescind.provider.text import plain_text, storable

MOST = 8
"""The most references of one entry."""
LONGEST = 500
_SINGLE = frozenset({ANY, *FINAL})
"""Conditions of one word, as most are: they are canonical already."""
_BETWEEN = re.compile(r"[\s,]+")


@dataclass(frozen=True, slots=True)
class EarlierEntry:
    """An earlier entry of the same submission."""

    ref: str
    path: tuple[str, str, str] | None
    """Provider, account and key, as its producer gave them; ``None`` if the entry is
    wrong."""
    order: str = ""
    """In canonical form."""


Reference = str | EarlierEntry


class Refs:
    """The refs of the entries of one submission, whose entries come in order.

    A ref may come again: it names the nearest entry before.
    """

    def __init__(self) -> None:
        self._known: dict[str, EarlierEntry] = {}

    def resolve(self, entry: object) -> object:
        """``entry`` without its ``ref``, and with entries for the refs in ``after``.

        A wrong ``ref`` or ``after`` is left for ``validation`` to refuse.
        """
        if isinstance(entry, LimitedEntry):
            return LimitedEntry(self.resolve(entry.entry), entry.limits)
        if not isinstance(entry, dict) or not {"ref", "after"} & entry.keys():
            return entry
        given = dict(entry)
        if isinstance(given.get("after"), str | list):
            given["after"] = [self._named(one) for one in listed(given["after"])]
        if (ref := name_of(given.get("ref"))) is not None:
            del given["ref"]
            self._known[ref] = _earlier(ref, given)
        return given

    def _named(self, one: object) -> object:
        return self._known.get(one, one) if isinstance(one, str) else one


def resolved(entries: Sequence[object]) -> list[object]:
    """The entries of one submission, each as ``Refs.resolve`` returns it."""
    refs = Refs()
    return [refs.resolve(one) for one in entries]


def name_of(value: object) -> str | None:
    """A valid ``ref``; ``None`` for anything else."""
    text = plain_text(value) if value is not None else None
    good = text is not None and 0 < len(text) <= LONGEST and text.isprintable()
    return text if good else None


def listed(value: object) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def _earlier(ref: str, entry: Mapping[str, Any]) -> EarlierEntry:
    try:
        provider = provider_named(entry.get("provider"))
        written = provider.check_order(entry.get("order"))
        order = provider.canonical_order(written)
        params = provider.canonical_params(
            provider.check_params(entry.get("params") or {})
        )
        key = plain_text(entry.get("key")) or provider.default_key(
            order, open_params(provider, params)
        )
        account = plain_text(entry.get("account")) or "default"
    except (InvalidRequestError, TypeError, ValueError, AttributeError):
        return EarlierEntry(ref, None)
    return EarlierEntry(ref, (provider.name, account, key), order)


# --- the fields of one entry ------------------------------------------------------


def after_of(entry: Mapping[str, Any]) -> tuple[Reference, ...]:
    """The checked references; raises ``InvalidRequestError`` with a sentence."""
    value = entry.get("after")
    if value is None or value == []:
        return ()
    given = listed(value)
    if len(given) > MOST:
        raise InvalidRequestError(
            f"after must name at most {MOST} cancellations",
            RefusalCode.TOO_LARGE,
            "/after",
        )
    return tuple(_reference(one, n) for n, one in enumerate(given))


def _reference(value: object, place: int) -> Reference:
    if isinstance(value, EarlierEntry):
        return value
    good = isinstance(value, str) and 0 < len(value) <= LONGEST
    if good and isinstance(value, str) and storable(value) == value:
        return value
    raise InvalidRequestError(
        "after must list texts: a record's id, provider/account/key, or the ref of an"
        " earlier entry",
        param=f"/after/{place}",
    )


def only_if_of(entry: Mapping[str, Any]) -> str:
    """The canonical condition; raises ``InvalidRequestError`` with a sentence."""
    value = entry.get("only_if")
    if value is None:
        return DEFAULT
    if not entry.get("after"):
        says = "only_if needs after: it says how the ones named there must end"
        raise InvalidRequestError(says, RefusalCode.MISSING, "/after")
    if isinstance(value, str) and value in _SINGLE:
        return value
    words = _words(value)
    try:
        return canonical(words)
    except ValueError as error:
        raise InvalidRequestError(f"only_if {error}", param="/only_if") from None


def _words(value: object) -> Iterable[str]:
    given = listed(value)
    if not all(isinstance(one, str) for one in given):
        says = "only_if must be a text or a list of texts, such as cancelled"
        raise InvalidRequestError(says, param="/only_if")
    return [word for one in given for word in _BETWEEN.split(one) if word]


def check_ref(entry: Mapping[str, Any]) -> None:
    if entry.get("ref") is not None:
        raise InvalidRequestError(
            f"ref must be 1 to {LONGEST} printable characters", param="/ref"
        )
