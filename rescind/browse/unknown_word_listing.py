"""Reads the list of the providers' words that no vocabulary knows."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select

from rescind.ledger.reading.queries import stamp
from rescind.ledger.storage.unknown_word_table import UNKNOWN_WORD

W = UNKNOWN_WORD.c


def unknown_words(
    connection: Connection, limit: int, provider: str | None = None
) -> list[Row[Any]]:
    """The words that were met most often first, of one provider if it is given."""
    chosen = select(UNKNOWN_WORD).order_by(W.seen.desc(), W.id).limit(limit)
    if provider is not None:
        chosen = chosen.where(W.provider == provider)
    return list(connection.execute(chosen))


def unknown_word(connection: Connection, id_: str) -> Row[Any] | None:
    chosen = select(UNKNOWN_WORD).where(W.id == id_)
    return connection.execute(chosen).one_or_none()


def as_words(row: Row[Any]) -> dict[str, Any]:
    """Words as the document that users get."""
    return {
        "id": row.id,
        "provider": row.provider,
        "operation": row.operation,
        "code": row.code,
        "message": row.message,
        "seen": row.seen,
        "first_at": stamp(row.first_at),
        "last_at": stamp(row.last_at),
        "example": row.example,
    }
