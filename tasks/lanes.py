"""``<provider>.cancel``, ``.verify`` and ``.poll``: work on one account's lane."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import structlog
from kombu.exceptions import OperationalError

from ledger.database import LedgerUnreachableError
from ledger.seal import SealError
from providers.registry import PROVIDERS
from worker import slots, wake
from worker.bells import Work
from worker.celery import app
from worker.runtime import runtime
from worker.service import Service
from worker.stopping import pause, stopping

log = structlog.get_logger("rescind.lanes")

TRIES, TRY_SECONDS = 10, 0.01
"""Longer than a child takes to give its place back, once it listens no more."""


def work(provider: str, operation: str, account: str) -> None:
    """Serve the provider, or tell the child of this worker that does."""
    if not isinstance(account, str):
        log.error("a wake-up that is not ours", provider=provider)
        return
    first = (account, operation)
    children = int(app.conf.worker_concurrency)
    places = slots.places_for(children)
    for _ in range(TRIES):
        with slots.serving(provider, places) as place:
            if place is not None:
                _serve(place, first, linger=slots.may_linger(children))
                return
        if slots.ring(provider, places, first):
            return
        # It has just fallen silent, and is about to give its place back.
        pause(TRY_SECONDS)


def _serve(place: slots.Place, first: Work, *, linger: bool) -> None:
    try:
        again = partial(_wake_again, place.provider)
        Service(runtime(), place, again, linger=linger).run(first)
    except (LedgerUnreachableError, SealError) as error:
        log.warning("no work", provider=place.provider, why=str(error))


def _wake_again(provider: str, left: set[Work]) -> None:
    if stopping():
        return
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
