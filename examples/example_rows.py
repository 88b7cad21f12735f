"""One row of ``cancellations.csv``, and values that look random."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import NamedTuple

ITEMS = (101, 102, 103)
"""The items that each Akinon order has."""


class Row(NamedTuple):
    """One row. The names of the fields are the file's header."""

    provider: str
    order: str
    account: str = ""
    key: str = ""
    not_before: str = ""
    cancel_before: str = ""
    group: str = ""
    params: str = ""
    metadata: str = ""


# --- values that look random --------------------------------------------------------


def digest(*words: object) -> bytes:
    """Bytes that look random and depend only on ``words``."""
    return hashlib.sha256(":".join(map(str, words)).encode()).digest()


def draw(below: int, *words: object) -> int:
    """A number from 0 to ``below - 1``, always the same for the same ``words``."""
    return int.from_bytes(digest(*words)[:8], "big") % below


def spread(first: int, gap: int, provider: str, number: int) -> str:
    """The ``number``-th of ids that rise from ``first``, ``gap`` apart on average."""
    return str(first + gap * number + draw(gap, provider, number))


def cell(values: Mapping[str, object]) -> str:
    return json.dumps(values, ensure_ascii=False)
