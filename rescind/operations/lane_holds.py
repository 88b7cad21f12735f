"""Holds and resumes lanes: what the command line, HTTP API and dashboard share."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Engine

from rescind.config.accounts import Accounts, Lane
from rescind.ledger.action_kinds import Action
from rescind.ledger.changes.lane_states import (
    LaneState,
    hold_for_operator,
    read_lane,
    write_lane,
)
from rescind.ledger.changes.operator_actions import Subject, record_action
from rescind.ledger.storage.repeating import repeated
from rescind.ledger.storage.transactions import writing
from rescind.operations.action_log import log_action
from rescind.operations.actions import check_lane
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.text import storable

LONGEST_NOTE = 200
"""Characters of a note: it is one line wherever it is shown."""


def hold_note(written: str) -> str | None:
    """Why somebody holds a lane, on one line; ``None`` if nothing is written.

    Raises ``InvalidRequestError`` for a text that is too long.
    """
    found = " ".join(storable(written).split())
    if len(found) > LONGEST_NOTE:
        says = f"the reason of a hold must have at most {LONGEST_NOTE} characters"
        raise InvalidRequestError(says)
    return found or None


@repeated
def hold(
    engine: Engine,
    accounts: Accounts,
    asked: Lane,
    now: datetime,
    note: str | None = None,
    *,
    by: str,
) -> None:
    """Hold a lane: no calls are sent until ``resume``; raises ``UnknownError``.

    ``note`` is a text of ``hold_note``. ``by`` is the actor, here and below: see
    ``rescind.config.actors``.
    """
    subject = Subject(asked, detail=note)
    with writing(engine) as connection:
        check_lane(connection, accounts, asked)
        state = read_lane(connection, asked, for_update=True)
        write_lane(connection, asked, hold_for_operator(state, now, by, note))
        record_action(connection, by, Action.HOLD, subject, now)
    log_action(by, Action.HOLD, subject)


@repeated
def resume(
    engine: Engine, accounts: Accounts, asked: Lane, now: datetime, *, by: str
) -> str | None:
    """Clear a lane's hold, pause and failures; raises ``UnknownError``.

    Returns the fault of the account if the accounts file still holds the lane.
    Otherwise the caller notifies the lane for ``EVERY_OPERATION``.
    """
    subject = Subject(asked)
    with writing(engine) as connection:
        check_lane(connection, accounts, asked)
        state = read_lane(connection, asked, for_update=True)
        write_lane(connection, asked, LaneState(restored_at=state.restored_at))
        record_action(connection, by, Action.RESUME, subject, now)
    log_action(by, Action.RESUME, subject)
    return accounts.fault_of(asked)
