"""The columns of exports: a heading in the page's words, and a value for programs.

A heading is the label that the page of a cancellation has, in the reader's language.
Values are as in the record of the HTTP API.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

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
    "provider_message": N_("The provider's own words"),
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


def plain_value(value: Any) -> Any:
    """A value of a record as a text, a number or ``None``."""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False) if value else None
    return value
