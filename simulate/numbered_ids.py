"""Ids that follow each other, in place of random ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from types import SimpleNamespace

from chaos.patching import put
from ledger import records


@contextmanager
def numbered_ids() -> Iterator[None]:
    """As long as it lasts, ids are the same in each run."""
    numbers = count(1)
    numbered = SimpleNamespace(uuid7=lambda: f"{next(numbers):08}")
    former = put(records, "uuid_utils", numbered)
    try:
        yield
    finally:
        put(records, "uuid_utils", former)
