"""Celery's consumer, which a lost connection must not end."""

from __future__ import annotations

from typing import Any

from celery.worker import consumer


class Consumer(consumer.Consumer):
    """A worker's connection to Redis, made anew whenever it is lost."""

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """What was under way stays in Redis, to be delivered again from there."""
        if self.task_consumer is not None:
            _let_go(self.task_consumer.channel)
        super().on_connection_error_after_connected(exc)


def _let_go(channel: Any) -> None:
    """Nothing is given back or acknowledged through ``channel`` any more.

    Celery 5.7 tries to, through the very connection that is lost, and the worker ends:
    "'NoneType' object has no attribute 'hostname'", or 'client'.
    """
    channel.do_restore = False
    channel.qos.ack = channel.qos.reject = _nothing


def _nothing(_tag: str, requeue: bool = False) -> None:
    del requeue
