"""Counts submissions in the list of actions: one entry for many submissions.

A producer may send a million cancellations, each in a request of its own. So the list
has no entry for each of them: an entry counts all that one actor submits in an hour by
one process, or all of one command, form or file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, case, null

from rescind.ledger.action_kinds import Action
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.changes.operator_actions import subject_of
from rescind.ledger.changes.recording import new_id
from rescind.ledger.storage.operator_tables import OPERATOR_ACTION
from rescind.ledger.storage.upsert import insert_into

A = OPERATOR_ACTION.c
OPEN_FOR = 3_600_000
"""Milliseconds after its first submission in which an entry counts further ones."""


class SubmissionActions:
    """The entries in which a process counts what its callers submit.

    A command, a form and a file have an object of their own, and so entries of their
    own. It is used by one thread at a time. No two objects write to one entry, so no
    transaction waits for another one here.
    """

    def __init__(self) -> None:
        self._entries: dict[str, tuple[str, int]] = {}
        """By actor, the id of its entry and the ms of its first submission."""

    def count(self, connection: Connection, new: Iterable[NewCancellation]) -> None:
        """Count ``new``, which this transaction has inserted, each for its actor."""
        ordered = sorted(new, key=lambda one: (one.by, one.id))
        for by, some in groupby(ordered, key=lambda one: one.by):
            self._count(connection, by, list(some))

    def _count(
        self, connection: Connection, by: str, new: Collection[NewCancellation]
    ) -> None:
        times = [_made_at(one.id) for one in new]
        first = min(times)
        lanes = (((one.provider, one.account), one.id) for one in new)
        subject, groups = subject_of(lanes, len(new)), {one.group for one in new}
        provider, account = subject.lane or (None, None)
        row = {
            "id": self._id_of(by, first),
            "at": first,
            "by": by,
            "action": str(Action.SUBMIT),
            "provider": provider,
            "account": account,
            "target": subject.target,
            "number": subject.number,
            "detail": groups.pop() if len(groups) == 1 else None,
            "until": max(times),
        }
        _add(connection, row)

    def _id_of(self, by: str, at: int) -> str:
        id_, first = self._entries.get(by, ("", 0))
        if not id_ or not first <= at < first + OPEN_FOR:
            id_, first = new_id(), at
            self._entries[by] = (id_, first)
        return id_


def _made_at(id_: str) -> int:
    """The time of a UUIDv7, in ms."""
    return int(id_[:13].replace("-", ""), 16)


def _add(connection: Connection, row: dict[str, Any]) -> None:
    """Insert the entry, or add to the one that has its id.

    A transaction that was rolled back has left no entry: the next one inserts it.
    """
    added = insert_into(connection, OPERATOR_ACTION).values(row)
    more = added.excluded
    same_lane = (A.provider == more.provider) & (A.account == more.account)
    changes = {
        "number": A.number + more.number,
        "until": more.until,
        "target": null(),
        "provider": case((same_lane, A.provider)),
        "account": case((same_lane, A.account)),
        "detail": case((A.detail == more.detail, A.detail)),
    }
    connection.execute(added.on_conflict_do_update(index_elements=["id"], set_=changes))
