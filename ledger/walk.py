"""Lanes read off an index: a step for each lane, however many rows each has."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select, text

from ledger.tables import CANCELLATION, LISTED, LOOKED_AT, WITH_DEADLINE

C = CANCELLATION.c
QUEUED = "state = 'queued'"
"""What ``ix_to_send`` holds."""
BY_LANE = frozenset({QUEUED, LOOKED_AT, WITH_DEADLINE, LISTED})
"""What the indexes hold that begin with provider and account."""


def lanes_in(connection: Connection, held: str) -> Iterator[tuple[str, str]]:
    """The lanes, known or not, with a row in the index that holds ``held``."""
    lane = _found(connection, _provider_after(held), {"provider_before": ""})
    while lane is not None:
        yield lane
        before = {"provider_before": lane[0], "account_before": lane[1]}
        lane = _found(connection, _account_after(held), before) or _found(
            connection, _provider_after(held), before
        )


def _found(
    connection: Connection, chosen: Select[Any], before: dict[str, str]
) -> tuple[str, str] | None:
    row = connection.execute(chosen, before).first()
    return None if row is None else (row.provider, row.account)


# Two statements: given both columns at once, SQLite reads all rows of the former lane.
@cache
def _account_after(held: str) -> Select[Any]:
    same = C.provider == bindparam("provider_before")
    return _first(held).where(same, C.account > bindparam("account_before"))


@cache
def _provider_after(held: str) -> Select[Any]:
    return _first(held).where(C.provider > bindparam("provider_before"))


def _first(held: str) -> Select[Any]:
    if held not in BY_LANE:
        raise ValueError(f"no index by lane holds {held}")
    chosen = select(C.provider, C.account).where(text(held))
    return chosen.order_by(C.provider, C.account).limit(1)
