"""Celery's consumer, which a lost connection must not end."""

from __future__ import annotations

from celery.worker import consumer


class Consumer(consumer.Consumer):
    """A worker's connection to Redis, made anew whenever it is lost."""

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """What was under way is left in Redis, to be delivered again from there.

        Given back through the very connection that is lost, as kombu 5.7 tries, it
        ends the worker: "'NoneType' object has no attribute 'hostname'".
        """
        if self.task_consumer is not None:
            self.task_consumer.channel.do_restore = False
        super().on_connection_error_after_connected(exc)
