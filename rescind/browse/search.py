"""Searches for an exact order, key, id or path, by index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Row, select, text

from rescind.ledger.reading.index_walk import lanes_in
from rescind.ledger.reading.queries import find, rows_of
from rescind.ledger.storage.tables import CANCELLATION, LISTED, LOOKED_AT, OTHER_KEY

C = CANCELLATION.c


def search(connection: Connection, words: str, most: int) -> list[Row[Any]]:
    """The newest ``most`` rows whose id, path, key or order is exactly ``words``."""
    exact = find(connection, words)
    ids = {exact.id} if exact is not None else set()
    ids |= {*_by_key(connection, words), *_by_order(connection, words, most)}
    return rows_of(connection, sorted(ids, reverse=True)[:most])


def _by_key(connection: Connection, key: str) -> Iterator[str]:
    """The ids with this key: at most one in each lane. Mostly the key is the order."""
    lanes = {*lanes_in(connection, LISTED), *lanes_in(connection, LOOKED_AT)}
    for provider, account in lanes:
        path = (C.provider == provider, C.account == account, C.key == key)
        yield from connection.execute(select(C.id).where(*path)).scalars()


def _by_order(connection: Connection, order: str, most: int) -> Iterator[str]:
    asked = (text(OTHER_KEY), C.order_id == order)
    chosen = select(C.id).where(*asked).order_by(C.id.desc()).limit(most)
    yield from connection.execute(chosen).scalars()
