"""The columns of exports: their headings, and their values for programs and for people.

A heading is the label that the page of a cancellation has, in the reader's language.
CSV has the values of the record of the HTTP API; a workbook has the page's words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rescind.dashboard.formatting import actor, plain
from rescind.dashboard.list_pages import Listed
from rescind.dashboard.own_words import message_of
from rescind.dashboard.reason_phrases import because
from rescind.dashboard.translation import N_, gettext

COLUMNS = {
    "id": N_("Id"),
    "provider": N_("Provider"),
    "account": N_("Account"),
    "order": N_("Order"),
    "key": N_("Key"),
    "group": N_("Group"),
    "state": N_("State"),
    "reason": N_("Reason"),
    "provider_code": N_("The provider's code"),
    "provider_message": N_("What the provider or Rescind says"),
    "attempts": N_("Cancels that may have reached the provider"),
    "polls": N_("Status readings that were answered"),
    "not_before": N_("Not before"),
    "cancel_before": N_("Cancel before"),
    "due_at": N_("Next step due"),
    "created_at": N_("Accepted"),
    "by": N_("Submitted by"),
    "updated_at": N_("Updated"),
    "finished_at": N_("Ended"),
    "params": N_("Parameters"),
    "metadata": N_("Metadata"),
}
"""The label of each field of a record."""
TIMES = frozenset(
    {
        *("not_before", "cancel_before", "due_at"),
        *("created_at", "updated_at", "finished_at"),
    }
)


def headings(columns: Sequence[str], labels: Mapping[str, str]) -> list[str]:
    """The header of a file in the reader's language."""
    return [gettext(labels[name]) for name in columns]


def in_words(one: Listed) -> dict[str, Any]:
    """The record with the words of the page, in the reader's language."""
    record = one.record
    state, reason, by = record["state"], record["reason"], record["by"]
    return {
        **record,
        "state": plain(state),
        "reason": because(state, reason) if reason else None,
        "by": actor(by) if by else None,
        "provider_message": message_of(record) or None,
    }


def plain_value(value: Any) -> Any:
    """A value of a record as a text, a number or ``None``."""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False) if value else None
    return value
