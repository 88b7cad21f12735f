"""Does what earlier transactions have left: judgements, and plans to complete."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from rescind.ledger.changes import successors
from rescind.ledger.changes.plan_completion import complete_postponed
from rescind.ledger.changes.postponement import take
from rescind.ledger.changes.recording import Recorded, follow_on
from rescind.ledger.changes.successors import Following
from rescind.ledger.storage.postponement_table import Concerned


def judge_postponed(connection: Connection, now: datetime) -> Recorded | None:
    """Make some of the judgements that are due, or complete some of the plans that were
    left; ``None`` if there are none. What does not fit into this transaction is left
    again.

    Judgements are made by the present states, so one too many changes nothing.
    """
    for concerned in Concerned:
        taken = take(connection, concerned, now)
        if taken:
            following = _following(connection, concerned, taken, now)
            ids = frozenset(one for one, _ in taken)
            # Their plans could not be complete before this.
            return follow_on(connection, following, now, Recorded(ended=ids))
    told = complete_postponed(connection, now)
    return None if told is None else Recorded(to_deliver=told)


def _following(
    connection: Connection,
    concerned: Concerned,
    taken: Sequence[tuple[str, bool]],
    now: datetime,
) -> Following:
    if concerned is Concerned.ITSELF:
        return successors.begin(connection, [one for one, _ in taken], now)
    # Those that began again have told their successors so, and will end again.
    ended = [one for one, has_ended in taken if has_ended]
    return successors.follow(connection, ended, now)
