"""Waiting until other threads have done something."""

from __future__ import annotations

import time
from collections.abc import Callable

SECONDS = 60.0
"""The longest wait for anything that must happen."""


def until(done: Callable[[], object], what: str) -> None:
    give_up = time.monotonic() + SECONDS
    while not done():
        assert time.monotonic() < give_up, f"waited for {what}"
        time.sleep(0.001)
