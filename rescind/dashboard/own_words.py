"""Tells Rescind's own sentences from the provider's words: both are kept in one field.

A record's ``provider_message`` has the provider's words. Where no provider was asked,
or where its reply says nothing usable, it has a sentence of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rescind.dashboard.advice import advice
from rescind.dashboard.call_sentences import REPLIES
from rescind.dashboard.known_sentences import is_one_of, known
from rescind.dashboard.translation import _
from rescind.ledger.changes.retries import REFUSED_KEY
from rescind.ledger.states import State

BY_ANOTHER = re.compile(r"cancelled by [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""The sentence on an order that another cancellation has cancelled."""
Record = Mapping[str, Any]


def by_another(record: Record) -> bool:
    """Whether nothing was sent, since another cancellation had cancelled the order."""
    said = record["provider_message"] or ""
    return record["state"] == State.CANCELLED and bool(BY_ANOTHER.fullmatch(said))


def is_ours(record: Record) -> bool:
    """Whether its message is a sentence of Rescind's, and not the provider's words."""
    return _never_asked(record) or is_own(record["provider_message"] or "")


def _never_asked(record: Record) -> bool:
    refused = (record["key"] or "").startswith(REFUSED_KEY)
    return refused or (record["state"] == State.EXPIRED and not record["attempts"])


def is_own(message: str) -> bool:
    """Whether a message is a sentence of ours about a reply, or about another order."""
    return bool(BY_ANOTHER.fullmatch(message)) or is_one_of(REPLIES, message)


def in_words(message: object) -> str:
    """A message in the reader's language if it is ours; the provider's words as
    they are."""
    text = str(message)
    if BY_ANOTHER.fullmatch(text):
        return _("another cancellation of the same order has cancelled it")
    return known(text) if is_own(text) else text


def message_of(record: Record) -> str:
    """The message of a record, as ``in_words``; empty if it has none."""
    said = record["provider_message"] or ""
    return known(said) if _never_asked(record) else in_words(said)


def label_of(record: Record) -> str:
    """What a record's message is: the label that stands over it."""
    if _never_asked(record):
        return _("What is wrong")
    if by_another(record):
        return _("Why nothing was sent")
    if is_ours(record):
        return _("What Rescind found in the provider's answer")
    return _("The provider's own words")


def advice_on(record: Record) -> str:
    """What to do about the cancellation of a record."""
    if by_another(record):
        return _(
            "Nothing to do: another cancellation of the same order has cancelled it, so"
            " nothing was sent for this one."
        )
    state, reason = record["state"], record["reason"]
    return advice(record["provider"], state, reason, record["attempts"])
