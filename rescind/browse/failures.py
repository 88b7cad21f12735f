"""Groups what failed by lane and reason, with the providers' own words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, select, text

from rescind.ledger.reading.index_walk import lanes_in
from rescind.ledger.states import State
from rescind.ledger.storage.milliseconds import moment
from rescind.ledger.storage.tables import CANCELLATION, LISTED

C = CANCELLATION.c
Lane = tuple[str, str]
COUNTED = 1_000
"""Failed cancellations of a lane that are read at most."""


@dataclass(frozen=True, slots=True)
class Failures:
    """The cancellations of a lane that are ``failed`` now, for one reason."""

    lane: Lane
    reason: str
    count: int
    """Counted among the newest ``COUNTED`` + 1 of the lane."""
    latest: datetime
    sent: bool
    """Whether any cancel call may have reached the provider."""
    words: Sequence[tuple[str, int]]
    """What the provider said, in its own words, and how often; the most often first."""


def failures(connection: Connection, most: int = COUNTED) -> list[Failures]:
    """What is ``failed`` now, the largest group first. Of each lane the newest ``most``
    + 1 are read: if the lane has more, its groups have that number together."""
    found: list[Failures] = []
    for lane in lanes_in(connection, LISTED):
        asked = {"its_provider": lane[0], "its_account": lane[1], "most": most + 1}
        rows = connection.execute(_grouped(), asked).all()
        found += _by_reason(lane, rows)
    return sorted(found, key=lambda one: (-one.count, one.lane, one.reason))


def _by_reason(lane: Lane, rows: Sequence[Row[Any]]) -> Iterator[Failures]:
    for reason, some in groupby(rows, key=lambda row: str(row.reason)):
        alike = list(some)
        said = [(_said(row), row.number) for row in alike if _said(row)]
        yield Failures(
            lane=lane,
            reason=reason,
            count=sum(row.number for row in alike),
            latest=moment(max(row.latest for row in alike)),
            sent=any(row.attempts for row in alike),
            words=sorted(said, key=lambda one: (-one[1], one[0])),
        )


def _said(row: Row[Any]) -> str:
    return str(row.provider_message or row.provider_code or "")


@cache
def _grouped() -> Select[Any]:
    columns = (C.reason, C.provider_message, C.provider_code)
    few = (
        select(*columns, C.finished_at, C.attempts)
        .where(
            C.provider == bindparam("its_provider"),
            C.account == bindparam("its_account"),
            text(f"state = '{State.FAILED}'"),
            text(LISTED),
        )
        .order_by(C.id.desc())
        .limit(bindparam("most"))
        .subquery()
    )
    keys = (few.c.reason, few.c.provider_message, few.c.provider_code)
    return (
        select(
            *keys,
            func.count().label("number"),
            func.max(few.c.finished_at).label("latest"),
            func.max(few.c.attempts).label("attempts"),
        )
        .group_by(*keys)
        .order_by(*keys)
    )
