"""Mutations: Rescind broken on purpose, to check that random worlds notice it.

They are the mutations of ``chaos.mutations`` that do not concern sockets, and faults
that others found before there was a simulator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, update

from chaos import mutations as chaos
from chaos.patching import put
from providers.registry import BY_NAME
from rescind.engine import restore_guard
from rescind.engine.ledger_clock import LedgerClock
from rescind.ledger.changes import plan_completion, recording, withdrawals
from rescind.ledger.states import UNSENT
from rescind.ledger.storage.milliseconds import in_ms
from rescind.ledger.storage.tables import LANE
from rescind.operations import reconciliation
from rescind.provider.session import Bounds, CallAdapter
from simulate import ledger_restore, message_queue
from simulate.simulated_accounts import accounts


def early_ack() -> None:
    """Messages are acknowledged before they are worked on: Celery's default."""
    message_queue.ACKS_LATE = False


def hasty_dukkango() -> None:
    """Trust Dükkango's list at once, while our own call may still take effect."""
    _change("dukkango", active_trusted_after=timedelta(0))


def forget_queues() -> None:
    """Assume that notpanel has no cancel of ours in a queue if it shows an order as
    active."""
    _change("notpanel", queued_for=timedelta(0))


def trap_requested() -> None:
    """Poll a requested order until it is given up, and never send it again."""
    from rescind.ledger import reading_decision

    put(reading_decision, "_was_dropped", lambda *_: False)


def one_clock() -> None:
    """Check with the monotonic clock alone whether it is too late to send."""

    def late(adapter: CallAdapter, bounds: Bounds) -> bool:
        return adapter._wire.monotonic() > bounds.latest

    put(CallAdapter, "_is_late", late)


def own_clocks() -> None:
    """Each worker goes by the clock of its own machine."""

    def now(clock: LedgerClock) -> datetime:
        return clock._machine.now()

    put(LedgerClock, "now", now)
    put(LedgerClock, "earliest", now)


def withdraw_sent() -> None:
    """Withdraw an order that waits, even if an earlier call for it may have worked."""
    put(withdrawals, "was_never_sent", lambda state, _attempts: state in UNSENT)


def tell_plans_early() -> None:
    """Tell the end of a plan at the end of any of its steps."""
    put(plan_completion, "_without_open_steps", lambda _, plans: plans)


def forget_plans() -> None:
    """Record the end of a step, and not the end of its plan."""
    put(recording, "complete", lambda *_: 0)


def unreconciled() -> None:
    """Workers start on a restored ledger as if nothing had happened."""
    put(ledger_restore, "reconcile", lambda *_, **__: None)


def send_resubmitted() -> None:
    """After a restore, what is submitted again is sent without a reading."""
    put(restore_guard, "must_be_read", lambda *_: False)


def forget_new_lanes() -> None:
    """A restore concerns only the lanes that the restored ledger has."""

    def note_restore(connection: Connection, now: datetime) -> None:
        connection.execute(update(LANE).values(restored_at=in_ms(now)))

    put(reconciliation, "note_restore", note_restore)


def _change(name: str, **values: timedelta) -> None:
    lanes = accounts().lanes
    for lane, config in list(lanes.items()):
        if lane[0] == name:
            policy = config.policy.model_copy(update=values)
            changed = replace(config, policy=policy)
            lanes[lane] = changed  # type: ignore[index]
    assert name in BY_NAME  # noqa: S101


NOT_HERE = frozenset({"early-ack", "last-row-wins", "ended-by-redis", "drop-answers"})
"""Those about acknowledgements, rows, connections and what is under way: worlds have
the first in another form, and the others not at all."""

MUTATIONS: Mapping[str, Callable[[], None]] = {
    **{name: one for name, one in chaos.MUTATIONS.items() if name not in NOT_HERE},
    "early-ack": early_ack,
    "hasty-dukkango": hasty_dukkango,
    "forget-queues": forget_queues,
    "trap-requested": trap_requested,
    "one-clock": one_clock,
    "own-clocks": own_clocks,
    "withdraw-sent": withdraw_sent,
    "tell-plans-early": tell_plans_early,
    "forget-plans": forget_plans,
    "unreconciled": unreconciled,
    "send-resubmitted": send_resubmitted,
    "forget-new-lanes": forget_new_lanes,
}

KNOWN: Mapping[str, int] = {
    "no-verify": 3,
    "no-fencing": 3,
    "no-sweep": 0,
    "requeue-vanished": 3,
    "trust-silence": 0,
    "trust-commit": 5,
    "trust-at-once": 17,
    "blind-to-others": 5,
    "early-ack": 3,
    "hasty-dukkango": 152,
    "forget-queues": 15,
    "trap-requested": 171,
    "one-clock": 33,
    "own-clocks": 202,
    "withdraw-sent": 68,
    "careless-plans": 1,
    "forget-successors": 1,
    "tell-plans-early": 1,
    "forget-plans": 1,
    "unreconciled": 4,
    "send-resubmitted": 4,
    "forget-new-lanes": 4,
}
"""For each mutation, a seed whose world notices it: ``make simulate-proof`` finds
others."""
