"""Places the points in a worker's code, from the queue to the acknowledgement.

Loaded only into the workers under test (``chaos.chaos_app``). The docstring of each
function below says what a worker that dies at its points leaves behind.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from celery.signals import task_postrun, worker_ready
from celery.worker import WorkController
from sqlalchemy import Pool

from chaos.patching import after, before, put
from chaos.points import FOLDER, FREEZE, Failpoints
from rescind.engine.call_results import CallResult
from rescind.engine.lane_operation import Call
from rescind.engine.lane_share import Share

MIDDLE_SECONDS = 0.015
"""Seconds from the start of a call to its middle; the providers take 30 ms."""

Here = Callable[[str], None]


def install() -> None:
    """Put the points into this process's code."""
    failpoints = Failpoints(Path(os.environ[FOLDER]), is_quiet=_holds_no_lock)
    here = failpoints.passing
    _note_turns()
    _intake(failpoints)
    _calls(failpoints)
    _transaction(here)
    _after_the_commit(here)
    _sweep(here)
    worker_ready.connect(lambda **_: _at_work(failpoints), weak=False)
    task_postrun.connect(lambda sender, **_: _task_is_over(here, sender), weak=False)


def _at_work(failpoints: Failpoints) -> None:
    """Record that the worker takes messages; any end by itself is noted from now on."""
    from rescind.runtime import shutdown_flag

    failpoints.say_ready()
    atexit.register(failpoints.say_ended)
    # After an unexpected error a worker waits for its threads, and may be killed.
    before(WorkController, "stop", lambda *_: failpoints.say_ended())
    before(shutdown_flag, "end", lambda *_: failpoints.say_ended())


_turns: list[str] = []
"""The queues of SQLite's writers in which this process waits, or has its turn."""


def _note_turns() -> None:
    """Keep ``_turns`` from now on."""
    from rescind.ledger.storage import transactions

    @contextmanager
    def noted(name: str) -> Iterator[None]:
        _turns.append(name)
        try:
            with turn(name):
                yield
        finally:
            _turns.remove(name)

    turn = put(transactions, "_turn", noted)


def _holds_no_lock() -> bool:
    """Whether no connection to the ledger is in use, and no queue of its writers.

    A connection in use may hold a lock. A worker that is frozen with a lock would block
    all others at the ledger.
    """
    from rescind.runtime.resources import runtime

    pool: Any = runtime().engine.pool
    idle = isinstance(pool, Pool) and not pool.checkedout()  # type: ignore[attr-defined]
    return idle and not _turns


# --- a submission, from the queue to the engine -----------------------------------


def _intake(failpoints: Failpoints) -> None:
    """The message is not acknowledged, and is delivered to another worker."""
    import rescind.intake.submissions
    import tasks.submit
    import worker.intake_channel
    from rescind.engine.engine import Engine

    here = failpoints.passing
    after(worker.intake_channel, "loads", lambda *_: here("received"))
    before(tasks.submit, "take_in", lambda *given: _delivered(failpoints, given[3]))
    after(rescind.intake.submissions, "_good", lambda *_: here("checked"))
    after(Engine, "_arrive", lambda *_: here("arrived"))
    after(tasks.submit, "take_in", lambda *_: here("taken-in"))


def _delivered(failpoints: Failpoints, entries: Sequence[Any]) -> None:
    failpoints.passing("taking-in")
    if entries and isinstance(entries[0], dict):
        for delivery in ("first", "second"):
            failpoints.passing(f"{delivery}-{entries[0].get('order')}")


def _task_is_over(here: Here, task: Any) -> None:
    """All entries are in the ledger, and the message is not acknowledged."""
    if task.name == "rescind.submit":
        here("done")


# --- a call -----------------------------------------------------------------------


def _calls(failpoints: Failpoints) -> None:
    """The orders are claimed. Whether the provider has acted on them is not known."""
    import rescind.engine.calls
    from rescind.engine.dispatcher import Dispatcher
    from rescind.engine.engine import Engine

    here = failpoints.passing

    def in_its_middle(*_: Any) -> None:
        failpoints.passing("calling", after=MIDDLE_SECONDS)

    def answered(_own: Any, call: Call, result: CallResult | None) -> None:
        if result is None or result.call is None:
            return
        here("answered")
        if call.operation.operation == "cancel":
            # Other workers will have read its orders back when the frozen worker thaws
            # and records this.
            here(FREEZE)

    def granted(_own: Any, _operation: Any, budget: Any) -> None:
        if budget.places:
            here("granted")

    before(rescind.engine.calls, "exchange", in_its_middle)
    before(Dispatcher, "_done", answered)
    before(Engine, "_receive", granted)


# --- the shared transaction -------------------------------------------------------


def _transaction(here: Here) -> None:
    """The transaction has no effect. At the same points it can be made to fail."""
    from rescind.engine import transaction

    def inside(function: str, name: str, concerns: Callable[[Share], object]) -> None:
        def passing(_connection: Any, shares: Sequence[Share], *_: Any) -> None:
            if any(concerns(share) for share in shares):
                here(name)
                here(f"{name}-fails")

        after(transaction, function, passing)

    inside("_record", "writing", lambda share: share.results)
    inside("_insert", "inserting", lambda share: share.entries)
    inside("_claim", "claiming", lambda share: share.claimed)
    inside("_count", "committing", lambda share: share.rows)


def _after_the_commit(here: Here) -> None:
    """The transaction is committed, but no claimed call has begun and no message of a
    producer is acknowledged.

    At ``come-home``, before the commit, the worker holds results that are not in the
    ledger.
    """
    from rescind.engine import committing

    def come_home(_ledger: Any, shares: Sequence[Share], *_: Any) -> None:
        if any(share.results for share in shares):
            here("come-home")

    def committed(_ledger: Any, shares: Sequence[Share], *_: Any) -> None:
        for name, reached in (
            ("recorded", any(share.results for share in shares)),
            ("inserted", any(share.entries for share in shares)),
            ("claimed", any(share.claimed for share in shares)),
        ):
            if reached:
                here(name)
        if any(share.rows for share in shares):
            # The answer to the commit is lost.
            here("committed-fails")

    before(committing, "commit", come_home)
    after(committing, "commit", committed)


# --- the sweep --------------------------------------------------------------------


def _sweep(here: Here) -> None:
    """Another sweep finds the orders that this one found or was about to move."""
    import rescind.engine.sweeper
    import rescind.runtime.periodic_jobs

    after(rescind.engine.sweeper, "move", lambda *_: here("sweeping"))
    after(rescind.runtime.periodic_jobs, "sweep", lambda *_: here("swept"))
