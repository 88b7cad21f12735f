"""Counts the providers' words that left open what became of an order.

A provider that says something new is met in production first. The words are counted in
the transaction that records the call, so each call counts once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, delete, func, select

from rescind.ledger.storage.unknown_word_table import UNKNOWN_WORD
from rescind.ledger.storage.upsert import insert_into

W = UNKNOWN_WORD.c
MOST = 500
"""Rows for each provider; beyond it, the words that were met longest ago go."""
LONGEST = 300
"""Characters of a message."""
NUMBER = re.compile(r"[0-9#]+")
SHORTEST = 4
"""Characters of an order's id that is searched; a shorter one may be in a word."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words about one order in one reply. They are masked already."""

    operation: str
    code: str | None
    message: str | None
    example: str
    """The cancellation's id."""

    def id(self, provider: str) -> str:
        said = "\n".join(
            (provider, self.operation, self.code or "", self.message or "")
        )
        return blake2b(said.encode("utf-8", "replace"), digest_size=6).hexdigest()


def words_about(
    operation: str,
    order_id: str,
    code: str | None,
    message: str | None,
    cancellation_id: str,
) -> Words | None:
    """The words as they are counted: without the order's id and other numbers, which
    differ each time. ``None`` if nothing was said."""
    if not code and not message:
        return None
    said = message or ""
    if len(order_id) >= SHORTEST:
        said = said.replace(order_id, "#")
    general = NUMBER.sub("#", said)[:LONGEST] or None
    return Words(operation, code and code[:64], general, cancellation_id)


def count_words(
    connection: Connection, met: Iterable[tuple[str, Words]], at: int
) -> None:
    """Count ``met``: the provider, and words of it that no vocabulary knows."""
    rows: dict[str, dict[str, Any]] = {}
    for provider, words in met:
        row = rows.setdefault(words.id(provider), _row(provider, words, at))
        row["seen"] += 1
        row["example"] = words.example
    if not rows:
        return
    _upsert(connection, [rows[id_] for id_ in sorted(rows)])
    for provider in sorted({row["provider"] for row in rows.values()}):
        _limit(connection, provider)


def _row(provider: str, words: Words, at: int) -> dict[str, Any]:
    return {
        "id": words.id(provider),
        "provider": provider,
        "operation": words.operation,
        "code": words.code,
        "message": words.message,
        "seen": 0,
        "first_at": at,
        "last_at": at,
        "example": words.example,
    }


def _upsert(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    new = insert_into(connection, UNKNOWN_WORD).values(list(rows))
    changed = {
        "seen": W.seen + new.excluded.seen,
        "last_at": new.excluded.last_at,
        "example": new.excluded.example,
    }
    connection.execute(new.on_conflict_do_update(index_elements=["id"], set_=changed))


def _limit(connection: Connection, provider: str) -> None:
    its = W.provider == provider
    number = connection.execute(select(func.count()).where(its)).scalar_one()
    if number <= MOST:
        return
    oldest = select(W.id).where(its).order_by(W.last_at, W.id).limit(number - MOST)
    chosen = connection.execute(oldest).scalars().all()
    connection.execute(delete(UNKNOWN_WORD).where(W.id.in_(chosen)))
