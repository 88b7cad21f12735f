"""Logs: one line for each event, with its subject as named values.

``lane`` is provider/account, ``cancellations`` are ids, ``batch`` is the id of the
message that submitted them, and ``call`` is the id of a provider call.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

FIRST = ("timestamp", "level", "logger", "event")
MOST_NAMED = 20
"""The most ids in one line; the ledger has the others."""


def named(ids: Sequence[str]) -> dict[str, Any]:
    """Cancellations as values of an event: the first ids, and the number of all."""
    return {"cancellations": list(ids[:MOST_NAMED]), "of": len(ids)}


def set_up(
    level: int = logging.INFO, style: str = "auto", *, cached: bool = True
) -> None:
    """Send our events, and Celery's, to standard error.

    ``style`` is ``console``, ``logfmt``, ``json`` or ``auto``, which is ``console`` on
    a terminal and otherwise ``logfmt``. ``cached``: each logger keeps what was set up
    at its first event, which makes later ones cheaper.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            # First, so that a suppressed event costs almost nothing.
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=cached,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(style),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    # At DEBUG, this logger logs each task with its arguments, including IBANs.
    logging.getLogger("celery.pool").setLevel(logging.INFO)
    logging.getLogger("kombu.transport.redis").addFilter(_without_messages)


def _renderers(style: str) -> list[Processor]:
    if style == "auto":
        style = "console" if sys.stderr.isatty() else "logfmt"
    if style == "console":
        # structlog's own tracebacks show local variables, including tokens and IBANs.
        plain = structlog.dev.plain_traceback
        colours = sys.stderr.isatty() and "NO_COLOR" not in os.environ
        renderer = structlog.dev.ConsoleRenderer(
            colors=colours, exception_formatter=plain
        )
        return [renderer]
    as_text = structlog.processors.format_exc_info
    if style == "json":
        in_json = structlog.processors.JSONRenderer(ensure_ascii=False)
        return [as_text, _in_order, in_json]
    in_words = structlog.processors.LogfmtRenderer(
        key_order=list(FIRST), bool_as_flag=False
    )
    return [as_text, in_words]


def _in_order(_logger: object, _method: str, event: EventDict) -> EventDict:
    first = {name: event.pop(name) for name in FIRST if name in event}
    return {**first, **event}


def _without_messages(record: logging.LogRecord) -> bool:
    # Kombu logs the whole message if it cannot be put back into its queue.
    if str(record.msg).startswith("Could not restore message"):
        record.args = ("(not shown)",)
    return True
