"""Appends to the list of what persons and programs asked Rescind to do.

A transition holds its own actor. This list has what is no transition, such as a hold,
and one entry for each request that changes cancellations, however many those are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert

from rescind.ledger.action_kinds import Action
from rescind.ledger.changes.recording import new_id
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.operator_tables import OPERATOR_ACTION

Lane = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Subject:
    """What an action concerns."""

    lane: Lane | None = None
    """Its lane, if it concerns a single one."""
    target: str | None = None
    """A cancellation's id, or a schedule's name."""
    number: int | None = None
    """How many cancellations, or notifications, it changes or submits."""
    detail: str | None = None
    """For ``SUBMIT``, the group, if all have the same; for ``HOLD``, why; for
    ``PRUNE``, the time before which the deleted records ended; for ``TEST``, the
    receiver's host."""


def record_action(
    connection: Connection, by: str, action: Action, subject: Subject, now: datetime
) -> None:
    """Append one action, in the transaction that does it."""
    provider, account = subject.lane or (None, None)
    row = {
        "id": new_id(),
        "at": in_ms(now),
        "by": by,
        "action": str(action),
        "provider": provider,
        "account": account,
        "target": subject.target,
        "number": subject.number,
        "detail": subject.detail,
    }
    connection.execute(insert(OPERATOR_ACTION).values(row))


def subject_of(changed: Iterable[tuple[Lane, str]], number: int) -> Subject:
    """The subject of an action on cancellations, each given as its lane and id.

    ``number`` is how many cancellations, or notifications of them, it changes.
    """
    listed = list(changed)
    lanes, ids = {lane for lane, _ in listed}, {one for _, one in listed}
    return Subject(
        lane=lanes.pop() if len(lanes) == 1 else None,
        target=ids.pop() if len(ids) == 1 else None,
        number=number,
    )
