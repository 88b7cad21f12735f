"""Traces: from the producer's own context, through the queue, to the provider call.

The ledger always keeps the context (W3C ``traceparent``). Spans are made only if
OpenTelemetry is configured and the extra ``otel`` installed; else nothing of it is
imported. No span holds an order, a key, a param or a URL's query.
"""

from __future__ import annotations

import atexit
import logging
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import structlog

from rescind.config.accounts import Lane
from rescind.config.queues import INTAKE
from rescind.config.times import utc_now
from rescind.ledger.progress import Claimed
from rescind.provider.http import Evidence, Exchange
from rescind.provider.http_messages import Request

log = structlog.get_logger("rescind.tracing")

HEADER = "traceparent"
FORM = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})"
    r"(?:-[!-~]*)?"
)
"""The form of a ``traceparent``; later versions may add fields after the flags."""
LENGTH = 55
MOST_LINKS = 32
FINISH_SECONDS = 1.0
"""The longest time that an ending process waits for a collector."""


def from_headers(headers: Mapping[str, Any]) -> str | None:
    """The trace context of a message or a request; ``None`` if it has no valid one."""
    given = headers.get(HEADER)
    if not isinstance(given, str):
        return None
    found = FORM.fullmatch(given)
    if found is None or (given.startswith("00") and len(given) > LENGTH):
        return None
    # Of a later version, only the fields of version 00 are kept.
    return f"00-{found[1]}-{found[2]}-{found[3]}"


def trace_id(context: str | None) -> str | None:
    """The trace id of a context, for logs."""
    return None if context is None else context.split("-")[1]


@contextmanager
def submission(
    context: str | None, message: str | None, entries: int
) -> Iterator[str | None]:
    """The span of a submission; yields the context to keep with its cancellations."""
    tracer = _tracer()
    if tracer is None:
        yield context
        return
    from opentelemetry.trace import SpanKind

    values: dict[str, Any] = {
        "messaging.system": "redis",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": INTAKE,
        "rescind.entries": entries,
    }
    if message is not None:
        values["messaging.message.id"] = message
    with tracer.start_as_current_span(
        "rescind.submit",
        context=_parent(context),
        kind=SpanKind.CONSUMER,
        attributes=values,
        # An exception's text might contain submitted data.
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        own = span.get_span_context()
        flags = f"{int(own.trace_flags):02x}"
        yield f"00-{own.trace_id:032x}-{own.span_id:016x}-{flags}"


def call_made(
    lane: Lane,
    operation: str,
    call: str,
    claimed: Sequence[Claimed],
    request: Request,
    result: Exchange,
) -> None:
    """Make the span of a call to the provider that has ended.

    Never raises, because the caller still has to record the answer.
    """
    tracer = _tracer()
    if tracer is None:
        return
    try:
        _span_of(tracer, lane, operation, call, claimed, request, result)
    except Exception as error:  # noqa: BLE001  (whatever an exporter may raise)
        log.warning("a span was not made", call=call, kind=type(error).__name__)


def _span_of(
    tracer: Any,
    lane: Lane,
    operation: str,
    call: str,
    claimed: Sequence[Claimed],
    request: Request,
    result: Exchange,
) -> None:
    from opentelemetry.trace import SpanKind, StatusCode

    ended = utc_now()
    traces = list(dict.fromkeys(one.trace for one in claimed if one.trace))
    values = _of_request(request) | {
        "rescind.lane": "/".join(lane),
        "rescind.operation": operation,
        "rescind.call": call,
        "rescind.evidence": str(result.evidence),
        "rescind.orders": len(claimed),
    }
    if result.status is not None:
        values["http.response.status_code"] = result.status
    span = tracer.start_span(
        f"{request.method} {lane[0]}.{operation}",
        context=_parent(traces[0] if traces else None),
        kind=SpanKind.CLIENT,
        attributes=values,
        links=_links(traces[1 : MOST_LINKS + 1]),
        start_time=_in_ns(ended - result.took),
    )
    if _went_wrong(result):
        span.set_attribute("error.type", str(result.status or result.evidence))
        span.set_status(StatusCode.ERROR)
    span.end(_in_ns(ended))


def _of_request(request: Request) -> dict[str, Any]:
    found: dict[str, Any] = {"http.request.method": request.method}
    with suppress(ValueError):
        parts = urlsplit(request.url)
        found["server.address"] = parts.hostname or ""
        found["server.port"] = parts.port or (443 if parts.scheme == "https" else 80)
    return found


def _went_wrong(result: Exchange) -> bool:
    lost = result.evidence in (Evidence.NOT_SENT, Evidence.MAYBE_DONE)
    return lost or (result.status is not None and result.status >= 400)


def _in_ns(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000) * 1000


def _parent(context: str | None) -> Any:
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import (
        TraceContextTextMapPropagator,
    )

    carried = {HEADER: context} if context else {}
    return TraceContextTextMapPropagator().extract(carried, context=Context())


def _links(traces: Sequence[str]) -> list[Any]:
    from opentelemetry.trace import Link, get_current_span

    parents = (get_current_span(_parent(one)) for one in traces)
    return [Link(one.get_span_context()) for one in parents]


# --- the tracer -------------------------------------------------------------------


def configured() -> bool:
    """Whether OpenTelemetry's own variables ask for traces."""
    given = os.environ.get
    exporter = given("OTEL_TRACES_EXPORTER", "").strip().lower()
    if given("OTEL_SDK_DISABLED", "").strip().lower() == "true" or exporter == "none":
        return False
    places = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return bool(exporter) or any(given(name) for name in places)


def start() -> None:
    """Make this process's tracer now, before several threads use it."""
    _tracer()


def finish() -> None:
    """Send the remaining spans, for at most ``FINISH_SECONDS``; the process ends."""
    if not _tracers:
        return
    provider = _tracers[0]
    ending = threading.Thread(target=provider.shutdown, daemon=True)
    ending.start()
    ending.join(FINISH_SECONDS)


_tracers: list[Any] = []
"""This process's tracer provider, once it is made."""


@cache
def _tracer() -> Any:
    """This process's tracer; ``None`` if no traces are wanted or possible."""
    if not configured():
        return None
    try:
        return _make()
    except ImportError:
        why = "the extra is not installed: pip install 'rescind[otel]'"
        log.warning("traces are asked for, and none are made", why=why)
    except Exception as error:  # noqa: BLE001  (OpenTelemetry's variables are wrong)
        log.warning("traces are asked for, and none are made", why=str(error))
    return None


def _make() -> Any:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    # While a collector is unreachable, it would log every span that it drops.
    logging.getLogger("opentelemetry").setLevel(logging.ERROR)
    name = os.environ.get("OTEL_SERVICE_NAME") or "rescind"
    provider = TracerProvider(
        resource=Resource.create({"service.name": name}), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _tracers[:] = [provider]
    atexit.register(finish)
    return provider.get_tracer("rescind")
