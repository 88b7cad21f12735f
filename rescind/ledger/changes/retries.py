"""Retries: an operator opens a new round, which alone can leave a final state.

A retry can also leave ``requested``, if the provider seems to have dropped the order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from rescind.ledger.changes.plan_completion import begin_again
from rescind.ledger.changes.round_deadlines import (
    NEVER_LATE,
    check_deadline,
    check_window,
    deadline_of,
    said,
)
from rescind.ledger.changes.rounds import (
    Round,
    after_rounds,
    open_round,
    progress_before,
    reopened,
)
from rescind.ledger.changes.successors import check_may_reopen, why_not_wanted
from rescind.ledger.conditions import Verdict, judge
from rescind.ledger.reading.predecessors import predecessors_of
from rescind.ledger.states import RETRYABLE, State
from rescind.ledger.storage.cancellation_rows import progress_of
from rescind.ledger.storage.milliseconds import from_ms, to_ms
from rescind.ledger.storage.tables import CANCELLATION
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.policy import Policy
from rescind.provider.refusal_codes import RefusalCode

C = CANCELLATION.c
REFUSED_KEY = "refused:"
"""Prefix of the key of an entry that was never valid."""


@dataclass(slots=True)
class Retried:
    """The result of retrying some cancellations."""

    opened: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Why the others were not retried, each in a sentence."""


def retry_some(
    connection: Connection,
    rows: Sequence[Row[Any]],
    now: datetime,
    cancel_before: datetime | None,
    policy_of: Callable[[tuple[str, str]], Policy],
    *,
    by: str,
) -> Retried:
    """``retry`` for each; one that is refused does not stop the others."""
    done, opened = Retried(), list[Row[Any]]()
    _lock_all(connection, [row.id for row in rows])
    for row in rows:
        try:
            policy = policy_of((row.provider, row.account))
            if _retry(connection, row, now, cancel_before, policy, by):
                opened.append(row)
            else:
                done.refused.append(f"{row.id}: another change was made just now")
        except InvalidRequestError as error:
            done.refused.append(str(error))
    _conclude(connection, opened, now)
    done.opened += [row.id for row in opened]
    return done


def retry(
    connection: Connection,
    row: Row[Any],
    now: datetime,
    cancel_before: datetime | None = None,
    policy: Policy | None = None,
    *,
    by: str,
) -> bool:
    """Open a new round for ``row``; False if another transaction has changed it.

    If an earlier call may have worked, the round begins by reading the order back. So
    does the first round since the ledger was restored, and the round of a ``requested``
    order, which needs its lane's ``policy``. A row
    whose ``not_before`` has not come is scheduled again, and one whose predecessors
    have not ended waits for them again. Raises
    ``InvalidRequestError`` in one sentence if no new round can be opened.
    """
    opened = _retry(connection, row, now, cancel_before, policy, by)
    if opened:
        _conclude(connection, [row], now)
    return opened


def _conclude(
    connection: Connection, opened: Sequence[Row[Any]], now: datetime
) -> None:
    after_rounds(connection, opened, now)
    if opened:
        begin_again(connection, [row.id for row in opened])


def _retry(
    connection: Connection,
    row: Row[Any],
    now: datetime,
    cancel_before: datetime | None,
    policy: Policy | None,
    by: str,
) -> bool:
    check_retryable(row, now, cancel_before, policy)
    locked = _lock(connection, row)
    if locked is None:
        return False
    # Not ``row.followed``: another one may have begun to wait for it since.
    if locked.followed:
        check_may_reopen(connection, row)
    waits_for = row.waits_for
    if waits_for is not None:
        waits_for = _kept(connection, row)
    was, not_before = progress_before(connection, row, now), from_ms(row.not_before)
    to = reopened(was, now, not_before, waits=bool(waits_for))
    before = to_ms(deadline_of(row, cancel_before, now))
    return open_round(connection, row, Round(to, waits_for, before, "retry", by), now)


def _lock_all(connection: Connection, ids: Sequence[str]) -> None:
    # Sorted, and before the successors of any: two transactions that lock the same rows
    # must not deadlock.
    chosen = select(C.id).where(C.id.in_(ids)).order_by(C.id)
    connection.execute(chosen.with_for_update()).all()


def _lock(connection: Connection, row: Row[Any]) -> Row[Any] | None:
    """Lock the row before its neighbours are read; ``None`` if it has changed."""
    same = select(C.followed).where(C.id == row.id, C.version == row.version)
    return connection.execute(same.with_for_update()).first()


def _kept(connection: Connection, row: Row[Any]) -> int:
    """How many predecessors keep it; raises ``InvalidRequestError`` if they do not want
    it, or if it was sent before and so cannot wait for them."""
    known = predecessors_of(connection, [row.id]).get(row.id, [])
    verdict, keeping = judge(known)
    if verdict is Verdict.NOT_WANTED:
        raise InvalidRequestError(
            f"{row.id} is not wanted: {why_not_wanted(known)}; retry the predecessor,"
            " or release this one, which sends it all the same",
            RefusalCode.NOT_RETRYABLE,
        )
    if keeping and row.attempts:
        one = next(one for one in known if not one.met)
        raise InvalidRequestError(
            f"{row.id} cannot be retried while a predecessor is {one.state}",
            RefusalCode.NOT_RETRYABLE,
        )
    return keeping


def why_not(row: Row[Any], now: datetime, policy: Policy) -> str | None:
    """Why no new round can be opened for ``row``, whatever its deadline."""
    try:
        check_retryable(row, now, NEVER_LATE, policy)
    except InvalidRequestError as error:
        return str(error)
    return None


def check_retryable(
    row: Row[Any],
    now: datetime,
    cancel_before: datetime | None,
    policy: Policy | None,
) -> None:
    """Raises ``InvalidRequestError`` if no new round can be opened, whatever its
    predecessors and successors are."""
    state = State(row.state)
    if state is State.REQUESTED and policy is not None:
        _check_dropped(row, now, policy)
    elif state not in RETRYABLE:
        raise InvalidRequestError(
            f"{row.id} is {state}: only failed, expired, rejected and withdrawn ones"
            " are retried",
            RefusalCode.NOT_RETRYABLE,
        )
    if row.key.startswith(REFUSED_KEY):
        raise InvalidRequestError(
            f"{row.id} was never a valid cancellation ({row.provider_message}):"
            " submit it again, corrected",
            RefusalCode.NOT_RETRYABLE,
        )
    check_window(row, now)
    check_deadline(row, now, cancel_before)


def _check_dropped(row: Row[Any], now: datetime, policy: Policy) -> None:
    """Raise ``InvalidRequestError`` while the provider may still be cancelling."""
    since = progress_of(row).since or now
    until = since + policy.taken_on_for
    if now < until:
        raise InvalidRequestError(
            f"{row.id} is requested: its provider accepted it at {said(since)},"
            f" and may be cancelling it until {said(until)}. Rescind polls it by"
            " itself. If it is still active after that time, Rescind sends it again;"
            " before that time it cannot be retried",
            RefusalCode.NOT_RETRYABLE,
        )
