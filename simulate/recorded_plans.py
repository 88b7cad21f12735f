"""Messages with plans: each is a plan, which gets a record of its own.

A worker inserts the record after the entries of the message, in a transaction of its
own. So it may die in between, and steps may end before there is a record of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine as Ledger

from rescind.intake.receipts import Receipt, Taken
from rescind.ledger.changes.plan_insertion import NewPlan, NewStep, insert_plan
from rescind.ledger.changes.recording import new_id
from rescind.ledger.storage.transactions import writing

Entries = Sequence[Mapping[str, Any]]
NAME = "message"
URL = "https://shop.example.com/ended"


def has_plan(entries: Entries) -> bool:
    """Whether the message with these entries is a plan."""
    return any("ref" in entry for entry in entries)


def key_of(entries: Entries) -> str:
    """The plan's key: the same each time when the message comes."""
    return " ".join(
        f"{one['provider']}/{one['order']}/{one.get('key') or ''}" for one in entries
    )


def record_plan(
    ledger: Ledger, entries: Entries, taken: Sequence[Taken], now: datetime, by: str
) -> None:
    """Insert the record of the plan, if it is new. A refused entry is no step."""
    steps = [
        NewStep(entry["ref"], one.id, entry.get("after", ()))
        for entry, one in zip(entries, taken, strict=True)
        if one.receipt is not Receipt.REFUSED
    ]
    if not steps:
        return
    plan = NewPlan(new_id(), NAME, key_of(entries), "1", by, callback_url=URL)
    with writing(ledger, queue="intake") as connection:
        insert_plan(connection, plan, steps, now)
