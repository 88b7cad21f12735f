"""``rescind.submit``: inserts producers' cancellations into the ledger."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

import structlog
from celery.exceptions import Reject
from celery.worker.request import Request
from structlog.contextvars import bound_contextvars

from rescind.config.actors import celery_actor
from rescind.config.times import utc_now
from rescind.engine.engine import Engine, EngineStoppedError
from rescind.intake.message_faults import (
    has_plan_beside,
    lacks_cancellations,
    no_list,
)
from rescind.intake.receipts import Receipt, Taken, lanes_to_notify
from rescind.intake.repeats import remark
from rescind.intake.submissions import MOST, take_in
from rescind.ledger.changes.dependencies import Dependents
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.changes.recording import new_id
from rescind.ledger.seal import SealError
from rescind.ledger.storage.transactions import LedgerUnreachableError
from rescind.provider.text import field_name
from rescind.runtime.host import Host, host
from rescind.runtime.shutdown_flag import pause, stopping
from rescind.telemetry.logs import named
from rescind.telemetry.tracing import from_headers, submission
from tasks import plan_message
from worker.celery import app
from worker.consumer import safe_name

log = structlog.get_logger("rescind.submit")

MOST_NAMED = 10
"""Unknown arguments of a message that the log names."""
PATIENCE = 15
"""Seconds of trying until a message goes back to its queue: less than the time until
it is delivered to another worker too (``intake_channel.VISIBILITY_SECONDS``)."""

T = TypeVar("T")
LATE = "the message's expires had passed when it was taken in"


class MaskedRequest(Request):
    """A request that hides its arguments, which are personal, from events and Flower.

    It also passes ``expires`` to the task: Celery would drop an expired message without
    a record of it.
    """

    def __init__(
        self, message: Any, *args: Any, headers: Any = None, **kwargs: Any
    ) -> None:
        given = dict(message.headers if headers is None else headers)
        given["submission_expires"] = given.pop("expires", None)
        super().__init__(message, *args, headers=given, **kwargs)

    @property
    def argsrepr(self) -> str:
        return "(...)"

    @property
    def kwargsrepr(self) -> str:
        return "{...}"

    def info(self, safe: bool = False) -> dict[str, Any]:
        told: dict[str, Any] = super().info(safe=safe)
        return {**told, "args": "(...)", "kwargs": "{...}"}


@app.task(name="rescind.submit", Request="tasks.submit:MaskedRequest")
def submit(*args: Any, **kwargs: Any) -> None:
    """Insert each entry into the ledger; a wrong entry is kept with its fault."""
    message = safe_name(submit.request.id)
    headers = vars(submit.request)
    by = celery_actor(headers.get("origin"))
    with bound_contextvars(batch=message, by=by):
        late = _late(headers.get("submission_expires"), utc_now())
        if plan_message.names_a_plan(args, kwargs):
            _take_plan(kwargs, headers, message, late, by)
            return
        entries = _entries(args, kwargs)
        with submission(from_headers(headers), message, len(entries)) as trace:
            taken = _take_in(entries, trace, late, by)
        _say_refused([one for one in taken if one.receipt is Receipt.REFUSED])
        _say_repeats([one for one in taken if remark(one.state, one.differs)])


def _take_plan(
    kwargs: dict[str, Any],
    headers: dict[str, Any],
    message: str | None,
    late: str | None,
    by: str,
) -> None:
    wish = plan_message.wish_of(kwargs)
    with submission(from_headers(headers), message, 1) as trace:
        _patiently(lambda own, _: plan_message.take_plan(own, wish, trace, late, by))


def _late(expires: object, now: datetime) -> str | None:
    """Why the message comes too late, or ``None`` if it does not."""
    if expires is None:
        return None
    try:
        until = datetime.fromisoformat(str(expires))
        passed = (until if until.tzinfo else until.replace(tzinfo=UTC)) < now
    except (ValueError, OverflowError):
        log.warning("expires cannot be read: it is ignored")
        return None
    if passed:
        log.warning("expired", why=LATE)
    return LATE if passed else None


def _say_refused(refused: list[Taken]) -> None:
    for one in refused[:10]:
        log.warning("refused", cancellations=[one.id], why=one.wrong)
    if len(refused) > 10:
        log.warning("refused", **named([one.id for one in refused]))


def _say_repeats(repeats: list[Taken]) -> None:
    """Log repeats whose producer may expect something else; nothing was changed."""
    event = "submitted before, with other values or withdrawn since"
    for one in repeats[:10]:
        what = {"state": one.state, "differs": list(one.differs)}
        log.warning(event, cancellations=[one.id], **what)
    if len(repeats) > 10:
        log.warning(event, **named([one.id for one in repeats]))


def _entries(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[object]:
    """The message's entries; a message without a list becomes one faulty entry."""
    given, unread = _given(args, kwargs)
    # A producer that mixes up names and values may put personal data in a name.
    names = sorted({field_name(one) for one in unread})[:MOST_NAMED]
    if names:
        log.warning("unknown arguments were ignored", named=names)
    more = _plan_beside(kwargs)
    if isinstance(given, dict):
        return [given, *more]
    if isinstance(given, list) and len(given) <= MOST:
        return [*given, *more]
    size = len(given) if isinstance(given, list) else 0
    log.error("a message holds no list of cancellations", entries=size)
    if given is None:
        return [lacks_cancellations(_message(), names, MOST), *more]
    return [no_list(_message(), MOST), *more]


