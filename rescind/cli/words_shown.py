"""The code of ``rescind words``."""

from __future__ import annotations

from typing import Any

from rescind.browse.unknown_word_listing import (
    as_words,
    unknown_word,
    unknown_words,
)
from rescind.cli import connections, output
from rescind.config.times import utc_now
from rescind.errors.reported import CommandError
from rescind.ledger.storage.transactions import reading
from rescind.operations.vocabulary_entry import entry_of
from rescind.provider.text import storable

COLUMNS = ("id", "provider", "call", "seen", "last", "code", "message")


def list_words(provider: str | None, limit: int, *, as_json: bool) -> None:
    with reading(connections.need_ledger()) as connection:
        rows = unknown_words(connection, min(limit, 2**62) + 1, provider)
    output.emit_list(
        [as_words(row) for row in rows],
        COLUMNS,
        _line,
        as_json=as_json,
        limit=limit,
        more="most frequent",
    )


def show_entry(id_: str) -> None:
    with reading(connections.need_ledger()) as connection:
        row = unknown_word(connection, storable(id_))
    if row is None:
        raise CommandError(
            f"{storable(id_)[:100]}: there are no such words; `rescind words` lists"
            " their ids"
        )
    for line in entry_of(as_words(row), utc_now().date()).splitlines():
        output.emit(line)


def _line(one: dict[str, Any]) -> tuple[object, ...]:
    known = {**one, "call": one["operation"], "last": one["last_at"]}
    return tuple("-" if known[name] is None else known[name] for name in COLUMNS)
