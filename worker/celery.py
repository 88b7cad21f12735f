"""The Celery app, for ``celery -A worker worker``, ``beat`` and ``flower``.

Importing this module needs the broker's address; importing ``worker.broker`` does not.
"""

from __future__ import annotations

import ssl

from celery import Celery
from kombu.entity import Queue
from kombu.transport import TRANSPORT_ALIASES

from providers.registry import PROVIDERS
from rescind.config.queues import INTAKE, SCHEDULES, SWEEPS, WEBHOOKS
from rescind.config.redis_url import broker_options, broker_tls, for_celery
from rescind.config.settings import SettingsError, settings
from worker.broker import BROKER_OPTIONS, CONFIG
from worker.refused_start import refuse_start

TRANSPORT = "worker.transport:Transport"


def _redis() -> str:
    try:
        return settings().redis
    except SettingsError as error:
        refuse_start(error)


def make_app() -> Celery:
    """Make the app, on the broker that the settings name."""
    # Our transport takes the usual scheme names, so that URLs keep their form.
    TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss", "sentinel"), TRANSPORT))
    url = _redis()
    made = Celery("rescind", broker=for_celery(url), include=["worker.loading"])
    made.conf.update(CONFIG)
    made.conf.broker_transport_options = BROKER_OPTIONS | broker_options(url)
    if (tls := broker_tls(url)) is not None:
        # By default kombu does not verify the server that gets the password.
        made.conf.broker_use_ssl = {**tls, "ssl_cert_reqs": ssl.CERT_REQUIRED}
    # Without a routing key of its own, each queue would share the default queue's.
    made.conf.task_queues = [
        Queue(name, routing_key=name)
        for name in (INTAKE, SWEEPS, WEBHOOKS, SCHEDULES, *(p.name for p in PROVIDERS))
    ]
    return made


app = make_app()
