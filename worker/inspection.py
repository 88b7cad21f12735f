"""What the workers on this broker say of themselves."""

from __future__ import annotations

from typing import Any

from kombu.exceptions import OperationalError

from worker.celery import make_app


def consumed_queues(seconds: float) -> tuple[list[str], dict[str, Any]]:
    """The queues of ours, and what each worker says of those that it consumes.

    Workers are waited for so many ``seconds``. Raises ``ConnectionError`` where the
    broker cannot be reached.
    """
    app = make_app()
    try:
        with app.connection_for_write() as connection:
            asked = app.control.inspect(timeout=seconds, connection=connection)
            answers = asked.active_queues() or {}
    except OperationalError as error:
        raise ConnectionError(str(error)) from error
    return [queue.name for queue in app.conf.task_queues], answers
