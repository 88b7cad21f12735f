"""The times in ids, which are UUIDv7: the ms in which each was made."""

from __future__ import annotations

CLOCKS_DIFFER = 3_600_000
"""Milliseconds by which the clock of an id and that of its row may differ."""


def first_id(at: int) -> str:
    """What sorts before every id of this ms or later, and behind every earlier one."""
    digits = f"{max(at, 0):012x}"
    return f"{digits[:8]}-{digits[8:]}"


def time_of_id(id_: str) -> int | None:
    """The ms in which an id was made; ``None`` if the text is no id of ours."""
    digits = id_[:13].replace("-", "")
    try:
        return int(digits, 16) if len(digits) == 12 else None
    except ValueError:
        return None
