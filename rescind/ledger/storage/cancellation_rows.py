"""Converts rows of ``cancellation`` to values, and values to rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any

from sqlalchemy import BigInteger, Row, Text, cast

from rescind.ledger.progress import Claimed, Progress
from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import from_ms, moment, to_ms
from rescind.ledger.storage.row_sets import Columns
from rescind.ledger.storage.tables import CANCELLATION
from rescind.provider.outcomes import Order, Reason

C = CANCELLATION.c
Lane = tuple[str, str]
PROGRESS: Columns = {
    "state": Text,
    "reason": Text,
    "provider_code": Text,
    "provider_message": Text,
    "attempts": BigInteger,
    "spent": BigInteger,
    "polls": BigInteger,
    "lost": BigInteger,
    "hint": Text,
    "sent_at": BigInteger,
    "since": BigInteger,
    "step": BigInteger,
    "batch_cap": BigInteger,
    "due_at": BigInteger,
    "finished_at": BigInteger,
    "updated_at": BigInteger,
}
"""The columns that a decision replaces: see ``progress_row``."""
SELECTED = tuple(C[name] for name in PROGRESS if name != "updated_at")
"""The columns that ``progress_of`` reads."""
_OWN = (
    C.id,
    C.order_id,
    cast(C.params, Text),
    C.version,
    C.opened_at,
    C.cancel_before,
    C.urgency,
    C.sealed,
    C.trace,
    C.waits_for,
)
_LANE = (C.provider, C.account)
CLAIM = (*_OWN, *SELECTED, *_LANE)
"""The columns that ``claimed_by_lane`` reads."""


def progress_row(progress: Progress) -> dict[str, Any]:
    """The columns that hold ``progress``."""
    return {
        "state": progress.state,
        "reason": progress.reason,
        "provider_code": progress.provider_code,
        "provider_message": progress.provider_message,
        "attempts": progress.attempts,
        "spent": progress.spent,
        "polls": progress.polls,
        "lost": int(progress.lost),
        "hint": progress.hint,
        "sent_at": to_ms(progress.sent_at),
        "since": to_ms(progress.since),
        "step": progress.step,
        "batch_cap": progress.batch_cap,
        "due_at": to_ms(progress.due_at),
        "finished_at": to_ms(progress.finished_at),
    }


def progress_of(row: Row[Any]) -> Progress:
    """The progress that a row of ``cancellation`` holds."""
    return Progress(
        state=State(row.state),
        reason=Reason(row.reason) if row.reason else None,
        provider_code=row.provider_code,
        provider_message=row.provider_message,
        attempts=row.attempts,
        spent=row.spent,
        polls=row.polls,
        lost=bool(row.lost),
        hint=Reason(row.hint) if row.hint else None,
        sent_at=from_ms(row.sent_at),
        since=from_ms(row.since),
        step=row.step,
        batch_cap=row.batch_cap,
        due_at=from_ms(row.due_at),
        finished_at=from_ms(row.finished_at),
    )


def claimed_by_lane(held: Sequence[Row[Any]]) -> dict[Lane, list[Claimed]]:
    # Most rows of a claim are alike: they share one object.
    params, known = cache(json.loads), dict[tuple[Any, ...], Progress]()
    found: dict[Lane, list[Claimed]] = {}
    for row in sorted(held, key=attrgetter("urgency", "id")):
        lane = (row.provider, row.account)
        found.setdefault(lane, []).append(_claimed(row, params, known))
    return found


def _claimed(
    row: Row[Any],
    params: Callable[[str], Mapping[str, Any]],
    known: dict[tuple[Any, ...], Progress],
) -> Claimed:
    id_, order, its, version, opened_at, before, _, sealed, trace, waits_for = row[
        : len(_OWN)
    ]
    own = row[len(_OWN) : -len(_LANE)]
    progress = known.get(own)
    if progress is None:
        progress = known[own] = progress_of(row)
    return Claimed(
        id=id_,
        order=Order(order, params(its)),
        version=version,
        opened_at=moment(opened_at),
        progress=progress,
        cancel_before=from_ms(before),
        sealed=sealed,
        trace=trace,
        waits=bool(waits_for),
    )
