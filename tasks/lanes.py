"""``<provider>.cancel``, ``.verify`` and ``.poll``: work on one account's lane."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from kombu.exceptions import OperationalError

from ledger.database import LedgerUnreachableError
from ledger.seal import SealError
from providers.registry import PROVIDERS
from worker import slots, wake
from worker.celery import app
from worker.runtime import runtime
from worker.service import Service
from worker.stopping import stopping

log = structlog.get_logger("rescind.lanes")


def work(provider: str, operation: str, account: str) -> None:
    """Serve the provider, or tell the child of this worker that does."""
    if not isinstance(account, str):
        log.error("a wake-up that is not ours", provider=provider)
        return
    first = (account, operation)
    places = slots.places_for(int(app.conf.worker_concurrency))
    with slots.serving(provider, places) as place:
        if place is None:
            slots.ring(provider, places, first)
            return
        try:
            left = Service(runtime(), place).run(first)
        except (LedgerUnreachableError, SealError) as error:
            log.warning("no work", provider=provider, why=str(error))
            return
    if not stopping():
        _wake_again(provider, left)


def _wake_again(provider: str, left: set[slots.Work]) -> None:
    try:
        for name, operation in sorted(left):
            wake.wake_one(app, (provider, name), operation)
    except OperationalError as error:
        log.warning("not woken: the sweep will find it", error=str(error))


def _task(provider: str, operation: str) -> Callable[[str], None]:
    def run(account: str) -> None:
        work(provider, operation, account)

    run.__doc__ = f"{operation} on one account of {provider}"
    return run


for _provider in PROVIDERS:
    for _operation in wake.OPERATIONS:
        app.task(name=wake.task_name(_provider.name, _operation))(
            _task(_provider.name, _operation)
        )
