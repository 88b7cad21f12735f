"""The private parts of Celery, kombu and redis-py that Rescind depends on.

Celery has no documented way to do what Rescind needs. So Rescind subclasses classes of
these libraries and overrides methods that no documentation promises. A later version
that renames such a method would no longer call ours: submissions would get lost, or
show in the log, without an error. So this module lists all these names, and a worker
does not start if one of them is missing. ``tests/worker/test_celery_internals.py``
keeps other modules from using private names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dis import get_instructions
from importlib import import_module
from importlib.metadata import version
from inspect import unwrap
from typing import Any
from weakref import WeakSet

Hooked = tuple[str, tuple[str, ...]]
"""A class as ``module:name``, or a module, and the names that it must have."""

WRITTEN_FOR = {"celery": "5.7", "kombu": "5.7", "redis": "8.1"}

TRANSPORT: tuple[Hooked, ...] = (
    (
        "kombu.transport.redis:Channel",
        (
            *("QoS", "_brpop_read", "_brpop_sent_at", "_brpop_start", "_in_poll"),
            *("_put", "_q_for_pri", "active_queues", "basic_ack", "basic_cancel"),
            *("basic_consume", "basic_qos", "basic_reject", "brpop_timeout", "client"),
            *("close", "conn_or_acquire", "connection_errors", "do_restore"),
            *("priority_steps", "unacked_index_key", "unacked_key"),
            *("visibility_timeout", "_consumers", "_fanout_queues", "_queue_bind"),
            *("connection_class", "connection_class_ssl"),
        ),
    ),
    (
        "kombu.transport.redis:QoS",
        (
            *("_on_collect", "ack", "append", "can_consume", "prefetch_count"),
            *("reject", "restore_unacked_once", "restore_visible"),
            *("unacked_index_key", "unacked_key"),
        ),
    ),
    (
        "kombu.transport.redis:MultiChannelPoller",
        ("_channels", "maybe_restore_messages", "on_poll_start"),
    ),
    (
        "kombu.transport.redis:Transport",
        (
            *("Channel", "_callbacks", "_deliver", "brpop_timeout", "channels"),
            *("connection_errors", "cycle", "register_with_event_loop"),
        ),
    ),
    ("kombu.transport", ("TRANSPORT_ALIASES",)),
    ("redis:Redis", ("parse_response", "connection", "pipeline")),
    (
        "redis:Connection",
        ("disconnect", "mark_for_reconnect", "read_response", "send_command"),
    ),
)
"""The names that the transport uses, in every process."""

WORKER: tuple[Hooked, ...] = (
    (
        "celery.worker.consumer:Consumer",
        (
            *("call_soon_ack", "conninfo", "create_task_handler", "hub"),
            *("on_connection_error_after_connected", "on_decode_error"),
            *("on_invalid_task", "on_send_event_buffered", "on_unknown_message"),
            "on_unknown_task",
        ),
    ),
    ("celery.worker.consumer.mingle:Mingle", ("enabled",)),
    ("celery.worker.consumer.gossip:Gossip", ("enabled",)),
    ("celery.worker.consumer.heart:Heart", ("heartbeat_interval",)),
    ("celery.worker.request:Request", ("argsrepr", "info", "kwargsrepr")),
    # ``app.control.mailbox`` makes its instances, of the class in ``node_cls``.
    ("kombu.pidbox:Mailbox", ("Node", "clock", "node_cls")),
    ("kombu.pidbox:Node", ("channel", "handle", "handle_message", "reply")),
    ("celery.app.events:Events", ("dispatcher_cls",)),
    (
        "celery.worker.state",
        ("active_requests", "reserved_requests", "scheduled_requests"),
    ),
    ("celery.events.dispatcher:EventDispatcher", ("buffer_limit", "flush", "send")),
    # From kombu 5.7 on, ``call_soon`` from another thread ends the loop's wait.
    ("kombu.asynchronous:Hub", ("_create_waker", "call_later", "call_soon")),
)
"""The names that only a worker uses."""


def check(hooked: Iterable[Hooked] = TRANSPORT + WORKER) -> None:
    """Raise ``SystemExit`` if a name is missing; its text lists the missing names."""
    missing = sorted(_missing(hooked))
    if missing:
        here = ", ".join(f"{name} {version(name)}" for name in WRITTEN_FOR)
        known = ", ".join(f"{name} {number}" for name, number in WRITTEN_FOR.items())
        raise SystemExit(
            f"rescind: {', '.join(missing)} cannot be found in {here}. Rescind depends"
            f" on it, and is written for {known}: install the versions that"
            " requirements/runtime.txt pins"
        )


def _missing(hooked: Iterable[Hooked]) -> Iterator[str]:
    for path, names in hooked:
        module, _, name = path.partition(":")
        found: Any = import_module(module)
        shown = module
        if name:
            shown = f"{module}.{name}"
            found = getattr(found, name, None)
        if found is None:
            yield shown
        else:
            yield from (f"{shown}.{one}" for one in names if not _has(found, one))


def _has(found: Any, name: str) -> bool:
    """Whether a class or module has the name, or ``__init__`` sets it on instances."""
    if hasattr(found, name):
        return True
    beginnings = (unwrap(one.__init__) for one in getattr(found, "__mro__", ()))
    return any(name in _stored(begin) for begin in beginnings)


def _stored(function: Any) -> set[str]:
    if not hasattr(function, "__code__"):
        return set()
    steps = get_instructions(function)
    return {str(step.argval) for step in steps if step.opname == "STORE_ATTR"}


class _Requests(WeakSet[Any]):
    """A ``WeakSet`` that one thread can iterate over while other threads change it."""

    data: set[Any]
    """Weak references to the members."""

    def __iter__(self) -> Iterator[Any]:
        for reference in self.data.copy():
            found = reference()
            if found is not None:
                yield found


def share_requests() -> None:
    """Make Celery's sets of requests safe for the threads of its pool.

    The pool's threads change the sets (``task_accepted``, ``task_ready``) while the
    loop iterates over them, for example after its connection is lost. Without this, the
    worker ends ("Set changed size during iteration"). Celery's functions keep
    references to these sets, so their class is changed in place.
    """
    from celery.worker import state

    for name in ("active_requests", "reserved_requests", "scheduled_requests"):
        getattr(state, name).__class__ = _Requests
