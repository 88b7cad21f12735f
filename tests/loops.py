"""Runs coroutines in tests, beside whatever runs in the test's own thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def in_a_thread(do: Callable[[], T]) -> T:
    """The result of ``do``, which may start an event loop.

    Playwright's loop runs in the main thread for as long as a browser is open, and a
    thread has one loop.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(do).result()


def run(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The result of a coroutine, which runs in an event loop of its own."""
    return in_a_thread(lambda: asyncio.run(work()))
