"""Holds back what may have been sent before the ledger was restored.

The check runs between the claim and the call. What is held back is recorded as a call
whose answer was lost, so that it is read back before it is sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from rescind.engine.call_results import CallResult, Effect
from rescind.engine.lane_share import Share
from rescind.ledger.decision_events import Lost
from rescind.ledger.progress import Claimed
from rescind.ledger.restored import RESTORED, must_be_read


def hold_back_unread(shares: Iterable[Share], now: datetime) -> None:
    """Move the cancellations that must be read first from ``claimed`` to
    ``held_back``."""
    for share in shares:
        if share.claimed and share.operation.operation == "cancel":
            _divide(share, now)


def _divide(share: Share, now: datetime) -> None:
    policy, restored_at = share.operation.policy, share.state.restored_at
    unread = [one for one in share.claimed if must_be_read(one, restored_at, policy)]
    if unread:
        held = {one.id for one in unread}
        share.claimed = [one for one in share.claimed if one.id not in held]
        share.held_back += [_result(one, now) for one in unread]


def _result(one: Claimed, now: datetime) -> CallResult:
    return CallResult([one], {one.id: Lost()}, Effect(why=RESTORED), now)
