"""Rescind broken on purpose: a run that does not notice proves nothing.

Each is what a reasonable person might have written instead. Loaded into the workers
under test alone, one at a time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, select

NAME = "RESCIND_CHAOS_MUTATION"


def _put(module: ModuleType, name: str, broken: Any) -> None:
    """In place of what the module imported under this name."""
    if not hasattr(module, name):
        raise LookupError(
            f"{module.__name__} has no {name} any more: mend the mutation"
        )
    setattr(module, name, broken)


def no_verify() -> None:
    """An order whose answer was lost is sent again instead of being read back."""
    from ledger import decision
    from ledger.progress import Progress
    from ledger.states import State
    from providers.model import Policy

    def again(was: Progress, policy: Policy, now: datetime) -> Progress:
        due = now + policy.resend_delays[0]
        return replace(was, state=State.QUEUED, lost=False, hint=None, due_at=due)

    _put(decision, "_verify", again)


def no_fencing() -> None:
    """A late worker writes over what others have found out since."""
    from ledger import records
    from ledger.progress import Change
    from ledger.states import State
    from ledger.tables import CANCELLATION
    from worker import books

    inner = records.record

    def blind(
        connection: Connection, changes: Sequence[Change], *more: Any
    ) -> records.Recorded:
        ids = [one for change in changes for one in change.ids]
        chosen = select(CANCELLATION).where(CANCELLATION.c.id.in_(ids))
        rows = {row.id: row for row in connection.execute(chosen)}
        fitting = [
            replace(
                c, ids=[i], version=rows[i].version, from_state=State(rows[i].state)
            )
            for c in changes
            for i in c.ids
        ]
        return inner(connection, fitting, *more)

    def any_edge(from_state: State, to_state: State) -> None:
        del from_state, to_state

    _put(records, "_check_edge", any_edge)
    _put(books, "record", blind)


def early_ack() -> None:
    """Messages are acknowledged before they are worked on: Celery's default."""
    from worker.celery import app

    app.conf.task_acks_late = False
    app.conf.task_reject_on_worker_lost = False


def no_sweep() -> None:
    """Only messages wake; nobody looks for what was left behind."""
    from tasks import sweep

    def nothing(*_: Any) -> dict[Any, Any]:
        return {}

    _put(sweep, "sweep_ledger", nothing)


def requeue_vanished() -> None:
    """A worker that vanished is taken for one that never called."""
    from ledger import sweeps
    from ledger.progress import Progress
    from ledger.states import State
    from providers.model import Policy

    def again(was: Progress, _policy: Policy, now: datetime) -> Progress:
        return replace(was, state=State.QUEUED, due_at=now)

    _put(sweeps, "lease_ran_out", again)


def trust_silence() -> None:
    """A lost answer to a cancel is taken for a success."""
    from ledger import decision
    from ledger.progress import Claimed, Progress
    from ledger.states import State
    from providers.model import Policy, Reason

    def done(known: Claimed, policy: Policy, now: datetime) -> Progress:
        del policy
        was = known.progress
        return decision._final(was, State.CANCELLED, Reason.CONFIRMED, now)

    _put(decision, "_after_lost_answer", done)


MUTATIONS: Mapping[str, Callable[[], None]] = {
    "no-verify": no_verify,
    "no-fencing": no_fencing,
    "early-ack": early_ack,
    "no-sweep": no_sweep,
    "requeue-vanished": requeue_vanished,
    "trust-silence": trust_silence,
}

CAUGHT_BY: Mapping[str, frozenset[str]] = {
    "no-verify": frozenset({"twice"}),
    "no-fencing": frozenset({"reopened"}),
    "early-ack": frozenset({"lost"}),
    "no-sweep": frozenset({"lost"}),
    "requeue-vanished": frozenset({"twice"}),
    "trust-silence": frozenset({"untrue"}),
}
"""What each must be caught by, whatever else it does."""


def install() -> None:
    """Break what the environment names, if anything."""
    name = os.environ.get(NAME)
    if name:
        MUTATIONS[name]()
