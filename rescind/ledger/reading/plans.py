"""Reads plans: each with its steps as they are now, and the verdict of those.

A plan is shown only to those who may read all of its steps: its verdict is of all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, exists, select

from rescind.ledger.access_limits import EVERYTHING, Limits
from rescind.ledger.id_times import CLOCKS_DIFFER, first_id
from rescind.ledger.plan_outcome import PlanVerdict, verdict_of
from rescind.ledger.reading.limited import within
from rescind.ledger.reading.queries import stamp
from rescind.ledger.storage.plan_tables import PLAN, PLAN_STEP
from rescind.ledger.storage.postponement_table import POSTPONED
from rescind.ledger.storage.tables import CANCELLATION

C, P, S = CANCELLATION.c, PLAN.c, PLAN_STEP.c
Document = dict[str, Any]
AT_ONCE = 500
"""Plans that one statement reads."""
LOOKED_THROUGH = 2000
"""Plans that one page looks through for a caller who may not see them all."""


@dataclass(frozen=True, slots=True)
class PlanFilter:
    """Which plans to list; an empty filter matches all."""

    name: str | None = None
    key: str | None = None
    """As this caller writes it."""
    since: int | None = None
    """Only those submitted then or later: milliseconds since 1970."""
    within: Limits = EVERYTHING
    """The limits of the caller who asks."""


@dataclass(frozen=True, slots=True)
class PlanPage:
    """Plans, the newest first."""

    plans: Sequence[Document]
    next: str | None
    """The id before which the next page begins; ``None`` if there is none."""


def plan_document(
    connection: Connection, plan_id: str, limits: Limits = EVERYTHING
) -> Document | None:
    """A plan as users get it; ``None`` if it does not exist within ``limits``."""
    seen = _visible(connection, [plan_id], limits)
    return next(iter(plan_documents(connection, seen, limits.shown_key)), None)


def plan_documents(
    connection: Connection, ids: Sequence[str], shown_key: Callable[[str], str] = str
) -> list[Document]:
    """The plans with these ids, in their order; unknown ones are left out.

    ``shown_key`` makes a key of the ledger one that the reader knows.
    """
    found: dict[str, Document] = {}
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        steps = _steps(connection, some)
        for row in connection.execute(select(PLAN).where(P.id.in_(some))):
            found[row.id] = _document(row, steps.get(row.id, []), shown_key)
    return [found[one] for one in ids if one in found]


def plan_page(
    connection: Connection, wanted: PlanFilter, limit: int, before: str | None = None
) -> PlanPage:
    """The newest ``limit`` plans that match, with ids below ``before``.

    A page may have fewer, or none, although another one follows: a caller with limits
    looks through ``LOOKED_THROUGH`` plans at a time.
    """
    limits = wanted.within
    # One plan more than the page shows tells whether another page follows.
    most = limit + 1 if limits.unlimited else max(LOOKED_THROUGH, limit + 1)
    chosen = _matching(wanted, before).order_by(P.id.desc()).limit(most)
    ids = connection.execute(chosen).scalars().all()
    seen = _visible(connection, ids, limits)
    shown = seen[:limit]
    more = shown[-1] if len(seen) > limit else ids[-1] if len(ids) == most else None
    return PlanPage(plan_documents(connection, shown, limits.shown_key), more)


def plans_of(
    connection: Connection,
    cancellation_id: str,
    most: int,
    limits: Limits = EVERYTHING,
) -> list[Document]:
    """The plans in which a cancellation is a step, the newest first: those of the
    newest ``most`` that may be seen. Thousands of plans may share a step."""
    mine = select(S.plan_id).where(S.cancellation_id == cancellation_id)
    newest = mine.distinct().order_by(S.plan_id.desc()).limit(most)
    ids = connection.execute(newest).scalars().all()
    seen = _visible(connection, ids, limits)
    return plan_documents(connection, seen, limits.shown_key)


def _matching(wanted: PlanFilter, before: str | None) -> Select[Any]:
    chosen = select(P.id)
    if wanted.name is not None:
        chosen = chosen.where(P.name == wanted.name)
    if wanted.key is not None:
        chosen = chosen.where(P.key == wanted.within.stored_key(wanted.key))
    if wanted.since is not None:
        # Ids sort by time: without this, all older plans would be read.
        first = first_id(wanted.since - CLOCKS_DIFFER)
        chosen = chosen.where(P.id >= first, P.created_at >= wanted.since)
    return chosen if before is None else chosen.where(P.id < before)


def _visible(
    connection: Connection, ids: Sequence[str], limits: Limits
) -> Sequence[str]:
    """Those of ``ids`` of which all steps are within ``limits``, in their order."""
    if limits.unlimited or not ids:
        return ids
    readable = exists().where(C.id == S.cancellation_id, *within(limits))
    hidden = select(S.plan_id).where(S.plan_id.in_(ids), ~readable.correlate(PLAN_STEP))
    those = set(connection.execute(hidden).scalars())
    return [one for one in ids if one not in those]


def _steps(connection: Connection, ids: Sequence[str]) -> dict[str, list[Row[Any]]]:
    its = PLAN_STEP.outerjoin(CANCELLATION, S.cancellation_id == C.id)
    chosen = (
        select(PLAN_STEP, *_shown_columns())
        .select_from(its)
        .where(S.plan_id.in_(ids))
        .order_by(S.plan_id, S.position)
    )
    found: dict[str, list[Row[Any]]] = {}
    for row in connection.execute(chosen):
        found.setdefault(row.plan_id, []).append(row)
    return found


def _shown_columns() -> Iterator[Any]:
    yield from (C.provider, C.account, C.order_id, C.key, C.state, C.reason)
    yield from (C.provider_code, C.provider_message, C.attempts, C.finished_at)
    postponed = exists().where(POSTPONED.c.cancellation_id == C.id)
    yield postponed.correlate(CANCELLATION).label("unsettled")


def _document(
    row: Row[Any], steps: Sequence[Row[Any]], shown_key: Callable[[str], str]
) -> Document:
    return {
        "id": row.id,
        "plan": row.name,
        "title": row.title,
        "key": shown_key(row.key),
        "version": row.version,
        "verdict": _verdict(steps),
        "created_at": stamp(row.created_at),
        "ended_at": stamp(row.ended_at),
        "by": row.by,
        "steps": [_step(one, shown_key) for one in steps],
    }


def _verdict(steps: Sequence[Row[Any]]) -> PlanVerdict | None:
    # One whose successors are not judged yet may still open another step.
    if any(one.unsettled for one in steps):
        return None
    return verdict_of([(one.state, one.reason) for one in steps])


def _step(row: Row[Any], shown_key: Callable[[str], str]) -> Document:
    # A step that was deleted by hand has no cancellation, and its state is not known.
    return {
        "step": row.step,
        "after": row.after,
        "only_if": (row.condition or "").split(),
        "id": row.cancellation_id,
        "provider": row.provider,
        "account": row.account,
        "order": row.order_id,
        "key": None if row.key is None else shown_key(row.key),
        "state": row.state,
        "reason": row.reason,
        "provider_code": row.provider_code,
        "provider_message": row.provider_message,
        "attempts": row.attempts or 0,
        "finished_at": stamp(row.finished_at),
    }
