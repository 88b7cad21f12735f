"""Folds steps that repeat: an outage raises a count, and adds no rows to the history.

While a provider cannot be reached, each order is claimed and put back, again and again:
two steps for each try, thousands a day. If the new pair says the same as the pair
before it, the claim's row is deleted and ``repeats`` of the row before it is raised.
That row then says how often it happened, the first time (``at``) and the last one
(``until``); the deleted rows held nothing else. A row's ``seq`` stays as it is, so
numbers are missing between the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Delete,
    Text,
    and_,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from rescind.ledger.changes.call_log import CallMade
from rescind.ledger.changes.repeated_calls import WORDS, says, words_of
from rescind.ledger.progress import Change
from rescind.ledger.states import State
from rescind.ledger.storage.call_table import CALL
from rescind.ledger.storage.row_sets import Columns, Rows, incoming, parameters
from rescind.ledger.storage.tables import TRANSITION

T, C = TRANSITION.c, CALL.c
_PAIR: Columns = {
    "id": Text,
    "claimed": BigInteger,
    "at": BigInteger,
    "reason": Text,
    "evidence": Text,
    **WORDS,
}
"""A claim and the return of the order: ``claimed`` is the claim's ``seq``."""
_CLAIM: Columns = {"id": Text, "claimed": BigInteger}


def fold_steps(
    connection: Connection,
    steps: Sequence[Change],
    calls: Mapping[str, CallMade],
    at: int,
) -> frozenset[str]:
    """Count those of ``steps`` that repeat the step before their claim; returns their
    ids. The steps are made already, at ``at`` in ms; ``calls`` holds their calls."""
    unsent = [one for one in steps if _is_unsent(one, calls)]
    if not unsent:
        return frozenset()
    dialect = connection.dialect.name
    rows = Rows([_pair(one, calls, at) for one in unsent], _PAIR, many="id")
    counted = _count_pair(dialect, rows.differing)
    found = connection.execute(counted, rows.parameters(dialect)).scalars()
    folded = frozenset(found)
    if folded:
        _forget_claims(connection, unsent, folded)
    return folded


def _is_unsent(change: Change, calls: Mapping[str, CallMade]) -> bool:
    """Whether it puts a claimed order back, and no call can have had an effect."""
    back = change.from_state is State.SENDING and change.to.state is State.QUEUED
    known = change.call_id is None or change.call_id in calls
    return back and known and not change.attempted


def _pair(change: Change, calls: Mapping[str, CallMade], at: int) -> dict[str, Any]:
    return {
        "id": change.ids,
        "claimed": change.version,
        "at": at,
        "reason": change.to.reason,
        "evidence": change.evidence,
        **words_of(calls.get(change.call_id or "")),
    }


@cache
def _count_pair(dialect: str, differing: tuple[str, ...]) -> ReturningUpdate[Any]:
    new = incoming(dialect, _PAIR, differing)
    before = TRANSITION.alias("before")
    its = (before.c.cancellation_id == new.c.id, before.c.seq < new.c.claimed)
    last = select(func.max(before.c.seq)).where(*its).correlate(new).scalar_subquery()
    said = select(C.id).where(C.id == T.call_id, says(new)).correlate(new, TRANSITION)
    return (
        update(TRANSITION)
        .values(repeats=T.repeats + 1, until=new.c.at)
        .where(
            T.cancellation_id == new.c.id,
            T.seq == last,
            T.from_state == State.SENDING,
            T.to_state == State.QUEUED,
            T.reason.is_not_distinct_from(new.c.reason),
            T.evidence.is_not_distinct_from(new.c.evidence),
            or_(
                said.exists(),
                and_(T.call_id.is_(None), new.c.call_evidence.is_(None)),
            ),
        )
        .returning(T.cancellation_id)
    )


def _forget_claims(
    connection: Connection, unsent: Sequence[Change], folded: frozenset[str]
) -> None:
    dialect = connection.dialect.name
    pairs = [(i, one.version) for one in unsent for i in one.ids if i in folded]
    given = parameters(dialect, {}, tuple(_CLAIM), pairs)
    connection.execute(_forget(dialect), given)


@cache
def _forget(dialect: str) -> Delete:
    gone = incoming(dialect, _CLAIM, tuple(_CLAIM))
    those = select(gone.c.id, gone.c.claimed)
    return delete(TRANSITION).where(tuple_(T.cancellation_id, T.seq).in_(those))
