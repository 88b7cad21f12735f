"""Divides cancellations that were given up by whether the provider would have told.

It compares them with the providers' own record of the truth, and with what each
provider can tell according to its documentation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from providers.dukkango import POLICY as DUKKANGO
from rescind.demo.facts import LedgerRow, Offence
from rescind.ledger.states import State
from rescind.provider.outcomes import Reason

HIDDEN = frozenset({("ithink", "missing"), ("dukkango", "missing")})
"""Truths that the provider never distinguishes from others."""
SECOND_CANCEL_TELLS = frozenset({("dukkango", "completed"), ("dukkango", "cancelled")})
"""Truths that no reading shows, but the answer to a second cancel does, as long as a
second cancel may be sent."""
MOST_CANCELS = DUKKANGO.max_attempts
Records = Sequence[Mapping[str, Any]]


def given_up(rows: Sequence[LedgerRow], records: Records) -> Iterator[Offence]:
    """Cancellations that failed although the provider would have told if asked."""
    for row, truth in _failed(rows, records):
        if not _is_hidden(row, truth):
            why = f"given up as {row['reason']}, and the order is {truth}"
            yield Offence(row["provider"], row["order"], why)


def not_told(rows: Sequence[LedgerRow], records: Records) -> list[LedgerRow]:
    """Cancellations that failed and whose provider could not have told."""
    return [row for row, truth in _failed(rows, records) if _is_hidden(row, truth)]


def _failed(
    rows: Sequence[LedgerRow], records: Records
) -> Iterator[tuple[LedgerRow, str]]:
    truths = {(one["provider"], one["id"]): one["truth"] for one in records}
    for row in rows:
        if row["state"] == State.FAILED:
            yield row, truths.get((row["provider"], row["order"]), "missing")


def _is_hidden(row: LedgerRow, truth: str) -> bool:
    known = (row["provider"], truth)
    # Without an attempt: a step that may have been sent before a restore, and that its
    # predecessors do not want. To send it is not allowed.
    may_be_sent = row["cancel_before"] is None and 0 < row["attempts"] < MOST_CANCELS
    hidden = known in HIDDEN or (known in SECOND_CANCEL_TELLS and not may_be_sent)
    return hidden and row["reason"] == Reason.UNRESOLVED
