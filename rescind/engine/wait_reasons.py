"""What one operation of a lane waits for, in words for the log.

Another thread than the engine's reads the operation, so the words may be a moment old.
"""

from __future__ import annotations

from collections.abc import Iterator

from rescind.engine.lane_operation import LaneOperation

UNKNOWN_LANE = "nothing: the engine does not know this lane"


def wait_reasons(operation: LaneOperation | None, now: float) -> str:
    """What the operation waits for at ``now``, in seconds of the monotonic clock."""
    return UNKNOWN_LANE if operation is None else ", ".join(_reasons(operation, now))


def _reasons(one: LaneOperation, now: float) -> Iterator[str]:
    if one.config.fault is not None:
        yield f"its account: {one.config.fault}"
    if one.not_before > now:
        yield f"its next try, in {one.not_before - now:.1f} s"
    if one.limited and one.asking:
        yield "an answer of Redis about its rate"
    elif one.limited and one.permits_at > now:
        yield f"room in its rate, to be requested in {one.permits_at - now:.1f} s"
    if one.restraint is not None:
        yield f"its limit of {one.restraint} calls at once"
    if one.halted:
        yield "the record of a result that stops the lane"
    yield f"{one.in_flight} calls under way"
    yield "due orders" if one.backlog else "nothing: it knows of no due order"
