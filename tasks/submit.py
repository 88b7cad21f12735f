"""``rescind.submit``: takes producers' cancellations into the ledger."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog
from celery.exceptions import Reject
from celery.worker.request import Request
from structlog.contextvars import bound_contextvars

from ledger.database import LedgerUnreachableError
from ledger.intake import NewCancellation
from ledger.seal import SealError
from worker.celery import app
from worker.consumer import plain
from worker.engine.engine import Engine, EngineStoppedError
from worker.host import host
from worker.intake import MOST, Receipt, Taken, lanes_to_notify, take_in
from worker.logs import named
from worker.runtime import utc_now
from worker.stopping import pause, stopping
from worker.tracing import from_headers, submission

log = structlog.get_logger("rescind.submit")

PATIENCE = 15
"""Seconds of trying until a message goes back to its queue: less than it takes until
it is given to somebody else as well (``transport.VISIBILITY_SECONDS``)."""


class Discreet(Request):
    """Keeps params out of Celery's events, and so out of Flower: they are personal."""

    @property
    def argsrepr(self) -> str:
        return "(...)"

    @property
    def kwargsrepr(self) -> str:
        return "{...}"

    def info(self, safe: bool = False) -> dict[str, Any]:
        told: dict[str, Any] = super().info(safe=safe)
        return {**told, "args": "(...)", "kwargs": "{...}"}


@app.task(name="rescind.submit", Request="tasks.submit:Discreet")
def submit(*args: Any, **kwargs: Any) -> None:
    """Keep each entry; what is wrong with one is kept with it."""
    message = plain(submit.request.id)
    context = from_headers(vars(submit.request))
    with bound_contextvars(batch=message):
        entries = _entries(args, kwargs)
        with submission(context, message, len(entries)) as trace:
            taken = _take_in(entries, trace)
        _say_refused([one for one in taken if one.receipt is Receipt.REFUSED])


def _say_refused(refused: list[Taken]) -> None:
    for one in refused[:10]:
        log.warning("refused", cancellations=[one.id], why=one.wrong)
    if len(refused) > 10:
        log.warning("refused", **named([one.id for one in refused]))


def _entries(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[object]:
    unknown = sorted(set(kwargs) - {"cancellations"})
    given = kwargs.get("cancellations", args[0] if len(args) == 1 else None)
    if isinstance(given, list) and len(given) <= MOST and not unknown:
        return given
    # Not to be lost without a word: it is kept as one entry that says why.
    size = len(given) if isinstance(given, list) else 0
    log.error("a message that is not ours", entries=size, unknown=unknown)
    return [f"rescind.submit takes cancellations, a list of at most {MOST}"]


def _take_in(entries: list[object], trace: str | None) -> list[Taken]:
    give_up = time.monotonic() + PATIENCE
    while (left := give_up - time.monotonic()) > 0 and not stopping():
        try:
            own = host()
            here = own.here
            known = (here.engine, here.accounts, here.seal)
            more = (here.callbacks, trace, partial(_insert, own.engine, left))
            taken = take_in(*known, entries, utc_now(), *more)
        except (LedgerUnreachableError, SealError, EngineStoppedError) as error:
            log.warning("intake waits", why=str(error))
        except Exception as error:  # noqa: BLE001  (nothing submitted may be lost)
            # Its text might hold what was submitted: the kind must do.
            log.error("intake failed", kind=type(error).__name__)  # noqa: TRY400
        else:
            own.engine.notify((lane, "cancel") for lane in lanes_to_notify(taken))
            return taken
        pause(1)
    raise Reject("the ledger is away", requeue=True)


def _insert(
    engine: Engine, seconds: float, new: Sequence[NewCancellation]
) -> frozenset[str]:
    """Have the engine insert these; waits so long for its commit."""
    future = engine.submit(new)
    try:
        return future.result(seconds)
    except TimeoutError:
        # What is not committed by now goes back to the queue with its message.
        future.cancel()
        raise LedgerUnreachableError("the ledger does not answer in time") from None
