"""Waiting for what other threads do, and no longer than that."""

from __future__ import annotations

import time
from collections.abc import Callable

SECONDS = 30.0
"""For anything that must happen: longer is taken for never."""


def until(done: Callable[[], object], what: str) -> None:
    give_up = time.monotonic() + SECONDS
    while not done():
        assert time.monotonic() < give_up, f"waited for {what}"
        time.sleep(0.001)