def _message() -> str:
    return safe_name(submit.request.id) or new_id()


def _plan_beside(kwargs: dict[str, Any]) -> list[object]:
    """A faulty entry for a plan in a message that has cancellations, too."""
    if "plan" not in kwargs:
        return []
    log.error("a message holds cancellations and a plan: its plan was not taken in")
    return [has_plan_beside(_message())]


def _given(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[object, list[str]]:
    """The cancellations, and the names of all other arguments."""
    unread = [name for name in kwargs if name not in ("cancellations", "plan")]
    more = args
    if "cancellations" not in kwargs and args:
        more = args[1:]
    given = kwargs.get("cancellations", args[0] if args else None)
    return given, unread + ["positional"] * len(more)


def _take_in(
    entries: list[object], trace: str | None, late: str | None, by: str
) -> list[Taken]:
    def attempt(own: Host, left: float) -> list[Taken]:
        here = own.here
        known = (here.engine, here.accounts, here.seal)
        more = (here.callbacks, trace, partial(_insert, own.engine, left))
        now = here.clock.now()
        taken = take_in(*known, entries, now, *more, late=late, by=by)
        own.engine.notify((lane, "cancel") for lane in lanes_to_notify(taken))
        return taken

    return _patiently(attempt)


def _patiently(attempt: Callable[[Host, float], T]) -> T:
    """The result of ``attempt``, which gets the seconds that are left.

    It is repeated while the ledger cannot be used; then the message goes back.
    """
    give_up = time.monotonic() + PATIENCE
    while (left := give_up - time.monotonic()) > 0 and not stopping():
        try:
            return attempt(host(), left)
        except (LedgerUnreachableError, SealError, EngineStoppedError) as error:
            log.warning("intake waits", why=str(error))
        except Exception as error:  # noqa: BLE001  (no submission may be lost)
            # Only the error's kind: its text might hold submitted data.
            log.error("intake failed", kind=type(error).__name__)  # noqa: TRY400
        pause(1)
    raise Reject("the ledger cannot be used", requeue=True)


def _insert(
    engine: Engine,
    seconds: float,
    new: Sequence[NewCancellation],
    dependents: Dependents,
) -> frozenset[str]:
    """Let the engine insert these; gives back the ids that it inserted.

    Waits so many ``seconds`` for its commit, then raises ``LedgerUnreachableError``.
    """
    future = engine.submit(new, dependents)
    try:
        return future.result(seconds)
    except TimeoutError:
        # Orders that are not committed by now go back to the queue with their message.
        future.cancel()
        raise LedgerUnreachableError("the ledger does not answer in time") from None
