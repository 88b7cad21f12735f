"""A Celery consumer that drops malformed messages, and does not log their content.

Celery logs the whole content of a message that it cannot use, such as the IBANs of a
producer that misspelt the task's name. A message with a malformed body crashes the
worker, then the next worker that gets it, and so on. This consumer logs the message's
task, id and size, and drops it. Keeping it would keep personal data unsealed, and
requeueing it would only deliver it again. Its producer has to correct and resend it.
"""

from __future__ import annotations

import re
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import structlog
from celery.exceptions import CPendingDeprecationWarning
from celery.utils.log import get_logger
from celery.worker.consumer import Consumer as CeleryConsumer
from kombu.exceptions import ContentDisallowed, DecodeError
from redis.exceptions import ResponseError

from worker import celery_internals
from worker.redis_channel import MALFORMED_ERRORS
from worker.refusals import Refusals, without_command
from worker.remote_control import Node
from worker.transport import Transport

PLAIN = re.compile(r"[\w.:@-]{1,100}", re.ASCII)
"""What a task's name or id looks like; other text may be personal, and is hidden."""
ACCOUNT = re.compile(r"[\w.-]{1,64}", re.ASCII)
EVENTS_SECONDS = 0.1
"""How long events wait, so that the loop sends many of them together."""
HEARTBEAT_SECONDS = 5
"""Seconds between heartbeats for Flower, unless ``--heartbeat-interval`` is given."""

celery_internals.check(celery_internals.WORKER)

log = structlog.get_logger("rescind.consumer")
celery_log = get_logger(__name__)


