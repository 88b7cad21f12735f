"""Mutations: Rescind broken on purpose, to prove that a run notices it.

Each mutation is a mistake that a reasonable programmer might have made. It is loaded
only into the workers under test, and one at a time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from chaos.patching import put
from rescind.ledger import decision, phases, reading_decision
from rescind.ledger.changes import recording, successors, sweeps
from rescind.ledger.changes.recording import LaneChanges, Recorded
from rescind.ledger.conditions import Verdict
from rescind.ledger.progress import Change, Claimed, Progress
from rescind.ledger.states import State
from rescind.ledger.storage.tables import CANCELLATION
from rescind.provider.outcomes import Findings, Order, Reason
from rescind.provider.policy import Policy

NAME = "RESCIND_CHAOS_MUTATION"


def no_verify() -> None:
    """An order whose answer was lost is sent again instead of being read back."""

    def again(was: Progress, policy: Policy, now: datetime) -> Progress:
        due = now + policy.resend_delays[0]
        return replace(was, state=State.QUEUED, lost=False, hint=None, due_at=due)

    for module in (decision, phases):
        put(module, "begin_verifying", again)


def no_fencing() -> None:
    """A late worker overwrites results that other workers have recorded since."""
    from rescind.engine import transaction

    def blind(
        connection: Connection, work: Sequence[LaneChanges], now: datetime
    ) -> Recorded:
        fitting = [
            replace(one, changes=_as_it_stands(connection, one.changes)) for one in work
        ]
        recorded: Recorded = inner(connection, fitting, now)
        return recorded

    def any_edge(from_state: State, to_state: State) -> None:
        del from_state, to_state

    put(recording, "_check_edge", any_edge)
    inner = put(transaction, "record_many", blind)


def _as_it_stands(connection: Connection, changes: Sequence[Change]) -> list[Change]:
    """The same changes, based on the state and version that the ledger has now."""
    ids = [one for change in changes for one in change.ids]
    chosen = select(CANCELLATION).where(CANCELLATION.c.id.in_(ids))
    rows = {row.id: row for row in connection.execute(chosen)}
    return [
        replace(c, ids=[i], version=rows[i].version, from_state=State(rows[i].state))
        for c in changes
        for i in c.ids
    ]


def early_ack() -> None:
    """A worker acknowledges messages before it processes them: Celery's default."""
    from worker.celery import app

    app.conf.task_acks_late = False
    app.conf.task_reject_on_worker_lost = False


def no_sweep() -> None:
    """Only messages start work; no sweep looks for orders that were left behind."""
    from rescind.runtime import periodic_jobs

    def nothing(*_: Any) -> dict[Any, Any]:
        return {}

    put(periodic_jobs, "sweep", nothing)


def requeue_vanished() -> None:
    """If a lease ran out, the worker is assumed not to have made the call."""

    def again(was: Progress, _policy: Policy, now: datetime) -> Progress:
        return replace(was, state=State.QUEUED, due_at=now)

    put(sweeps, "lease_ran_out", again)


def trust_silence() -> None:
    """A cancel whose answer was lost is assumed to have succeeded."""

    def done(known: Claimed, policy: Policy, now: datetime) -> Progress:
        del policy
        was = known.progress
        return phases.final(was, State.CANCELLED, Reason.CONFIRMED, now)

    put(decision, "_after_lost_answer", done)


def trust_commit() -> None:
    """A transaction that failed is assumed to be committed."""
    from rescind.engine import committing
    from rescind.engine.transaction import Committed

    def commit(*given: Any, **how: Any) -> Committed:
        try:
            done: Committed = inner(*given, **how)
        except Exception:  # noqa: BLE001  (this is the mutation)
            return Committed(Recorded(), {}, 0)
        return done

    inner = put(committing, "commit", commit)


def trust_at_once() -> None:
    """An active reading is trusted at once, although our own call may act later."""

    def none(*_: Any) -> timedelta:
        return timedelta(0)

    put(reading_decision, "_doubted_for", none)


def blind_to_others() -> None:
    """Each cancellation is sent, even if others of the same order are under way."""
    from rescind.engine.duplicates import DuplicateGuard

    put(DuplicateGuard, "hold_back", lambda *_: None)


def last_row_wins() -> None:
    """If two rows are about one order, the last one is used."""
    from providers import notpanel

    def last(
        orders: Sequence[Order], rows: Iterable[tuple[str | None, Any]], read: Any
    ) -> Findings:
        asked = {order.id for order in orders}
        return Findings({name: read(name, row) for name, row in rows if name in asked})

    put(notpanel, "findings_of", last)


def ended_by_redis() -> None:
    """An error reply of Redis ends the worker: kombu's default."""
    from kombu.transport import redis

    from worker.transport import Transport

    put(Transport, "connection_errors", redis.Transport.connection_errors)


def drop_answers() -> None:
    """Results that cannot be written at once are dropped; workers read them back."""
    from rescind.engine.committing import Committer

    def drop(own: Any, share: Any) -> None:
        share.operation.in_flight -= len(share.results)
        share.results = []
        own._settling.withdraw(share.operation)
        keep(own, share)

    keep = put(Committer, "_keep", drop)


def careless_plans() -> None:
    """What waits for others is sent as soon as one of them has ended in any way."""
    put(successors, "judge", lambda _: (Verdict.WANTED, 0))


def forget_successors() -> None:
    """What waits stays as it is when the last of the others ends."""
    put(successors, "follow", lambda *_: successors.Following())


MUTATIONS: Mapping[str, Callable[[], None]] = {
    "no-verify": no_verify,
    "no-fencing": no_fencing,
    "early-ack": early_ack,
    "no-sweep": no_sweep,
    "requeue-vanished": requeue_vanished,
    "trust-silence": trust_silence,
    "trust-commit": trust_commit,
    "trust-at-once": trust_at_once,
    "blind-to-others": blind_to_others,
    "last-row-wins": last_row_wins,
    "ended-by-redis": ended_by_redis,
    "drop-answers": drop_answers,
    "careless-plans": careless_plans,
    "forget-successors": forget_successors,
}

CAUGHT_BY: Mapping[str, frozenset[str]] = {
    "no-verify": frozenset({"twice"}),
    "no-fencing": frozenset({"reopened"}),
    "early-ack": frozenset({"lost"}),
    "no-sweep": frozenset({"lost"}),
    "requeue-vanished": frozenset({"twice"}),
    "trust-silence": frozenset({"untrue"}),
    "trust-commit": frozenset({"twice"}),
    "trust-at-once": frozenset({"twice"}),
    "blind-to-others": frozenset({"twice"}),
    "last-row-wins": frozenset({"untrue"}),
    "ended-by-redis": frozenset({"ended"}),
    "drop-answers": frozenset({"dropped"}),
    "careless-plans": frozenset({"plan"}),
    "forget-successors": frozenset({"waiting"}),
}
"""By mutation: the kinds of offence that a run must report, among others."""

SHOWN_WITHOUT_KILLS = frozenset({"drop-answers"})
"""Mutations that show while services are away and no worker dies."""
SHOWN_IN_CALM = frozenset({"trust-at-once"})
"""Mutations that show while providers misbehave and no service is away."""


def install() -> None:
    """Apply the mutation that the environment names, if it names one."""
    name = os.environ.get(NAME)
    if name:
        MUTATIONS[name]()
