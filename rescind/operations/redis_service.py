"""The checks of the Redis that the settings name, and what to do if it is away."""

from __future__ import annotations

from collections.abc import Iterator

from redis import Redis

from rescind.config.home import up_process
from rescind.config.redis_client import client_of
from rescind.config.settings import Settings, SettingsError, without_password
from rescind.operations.findings import Check, Level, redis_checks

REDIS_SECONDS = 3
START = "start it with `rescind up`"
"""The advice if no ``rescind up`` runs that the Redis belongs to."""


def redis_service_checks(chosen: Settings) -> Iterator[tuple[Check, Redis | None]]:
    """Each check, with the client that it used; without one if no address is known."""
    try:
        url = chosen.redis
        client = client_of(
            url, socket_timeout=REDIS_SECONDS, socket_connect_timeout=REDIS_SECONDS
        )
    except SettingsError as error:
        yield Check("redis", Level(error.status), str(error), error.problem), None
        return
    found = redis_checks(
        client, without_password(url), redis_advice(chosen), chosen.redis_log
    )
    for check in found:
        yield check, client


def redis_advice(chosen: Settings) -> str:
    """What to do if it cannot be reached."""
    if not chosen.embedded_redis:
        return "set RESCIND_REDIS_URL to one that runs"
    process = up_process(chosen.home)
    if process is None:
        return START
    return (
        f"it belongs to the `rescind up` that runs as process {process}: stop that"
        " process, and start `rescind up` again"
    )
