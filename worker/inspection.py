"""Asks the workers on the broker which queues they consume."""

from __future__ import annotations

from typing import Any

from kombu.exceptions import OperationalError

from worker.celery import make_app


def consumed_queues(seconds: float) -> tuple[list[str], dict[str, Any]]:
    """The names of Rescind's queues, and each worker's answer to ``active_queues``.

    Workers have so many ``seconds`` to answer. Raises ``ConnectionError`` if the broker
    cannot be reached.
    """
    app = make_app()
    try:
        with app.connection_for_write() as connection:
            asked = app.control.inspect(timeout=seconds, connection=connection)
            answers = asked.active_queues() or {}
    except OperationalError as error:
        raise ConnectionError(str(error)) from error
    return [queue.name for queue in app.conf.task_queues], answers
