"""Undoes what a test, or a command that it runs, set up for logs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from structlog.stdlib import ProcessorFormatter


@contextmanager
def own_logs() -> Iterator[None]:
    """Handlers, level and structlog's settings are afterwards as they were."""
    root = logging.getLogger()
    level = root.level
    yield
    ours = [h for h in root.handlers if isinstance(h.formatter, ProcessorFormatter)]
    if ours:
        root.handlers[:] = [h for h in root.handlers if h not in ours]
        root.setLevel(level)
        structlog.reset_defaults()
