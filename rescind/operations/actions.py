"""Operators' actions: the code that the command line, HTTP API and dashboard share.

This module does not use Redis: the caller notifies the lanes afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row

from providers.registry import BY_NAME
from rescind.config.accounts import Accounts, Lane
from rescind.errors.reported import ReportedError
from rescind.ledger.access_limits import EVERYTHING, Limits
from rescind.ledger.action_kinds import Action
from rescind.ledger.changes import retries
from rescind.ledger.changes.lane_states import (
    LaneState,
    all_lanes,
    read_lane,
    read_lanes,
)
from rescind.ledger.changes.operator_actions import Subject, record_action
from rescind.ledger.changes.stalled_lanes import stalled_lanes
from rescind.ledger.reading.backlogs import (
    COUNTED,
    Backlog,
    backlog_of,
    backlogs,
    busy_lanes,
)
from rescind.ledger.reading.limited import sees
from rescind.ledger.reading.queries import find
from rescind.ledger.states import State
from rescind.ledger.storage.repeating import repeated
from rescind.ledger.storage.transactions import reading, writing
from rescind.operations.action_log import log_action
from rescind.operations.lane_view import LaneView
from rescind.provider.guarded import asked
from rescind.provider.text import storable

EVERY_OPERATION = ("cancel", "verify", "poll")


class UnknownError(ReportedError, LookupError):
    """There is no such lane or cancellation; the text is a sentence."""

    def __init__(self, sentence: str, problem: str = "no-such-cancellation") -> None:
        super().__init__(sentence)
        self.problem = problem


class ChangedError(ReportedError, RuntimeError):
    """Another command or a worker has just changed the row; the text is a sentence."""

    problem = "changed-meanwhile"


def lanes(
    engine: Engine,
    accounts: Accounts,
    now: datetime,
    most: int | None = COUNTED,
    within: Limits = EVERYTHING,
) -> list[LaneView]:
    """Every lane of the accounts file and the ledger that is wholly ``within``, sorted.

    Of each state, at most ``most`` cancellations are counted; ``None`` counts all.
    """
    with reading(engine) as connection:
        open_work = backlogs(connection, now, most)
        known = sorted({*accounts.lanes, *all_lanes(connection), *open_work})
        states = read_lanes(connection, known)
        stalled = stalled_lanes(connection)
    return [
        _view(accounts, lane, states.get(lane), open_work.get(lane), stalled.get(lane))
        for lane in known
        if within.allows_lane(*lane)
    ]


def lane(
    engine: Engine,
    accounts: Accounts,
    asked: Lane,
    now: datetime,
    most: int | None = COUNTED,
) -> LaneView:
    """One lane; raises ``UnknownError``."""
    with reading(engine) as connection:
        check_lane(connection, accounts, asked)
        state = read_lane(connection, asked)
        backlog = backlog_of(connection, asked, now, most)
        stalled = stalled_lanes(connection).get(asked)
    return _view(accounts, asked, state, backlog, stalled)


def _view(
    accounts: Accounts,
    lane: Lane,
    state: LaneState | None,
    backlog: Backlog | None,
    stalled_since: datetime | None,
) -> LaneView:
    return LaneView(
        lane=lane,
        fault=accounts.fault_of(lane),
        policy=accounts.policy(lane),
        state=state or LaneState(),
        backlog=backlog or Backlog(),
        stalled_since=stalled_since,
    )


def check_lane(connection: Connection, accounts: Accounts, asked: Lane) -> None:
    """Raise ``UnknownError`` unless the accounts file or the ledger has the lane."""
    known = {*accounts.lanes, *all_lanes(connection), *busy_lanes(connection)}
    if asked not in known:
        listed = ", ".join("/".join(lane) for lane in sorted(known)) or "none"
        raise UnknownError(
            f"there is no lane {storable('/'.join(asked))[:100]}: give"
            f" provider/account; the lanes are: {listed}",
            "no-such-lane",
        )


# --- cancellations ----------------------------------------------------------------


def found(connection: Connection, name: str, within: Limits = EVERYTHING) -> Row[Any]:
    """The row of an id or of a provider/account/key; raises ``UnknownError``.

    A row that is not ``within`` is unknown, like one that does not exist.
    """
    row = _by_own_key(connection, storable(name), within)
    row = find(connection, storable(name)) if row is None else row
    row = _by_its_order(connection, storable(name), within) if row is None else row
    if row is None or not sees(within, row):
        raise UnknownError(
            f"{storable(name)[:100]}: there is no such cancellation; an ID is a"
            " record's id, or provider/account/key (`rescind list` shows them)"
        )
    return row


def _by_own_key(connection: Connection, name: str, within: Limits) -> Row[Any] | None:
    """The row of a limited caller's own key."""
    provider, _, rest = name.partition("/")
    account, slash, key = rest.partition("/")
    if within.unlimited or not slash:
        return None
    return find(connection, f"{provider}/{account}/{within.stored_key(key)}")


def _by_its_order(connection: Connection, name: str, within: Limits) -> Row[Any] | None:
    """The row whose key is an order id that ``name`` spells differently."""
    provider, _, rest = name.partition("/")
    account, slash, written = rest.partition("/")
    if provider not in BY_NAME or not slash:
        return None
    known = BY_NAME[provider]
    order = asked(known, lambda: known.canonical_order(written), lambda _: written)
    path = f"{provider}/{account}/{order}"
    row = _by_own_key(connection, path, within) or find(connection, path)
    # A key that a producer chose is not an order id, and has only one spelling.
    return row if row is not None and row.order_id == order else None


@repeated
def retry(
    engine: Engine,
    accounts: Accounts,
    name: str,
    now: datetime,
    cancel_before: datetime | None = None,
    within: Limits = EVERYTHING,
    *,
    by: str,
) -> Row[Any]:
    """Open a new round; returns the changed row.

    The caller notifies the lanes of ``lanes_to_notify``. Raises ``UnknownError``,
    ``ChangedError`` or, if the cancellation cannot be retried, ``InvalidRequestError``:
    each with a sentence.
    """
    with writing(engine) as connection:
        row = found(connection, name, within)
        policy = accounts.policy((row.provider, row.account))
        if not retries.retry(connection, row, now, cancel_before, policy, by=by):
            raise ChangedError(f"{name} has just been changed: look at it again")
        subject = Subject((row.provider, row.account), row.id, 1)
        record_action(connection, by, Action.RETRY, subject, now)
        changed = found(connection, row.id)
    log_action(by, Action.RETRY, subject)
    return changed


def lanes_to_notify(rows: Iterable[Row[Any]]) -> dict[str, set[Lane]]:
    """The lanes to notify for rows that were retried, by operation."""
    operations = {State.QUEUED: "cancel", State.VERIFYING: "verify"}
    asked: dict[str, set[Lane]] = {}
    for row in rows:
        operation = operations.get(State(row.state))
        if operation is not None:
            asked.setdefault(operation, set()).add((row.provider, row.account))
    return asked
