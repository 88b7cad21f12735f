"""Where in a worker each point is: from the queue to the acknowledgement.

Loaded into the workers under test alone (``chaos.chaos_app``). The docstring of each
function below says what a worker that dies at its points leaves behind.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from celery.signals import task_postrun, worker_ready
from celery.worker import WorkController
from sqlalchemy import Pool

from chaos.patching import after, before
from chaos.points import FOLDER, FREEZE, Failpoints
from rescind.engine.call_results import CallResult
from rescind.engine.lane_operation import Call
from rescind.engine.lane_share import Share

MIDDLE_SECONDS = 0.015
"""How long after a call began it is in its middle; the providers take 30 ms."""

Here = Callable[[str], None]


def install() -> None:
    """Put the points into this process's code."""
    failpoints = Failpoints(Path(os.environ[FOLDER]), is_quiet=_holds_no_lock)
    here = failpoints.passing
    _intake(failpoints)
    _calls(failpoints)
    _transaction(here)
    _after_the_commit(here)
    _sweep(here)
    worker_ready.connect(lambda **_: _at_work(failpoints), weak=False)
    task_postrun.connect(lambda sender, **_: _task_is_over(here, sender), weak=False)


def _at_work(failpoints: Failpoints) -> None:
    """From now on the worker has no reason to end by itself."""
    from rescind.runtime import shutdown_flag

    failpoints.say_ready()
    atexit.register(failpoints.say_ended)
    # After an error that nobody expects it waits for its threads, and may be killed.
    before(WorkController, "stop", lambda *_: failpoints.say_ended())
    before(shutdown_flag, "end", lambda *_: failpoints.say_ended())


def _holds_no_lock() -> bool:
    """Whether no connection to the ledger is in use: each may hold a lock, and a frozen
    worker would keep all others from the ledger."""
    from rescind.runtime.resources import runtime

    pool: Any = runtime().engine.pool
    return isinstance(pool, Pool) and not pool.checkedout()  # type: ignore[attr-defined]


# --- a submission, from the queue to the engine -----------------------------------


def _intake(failpoints: Failpoints) -> None:
    """Its message is not acknowledged, and comes to another worker."""
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
    """All of it is in the ledger, and the message is not acknowledged."""
    if task.name == "rescind.submit":
        here("done")


# --- a call -----------------------------------------------------------------------


def _calls(failpoints: Failpoints) -> None:
    """Its orders are claimed; whether the provider has acted on them nobody knows."""
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
            # Others will have read its orders back when it goes on and records this.
            here(FREEZE)

    def granted(_own: Any, _operation: Any, budget: Any) -> None:
        if budget.places:
            here("granted")

    before(rescind.engine.calls, "exchange", in_its_middle)
    before(Dispatcher, "_done", answered)
    before(Engine, "_receive", granted)


# --- the shared transaction -------------------------------------------------------


def _transaction(here: Here) -> None:
    """Nothing of it has happened. At the same points it can be made to fail."""
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
    """All of it has happened: no claimed call has begun, no producer's message is
    acknowledged. Before it, results have come home that are not in the ledger."""
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
            # Its answer is lost.
            here("committed-fails")

    before(committing, "commit", come_home)
    after(committing, "commit", committed)


# --- the sweep --------------------------------------------------------------------


def _sweep(here: Here) -> None:
    """What it was about to move, or has found, is found by another sweep."""
    import rescind.engine.sweeper
    import rescind.runtime.periodic_jobs

    after(rescind.engine.sweeper, "move", lambda *_: here("sweeping"))
    after(rescind.runtime.periodic_jobs, "sweep", lambda *_: here("swept"))
