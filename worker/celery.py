"""The Celery app: ``celery -A worker worker``, ``beat`` and ``flower`` find it here.

Importing this needs a broker's address; ``worker.broker`` holds all that does not.
"""

from __future__ import annotations

from celery import Celery
from kombu.entity import Queue
from kombu.transport import TRANSPORT_ALIASES

from providers.registry import PROVIDERS
from worker.broker import CONFIG, INTAKE, SWEEPS
from worker.settings import SettingsError, settings

TRANSPORT = "worker.transport:Transport"


def _broker() -> str:
    try:
        return settings().redis
    except SettingsError as error:
        raise SystemExit(f"rescind: {error}") from None


def make_app() -> Celery:
    """The app, on the broker that the settings name."""
    # By these names, so that URLs stay what they are, wherever they are shown.
    TRANSPORT_ALIASES.update(redis=TRANSPORT, rediss=TRANSPORT)
    made = Celery("rescind", broker=_broker(), include=["worker.signals", "tasks"])
    made.conf.update(CONFIG)
    made.conf.task_queues = [
        Queue(name)
        for name in (INTAKE, SWEEPS, *(p.name for p in PROVIDERS))
    ]
    return made


app = make_app()