class Consumer(CeleryConsumer):
    """Celery's consumer: hides messages' content, and survives a lost connection."""

    def __init__(
        self,
        on_task_request: Callable[[Any], None],
        *,
        app: Any,
        worker_options: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        celery_internals.share_requests()
        app.control.mailbox.node_cls = Node
        app.events.dispatcher_cls = "worker.task_events:Dispatcher"
        self._events_at = 0.0
        self._events_lock = threading.Lock()
        self._refusals = Refusals()
        options = _without_neighbours(worker_options or {})
        super().__init__(on_task_request, app=app, worker_options=options, **kwargs)
        _need_our_transport(self.conninfo.transport)

    def on_send_event_buffered(self) -> None:
        # Celery would send each event alone, before it starts the event's task. The
        # pool's threads call this method too, and only the loop may touch its timers.
        if self.hub and self._is_time_for_events():
            self.hub.call_soon(self._send_events_later)

    def _is_time_for_events(self) -> bool:
        now = time.monotonic()
        with self._events_lock:
            if now < self._events_at:
                return False
            self._events_at = now + EVENTS_SECONDS
            return True

    def _send_events_later(self) -> None:
        self.hub.call_later(EVENTS_SECONDS, self._send_events)

    def _send_events(self) -> None:
        if self.event_dispatcher is not None:
            self.event_dispatcher.flush()

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        if self.task_consumer is not None:
            # Celery 5.7 acknowledges through the connection that was lost, and the
            # worker crashes. Redis delivers the unacknowledged messages again.
            self.task_consumer.channel.stop_acknowledging()
        with warnings.catch_warnings():
            # The warning advises a setting that ends tasks, which threads cannot do.
            warnings.simplefilter("ignore", CPendingDeprecationWarning)
            super().on_connection_error_after_connected(without_command(exc))
        if isinstance(exc, ResponseError):
            self._refusals.wait(exc)

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        handle = super().create_task_handler(*args, **kwargs)

        def on_task_received(message: Any) -> None:
            try:
                if _is_a_call(message):
                    _mask_headers(message)
                    handle(message)
                else:
                    self._drop(message, "its body is not that of a task")
            except DecodeError as error:
                self.on_decode_error(message, error)
            except ContentDisallowed:
                self._drop(message, "its body is not JSON")
            except MALFORMED_ERRORS as error:
                self._drop(message, f"it is malformed: {type(error).__name__}")

        return on_task_received

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        self._drop(message, "its body cannot be decoded")

    def on_unknown_message(self, body: Any, message: Any) -> None:
        self._drop(message, "it names no task")

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        self._drop(message, "there is no such task")

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:
        self._drop(message, "it is not a valid call of a task")

    def _drop(self, message: Any, why: str) -> None:
        log.error("a message was dropped", why=why, **_loggable(message))
        # Celery may have acknowledged or rejected the message before the error.
        if not message.acknowledged:
            message.reject_log_error(celery_log, self.connection_errors)


def _without_neighbours(options: dict[str, Any]) -> dict[str, Any]:
    """Options without ``mingle`` and ``gossip``: workers share state in the ledger.

    With them, other workers could revoke tasks or hold elections here, and their
    connections cost Redis commands.
    """
    beats = options.get("heartbeat_interval") or HEARTBEAT_SECONDS
    none = {"without_mingle": True, "without_gossip": True}
    return {**options, **none, "heartbeat_interval": beats}


def _need_our_transport(transport: Any) -> None:
    if not isinstance(transport, Transport):
        raise SystemExit(
            "rescind: the worker does not use worker.transport for its broker, and"
            " other transports can lose submissions: use the app of worker.celery, and"
            " a redis://, rediss:// or sentinel:// URL"
        )


def _is_a_call(message: Any) -> bool:
    """Whether the body is a task's call; raises an error if it cannot be decoded."""
    payload = message.payload
    if isinstance(payload, dict):
        # Version 1 of the protocol; Celery itself checks it.
        return True
    if not isinstance(payload, list) or len(payload) != 3:
        return False
    args, kwargs, embed = payload
    good = isinstance(args, list) and isinstance(kwargs, dict)
    return good and isinstance(embed, dict | None)


def _mask_headers(message: Any) -> None:
    """Remove arguments from the headers, since events carry them to Flower."""
    headers = message.headers
    # A name that the producer chose; Flower would show it.
    headers.pop("shadow", None)
    # The worker sets its own limits. Limits that are not numbers crash the pool.
    headers.pop("timelimit", None)
    if not isinstance(headers.get("retries"), int):
        headers.pop("retries", None)
    for name in ("root_id", "parent_id"):
        if name in headers:
            headers[name] = safe_name(headers[name])
    if "kwargsrepr" in headers:
        headers["kwargsrepr"] = "{...}" if _kwargs(message) else "{}"
    if "argsrepr" in headers:
        headers["argsrepr"] = _shown(message)


def _kwargs(message: Any) -> object:
    payload = message.payload
    return payload[1] if isinstance(payload, list) else payload.get("kwargs")


def _shown(message: Any) -> str:
    """The arguments, if a notification can have them: one account, or none.

    The producer's own header may state something else.
    """
    args = message.payload[0] if isinstance(message.payload, list) else None
    if args == []:
        return "()"
    if args and len(args) == 1 and ACCOUNT.fullmatch(str(args[0])):
        return f"({str(args[0])!r},)"
    return "(...)"


def _loggable(message: Any) -> dict[str, Any]:
    """The parts of a message that may be logged: task, id, size and queue."""
    headers = message.headers if isinstance(message.headers, dict) else {}
    info = message.delivery_info if isinstance(message.delivery_info, dict) else {}
    if "task" not in headers:
        headers = _payload(message)
    return {
        "task": safe_name(headers.get("task")),
        "id": safe_name(headers.get("id")),
        "bytes": len(message.body or b""),
        "queue": safe_name(info.get("routing_key")),
    }


def _payload(message: Any) -> dict[str, Any]:
    try:
        payload = message.payload
    except Exception:  # noqa: BLE001  (the message is being dropped for this error)
        return {}
    return payload if isinstance(payload, dict) else {}


def safe_name(value: object) -> str | None:
    """The value, or ``None`` if it does not look like a task's name or id."""
    return value if isinstance(value, str) and PLAIN.fullmatch(value) else None
