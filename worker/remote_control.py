"""Celery's remote control, limited to inspection: commands that change are refused.

Every client that may write to the broker may send these commands, and Celery obeys all
of them: ``cancel_consumer rescind.sweep`` or ``rate_limit rescind.submit 1/d`` stop all
work, and no health check shows it. So a worker refuses every command that would change
it. Its log and its answer say so, and what to do instead.
"""

from __future__ import annotations

from typing import Any

import structlog
from kombu import Producer
from kombu.pidbox import Node as KombuNode

from worker.redis_channel import MALFORMED_ERRORS

log = structlog.get_logger("rescind.remote_control")

ANSWERED = frozenset(
    {
        *("active", "active_queues", "clock", "conf", "hello", "ping", "query_task"),
        *("registered", "report", "reserved", "revoked", "scheduled", "stats"),
        # Flower sends it each 5 s. The worker sends those events anyway.
        "enable_events",
        # Flower sends it at its start, and sees the worker at once.
        "heartbeat",
    }
)
"""The commands that Flower 2.2, ``celery inspect`` and Celery itself send."""

_INSTEAD_OF = (
    (
        ("add_consumer", "cancel_consumer"),
        "start the worker with -Q, or hold a lane: `rescind hold`",
    ),
    (
        ("autoscale", "pool_grow", "pool_shrink"),
        "start the worker with another -c, or start more workers",
    ),
    (("pool_restart", "shutdown"), "send the worker's process a SIGTERM"),
    (
        ("revoke", "revoke_by_stamped_headers", "terminate"),
        "hold the lane of an order that must not be cancelled: `rescind hold`",
    ),
    (("disable_events",), "set worker_send_task_events"),
    (("rate_limit",), "set `rate` in the accounts file"),
    (("time_limit",), "set `read_timeout` in the accounts file"),
)
INSTEAD = {name: advice for names, advice in _INSTEAD_OF for name in names}
"""What to do instead of a command that is refused."""
NOTHING_INSTEAD = "only commands that inspect are answered"
NAME_AT_MOST = 40


class Node(KombuNode):
    """Answers remote control in a worker, which sets it as ``Mailbox.node_cls``."""

    def handle_message(self, body: Any, message: Any = None) -> Any:
        try:
            if body.get("pattern"):
                # A crafted pattern could keep the loop matching for hours.
                return _refuse_pattern()
            return super().handle_message(body, message)
        except MALFORMED_ERRORS as error:
            # Celery would log the message's content, and open a new channel.
            kind = type(error).__name__
            log.warning("a remote control message was malformed", kind=kind)
            return None

    def handle(self, method: Any, arguments: Any = None) -> Any:
        if not isinstance(method, str) or method not in ANSWERED:
            return _refuse(method)
        given = dict(arguments or {})
        # With this argument, another worker could revoke tasks of this one.
        given.pop("revoked", None)
        return _without_arguments(super().handle(method, given))

    def reply(
        self, data: Any, exchange: str, routing_key: str, ticket: str, **kwargs: Any
    ) -> None:
        """Send the answer once. Celery would retry for ever, in the worker's loop."""
        headers = {"ticket": ticket, "clock": self.mailbox.clock.forward()}
        producer = Producer(self.channel, auto_declare=False)
        where = {"exchange": exchange, "routing_key": routing_key, "headers": headers}
        try:
            producer.publish(data, serializer="json", **where, **kwargs)
        except self.channel.connection_errors as error:
            log.warning("an answer could not be sent", kind=type(error).__name__)


def _refuse(method: Any) -> dict[str, str]:
    name = str(method)[:NAME_AT_MOST]
    shown = name if name.isidentifier() else "(an invalid name)"
    instead = INSTEAD.get(name, NOTHING_INSTEAD)
    log.warning("a remote control command was refused", command=shown, instead=instead)
    return {"error": f"refused: workers of Rescind do not obey {shown}; {instead}"}


def _refuse_pattern() -> None:
    instead = "name the workers (destination), or ask all"
    log.warning("remote control by pattern was refused", instead=instead)


def _without_arguments(found: Any) -> Any:
    """The same, without the arguments of tasks, which may be personal."""
    if isinstance(found, dict):
        hidden = {"args": "(...)", "kwargs": "{...}"}
        return {
            name: hidden.get(name) or _without_arguments(value)
            for name, value in found.items()
        }
    if isinstance(found, list | tuple):
        return [_without_arguments(one) for one in found]
    return found
