"""Folds calls that repeat: an outage raises a count, and adds no row for each try.

A call on which the provider did nothing says no more than the latest such call of its
lane, if it has the same operation and the same words. It is counted there, unless the
history names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol

from sqlalchemy import (
    BigInteger,
    Connection,
    FromClause,
    Text,
    and_,
    func,
    select,
    text,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from rescind.ledger.changes.call_log import CallMade, count_call
from rescind.ledger.storage.call_table import CALL, NO_EFFECT
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.row_sets import Columns, Rows, incoming
from rescind.provider.evidence import Evidence

C = CALL.c
Lane = tuple[str, str]
APART = 6 * 3_600_000
"""Calls that are further apart than this, in ms, do not count as repeats."""
WORDS: Columns = {
    "operation": Text,
    "call_evidence": Text,
    "status": BigInteger,
    "detail": Text,
    "body": Text,
}
"""What a call says, apart from its time."""
_NOTHING = frozenset({Evidence.NOT_SENT, Evidence.THROTTLED})
"""The evidence of calls on which the provider did nothing: ``NO_EFFECT``."""
_SAME: Columns = {
    "provider": Text,
    "account": Text,
    **WORDS,
    "at": BigInteger,
    "number": BigInteger,
}
_KEY = (C.provider, C.account, C.operation, C.evidence, C.status, C.detail, C.body)
"""The columns of ``_SAME`` without the time and the number."""


class Outcome(Protocol):
    """What was recorded of the calls' orders."""

    @property
    def stale(self) -> frozenset[str]: ...
    @property
    def named(self) -> frozenset[str]: ...


def fold_calls(
    connection: Connection, made: Sequence[tuple[Lane, CallMade]], of: Outcome
) -> Sequence[tuple[Lane, CallMade]]:
    """Count those of ``made`` that repeat the latest call of their lane; returns the
    others, which need rows.

    Only calls on which the provider did nothing are counted so, and only if ``of``
    names no step of them.
    """
    new = [(lane, call) for lane, call in made if not _was_recorded(call, of)]
    alike = _alike(new, of)
    if not alike:
        return new
    dialect = connection.dialect.name
    # Sorted: two transactions that count calls of the same lanes must not deadlock.
    ordered = sorted(alike.items(), key=lambda one: one[0][:2])
    rows = Rows([_same(key, some) for key, some in ordered], _SAME)
    counted = _count_same(dialect, rows.differing)
    found = connection.execute(counted, rows.parameters(dialect)).all()
    folded = {call.id for row in found for call in alike[tuple(row)]}
    for lane, call in new:
        if call.id in folded:
            count_call(connection, lane, call)
    return [(lane, call) for lane, call in new if call.id not in folded]


def _was_recorded(call: CallMade, of: Outcome) -> bool:
    """Whether it had no effect, and all of its orders have moved: this commit repeats
    one whose acknowledgement was lost, and which may have counted the call."""
    ids = call.cancellations
    return call.evidence in _NOTHING and bool(ids) and of.stale.issuperset(ids)


def _alike(
    made: Sequence[tuple[Lane, CallMade]], of: Outcome
) -> dict[tuple[Any, ...], list[CallMade]]:
    """The calls that may repeat another one, by their lane and what they say."""
    found: dict[tuple[Any, ...], list[CallMade]] = {}
    for lane, call in made:
        if call.evidence in _NOTHING and call.id not in of.named:
            found.setdefault((*lane, *words_of(call).values()), []).append(call)
    return found


def _same(key: tuple[Any, ...], calls: Sequence[CallMade]) -> dict[str, Any]:
    at = max(in_ms(call.at) for call in calls)
    return dict(zip(_SAME, (*key, at, len(calls)), strict=True))


@cache
def _count_same(dialect: str, differing: tuple[str, ...]) -> ReturningUpdate[Any]:
    new = incoming(dialect, _SAME, differing)
    its = CALL.alias("latest")
    lane = (its.c.provider == new.c.provider, its.c.account == new.c.account)
    latest = (
        select(its.c.id)
        .where(text(f"({NO_EFFECT})"), *lane, its.c.operation == new.c.operation)
        .order_by(its.c.id.desc())
        .limit(1)
    )
    recent = func.coalesce(C.until, C.at) >= new.c.at - APART
    return (
        update(CALL)
        .values(repeats=C.repeats + new.c.number, until=new.c.at)
        .where(C.id == latest.correlate(new).scalar_subquery(), says(new), recent)
        .returning(*_KEY)
    )


# --- what a call says ------------------------------------------------------------


def words_of(call: CallMade | None) -> dict[str, Any]:
    """The columns ``WORDS`` of a call; all are ``None`` if there was no call."""
    if call is None:
        return dict.fromkeys(WORDS)
    return {
        "operation": call.operation,
        "call_evidence": str(call.evidence),
        "status": call.status,
        "detail": call.detail,
        "body": call.body,
    }


def says(new: FromClause) -> Any:
    """Whether a call says the same as the new one."""
    return and_(
        C.operation == new.c.operation,
        C.evidence == new.c.call_evidence,
        C.status.is_not_distinct_from(new.c.status),
        C.detail.is_not_distinct_from(new.c.detail),
        C.body.is_not_distinct_from(new.c.body),
    )
