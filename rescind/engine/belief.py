"""What the engine takes an operation to wait for: words for the log, and no more.

Read from another thread than the engine's own: it may be a moment old.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescind.engine.lane_operation import LaneOperation

UNHEARD = "nothing: it has never heard of this lane"


def belief(operation: LaneOperation | None, now: float) -> str:
    """What the operation waits for at ``now``, by the monotonic clock."""
    return UNHEARD if operation is None else ", ".join(_reasons(operation, now))


def _reasons(one: LaneOperation, now: float) -> Iterator[str]:
    if one.config.fault is not None:
        yield f"its account: {one.config.fault}"
    if one.not_before > now:
        yield f"another try in {one.not_before - now:.1f} s"
    if one.limited and one.asking:
        yield "an answer of Redis about its rate"
    elif one.limited and one.permits_at > now:
        yield f"room in its rate, asked for again in {one.permits_at - now:.1f} s"
    if one.restraint is not None:
        yield f"no more than {one.restraint} calls at once"
    if one.halted:
        yield "a result that stops it"
    yield f"{one.in_flight} calls under way"
    yield "orders that are due" if one.backlog else "nothing: it knows of no due order"
