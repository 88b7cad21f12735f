"""Consecutive ids in place of random ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from types import SimpleNamespace

from chaos.patching import put
from rescind.ledger.changes import recording


@contextmanager
def numbered_ids() -> Iterator[None]:
    """Make new ids consecutive, and so the same in each run."""
    numbers = count(1)
    numbered = SimpleNamespace(uuid7=lambda: f"{next(numbers):08}")
    former = put(recording, "uuid_utils", numbered)
    try:
        yield
    finally:
        put(recording, "uuid_utils", former)
