"""An operator releases or skips what waits for other cancellations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row

from rescind.ledger.access_limits import EVERYTHING, Limits
from rescind.ledger.action_kinds import Action
from rescind.ledger.changes import plan_decisions
from rescind.ledger.changes.operator_actions import Subject, record_action
from rescind.ledger.storage.repeating import repeated
from rescind.ledger.storage.transactions import writing
from rescind.operations.action_log import log_action
from rescind.operations.actions import found


@dataclass(frozen=True, slots=True)
class Decision:
    """What an operator decides in the place of predecessors."""

    action: Action
    make: Callable[..., None]


RELEASE = Decision(Action.RELEASE, plan_decisions.release)
SKIP = Decision(Action.SKIP, plan_decisions.skip)


@repeated
def decide(
    engine: Engine,
    decision: Decision,
    name: str,
    now: datetime,
    within: Limits = EVERYTHING,
    *,
    by: str,
) -> Row[Any]:
    """Release or skip one, by its id or provider/account/key; returns the changed row.

    ``by`` is the actor. The caller notifies the lanes of ``actions.lanes_to_notify``.
    Raises ``UnknownError`` and ``InvalidRequestError``, each with a sentence.
    """
    with writing(engine) as connection:
        row = found(connection, name, within)
        decision.make(connection, row.id, now, by=by)
        subject = Subject((row.provider, row.account), row.id, 1)
        record_action(connection, by, decision.action, subject, now)
        changed = found(connection, row.id)
    log_action(by, decision.action, subject)
    return changed
