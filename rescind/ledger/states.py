"""The states of a cancellation, and every change between them that may happen."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    SENDING = "sending"
    VERIFYING = "verifying"
    REQUESTED = "requested"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"


S = State

FINAL = frozenset({S.CANCELLED, S.REJECTED, S.EXPIRED, S.FAILED, S.WITHDRAWN})
OPEN = frozenset(State) - FINAL
RETRYABLE = frozenset({S.FAILED, S.EXPIRED, S.REJECTED, S.WITHDRAWN})
UNSENT = frozenset({S.SCHEDULED, S.QUEUED})
"""The states in which it waits to be sent, and no call for it is under way."""

EDGES: dict[tuple[State, State], str] = {
    (S.SCHEDULED, S.QUEUED): "its time has come, or its predecessors have ended",
    (S.SCHEDULED, S.VERIFYING): "it may have been sent before the ledger was restored",
    (S.SCHEDULED, S.EXPIRED): "cancel_before came first",
    (S.SCHEDULED, S.FAILED): "not wanted, and no reading tells whether it was sent"
    " before the ledger was restored",
    (S.SCHEDULED, S.WITHDRAWN): "taken back, or not wanted, before anything was sent",
    (S.QUEUED, S.SENDING): "claimed by a worker",
    (S.QUEUED, S.EXPIRED): "cancel_before came first",
    (
        S.QUEUED,
        S.VERIFYING,
    ): "an earlier call may have worked, and cancel_before came or"
    " the ledger was restored",
    (S.QUEUED, S.WITHDRAWN): "taken back before anything was sent",
    (S.SENDING, S.QUEUED): "not done: never sent, throttled, held, halved",
    (S.SENDING, S.VERIFYING): "unknown: answer lost, worker died, unclear refusal",
    (S.SENDING, S.REQUESTED): "the provider accepted it",
    (S.SENDING, S.CANCELLED): "the provider says so",
    (S.SENDING, S.REJECTED): "the provider refuses",
    (S.SENDING, S.EXPIRED): "never sent, and cancel_before has passed",
    (S.SENDING, S.FAILED): "never sent, and given up",
    (S.VERIFYING, S.QUEUED): "shown as not done",
    (S.VERIFYING, S.SCHEDULED): "shown as not done, and its predecessors keep it",
    (S.VERIFYING, S.REQUESTED): "shown as being cancelled",
    (S.VERIFYING, S.CANCELLED): "shown as cancelled",
    (S.VERIFYING, S.REJECTED): "shown as not cancelled, and too late to cancel",
    (S.VERIFYING, S.EXPIRED): "shown as not done, and cancel_before has passed",
    (S.VERIFYING, S.FAILED): "cannot be established, or attempts ran out",
    (S.REQUESTED, S.QUEUED): "shown as active for too long: dropped",
    (S.REQUESTED, S.SCHEDULED): "dropped, and its predecessors keep it",
    (S.REQUESTED, S.CANCELLED): "shown as cancelled",
    (S.REQUESTED, S.REJECTED): "ended otherwise",
    (S.REQUESTED, S.EXPIRED): "dropped, and cancel_before has passed",
    (S.REQUESTED, S.FAILED): "never became final, or attempts ran out",
    (S.REQUESTED, S.VERIFYING): "retry of an order that seems to be dropped",
    # Only an operator's retry leaves a final state, or what follows from one.
    (S.FAILED, S.QUEUED): "retry",
    (S.FAILED, S.VERIFYING): "retry, and an earlier call may have worked",
    (S.REJECTED, S.QUEUED): "retry",
    (S.REJECTED, S.VERIFYING): "retry after the ledger was restored",
    (S.EXPIRED, S.QUEUED): "retry",
    (S.EXPIRED, S.VERIFYING): "retry after the ledger was restored",
    (S.EXPIRED, S.SCHEDULED): "retry, and it has to wait",
    (S.WITHDRAWN, S.QUEUED): "retry, of it or of a predecessor",
    (S.WITHDRAWN, S.VERIFYING): "retry after the ledger was restored",
    (S.WITHDRAWN, S.SCHEDULED): "retry, of it or of a predecessor: it has to wait",
}
"""Every change of state that exists, and why it happens."""

DIAGRAM_HEAD = (
    "stateDiagram-v2\n    [*] --> scheduled: not_before, or after\n    [*] --> queued\n"
    "    [*] --> verifying: it may have been sent, soon after the ledger was restored\n"
)


def diagram() -> str:
    """The edges as a Mermaid state diagram; ``docs/architecture.md`` holds it."""
    lines = [f"    {a} --> {b}: {why}" for (a, b), why in EDGES.items()]
    ends = [f"    {state} --> [*]" for state in State if state in FINAL]
    return DIAGRAM_HEAD + "\n".join(lines + ends) + "\n"
