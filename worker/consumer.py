"""The worker's end of the broker: what cannot be used neither shows nor stops anybody.

Celery logs a message that it cannot use with all that is in it, such as the IBANs of
a producer who misspelt the task's name; and one of an odd shape ends the worker, and
the next one that it is delivered to, for ever. Here its task, id and size are logged
and it is dropped: to keep it would keep personal data unsealed, and to put it back
would bring it round again. Its producer has to send it anew, put right.
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
from worker.redis_channel import ODD
from worker.refusals import Refusals, without_command
from worker.remote_control import Node
from worker.transport import Transport

PLAIN = re.compile(r"[\w.:@-]{1,100}", re.ASCII)
"""What a task's name or id looks like; anything else might be what must not show."""
ACCOUNT = re.compile(r"[\w.-]{1,64}", re.ASCII)
EVENTS_SECONDS = 0.1
"""How long events wait, to be sent together and in nobody's way."""
HEARTBEAT_SECONDS = 5
"""How often Flower is told that the worker lives, unless ``--heartbeat-interval``."""

celery_internals.check(celery_internals.WORKER)

log = structlog.get_logger("rescind.consumer")
celery_log = get_logger(__name__)


class Consumer(CeleryConsumer):
    """Celery's consumer, discreet about what it refuses; outlives its connection."""

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
        app.events.dispatcher_cls = "worker.events:Dispatcher"
        self._events_at = 0.0
        self._events_lock = threading.Lock()
        self._refusals = Refusals()
        options = _without_neighbours(worker_options or {})
        super().__init__(on_task_request, app=app, worker_options=options, **kwargs)
        _need_our_transport(self.conninfo.transport)

    def on_send_event_buffered(self) -> None:
        # Celery sends each by itself, before it hands on the task that it tells of.
        # The pool's threads call this, too, and only the loop may touch its timers.
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
            # Celery 5.7 acknowledges through the very connection that is lost, and
            # ends at that. What was under way is delivered again from Redis.
            self.task_consumer.channel.let_go()
        with warnings.catch_warnings():
            # It advises to have tasks ended, which threads cannot be told.
            warnings.simplefilter("ignore", CPendingDeprecationWarning)
            super().on_connection_error_after_connected(without_command(exc))
        if isinstance(exc, ResponseError):
            self._refusals.wait(exc)

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        handle = super().create_task_handler(*args, **kwargs)

        def on_task_received(message: Any) -> None:
            try:
                if _is_a_call(message):
                    _hush(message)
                    handle(message)
                else:
                    self._drop(message, "its body is not that of a task")
            except DecodeError as error:
                self.on_decode_error(message, error)
            except ContentDisallowed:
                self._drop(message, "its body is not JSON")
            except ODD as error:
                self._drop(message, f"it is malformed: {type(error).__name__}")

        return on_task_received

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        self._drop(message, "its body cannot be decoded")

    def on_unknown_message(self, body: Any, message: Any) -> None:
        self._drop(message, "it names no task")

    def on_unknown_task(self, body: Any, message: Any, exc: Exception) -> None:
        self._drop(message, "there is no such task")

    def on_invalid_task(self, body: Any, message: Any, exc: Exception) -> None:
        self._drop(message, "it is no call of a task")

    def _drop(self, message: Any, why: str) -> None:
        log.error("a message was dropped", why=why, **_outside(message))
        # Celery may have dealt with it before it failed.
        if not message.acknowledged:
            message.reject_log_error(celery_log, self.connection_errors)


def _without_neighbours(options: dict[str, Any]) -> dict[str, Any]:
    """Workers tell each other nothing: what they need to know is in the ledger.

    What a neighbour says of revoked tasks (``mingle``) or elections (``gossip``) would
    change this worker, and their connections cost commands.
    """
    beats = options.get("heartbeat_interval") or HEARTBEAT_SECONDS
    none = {"without_mingle": True, "without_gossip": True}
    return {**options, **none, "heartbeat_interval": beats}


def _need_our_transport(transport: Any) -> None:
    if not isinstance(transport, Transport):
        raise SystemExit(
            "rescind: the worker's broker is not reached through worker.transport,"
            " without which submissions can get lost: use the app of worker.celery, and"
            " a redis:// or rediss:// URL"
        )


def _is_a_call(message: Any) -> bool:
    """Whether the body is that of a call; raises if it cannot be decoded."""
    payload = message.payload
    if isinstance(payload, dict):
        # The former protocol; Celery says what is wrong with it.
        return True
    if not isinstance(payload, list) or len(payload) != 3:
        return False
    args, kwargs, embed = payload
    good = isinstance(args, list) and isinstance(kwargs, dict)
    return good and isinstance(embed, dict | None)


def _hush(message: Any) -> None:
    """Take out of the headers what tells arguments to events, and so to Flower."""
    headers = message.headers
    # A name of its producer's own, which Flower would show.
    headers.pop("shadow", None)
    # Ours are set here; another's need not even be numbers, and the pool ends at that.
    headers.pop("timelimit", None)
    if not isinstance(headers.get("retries"), int):
        headers.pop("retries", None)
    for name in ("root_id", "parent_id"):
        if name in headers:
            headers[name] = plain(headers[name])
    if "kwargsrepr" in headers:
        headers["kwargsrepr"] = "{...}" if _kwargs(message) else "{}"
    if "argsrepr" in headers:
        headers["argsrepr"] = _shown(message)


def _kwargs(message: Any) -> object:
    payload = message.payload
    return payload[1] if isinstance(payload, list) else payload.get("kwargs")


def _shown(message: Any) -> str:
    """Its arguments, if they are what our own wake-ups carry: one account, or none.

    What its producer's header says of them may be something else.
    """
    args = message.payload[0] if isinstance(message.payload, list) else None
    if args == []:
        return "()"
    if args and len(args) == 1 and ACCOUNT.fullmatch(str(args[0])):
        return f"({str(args[0])!r},)"
    return "(...)"


def _outside(message: Any) -> dict[str, Any]:
    """What may be told of a message that must not show."""
    headers = message.headers if isinstance(message.headers, dict) else {}
    info = message.delivery_info if isinstance(message.delivery_info, dict) else {}
    if "task" not in headers:
        headers = _payload(message)
    return {
        "task": plain(headers.get("task")),
        "id": plain(headers.get("id")),
        "bytes": len(message.body or b""),
        "queue": plain(info.get("routing_key")),
    }


def _payload(message: Any) -> dict[str, Any]:
    try:
        payload = message.payload
    except Exception:  # noqa: BLE001  (it is being dropped for that)
        return {}
    return payload if isinstance(payload, dict) else {}


def plain(value: object) -> str | None:
    """A task's name or id, if it looks like one: anything else must not show."""
    return value if isinstance(value, str) and PLAIN.fullmatch(value) else None
