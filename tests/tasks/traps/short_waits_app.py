"""The app with shorter waits, for tests. Only for ``celery -A``:
to import it changes what it is imported beside."""

from __future__ import annotations

from rescind.config import queues
from tests.tasks.traps.fleets import SHORTER
from worker import broker, intake_channel, intake_qos

intake_channel.VISIBILITY_SECONDS = SHORTER["visibility_timeout"]
intake_qos.WAITING_SECONDS = 0
broker.BROKER_OPTIONS.update(SHORTER)
queues.REDIS_OPTIONS.update({k: SHORTER[k] for k in queues.REDIS_OPTIONS})

from worker.celery import app  # noqa: E402

__all__ = ["app"]
