"""``<provider>.cancel``, ``.verify`` and ``.poll``: notify the lane of an account."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from providers.registry import PROVIDERS
from rescind.engine.engine import EngineStoppedError
from rescind.ledger.seal import SealError
from rescind.ledger.storage.transactions import LedgerUnreachableError
from rescind.runtime.host import host
from worker import notifications
from worker.celery import app

log = structlog.get_logger("rescind.lanes")


def notify(provider: str, operation: str, account: object) -> None:
    """Notify this worker's engine that the lane may have work."""
    if not isinstance(account, str):
        log.error("a malformed message named no account", provider=provider)
        return
    try:
        host().engine.notify([((provider, account), operation)])
    except (LedgerUnreachableError, SealError, EngineStoppedError) as error:
        log.warning("this worker cannot work now", provider=provider, why=str(error))


def _task(provider: str, operation: str) -> Callable[[str], None]:
    def run(account: str) -> None:
        notify(provider, operation, account)

    run.__doc__ = f"{operation} on one account of {provider}"
    return run


for _provider in PROVIDERS:
    for _operation in notifications.OPERATIONS:
        app.task(name=notifications.task_name(_provider.name, _operation))(
            _task(_provider.name, _operation)
        )
