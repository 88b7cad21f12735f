"""Finds entries whose key stands for something else in the ledger already."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from rescind.intake.spellings import same_order, same_params
from rescind.ledger.changes.new_cancellation import NewCancellation
from rescind.ledger.reading.limited import sees
from rescind.ledger.seal import Seal
from rescind.provider.outcomes import InvalidRequestError
from rescind.provider.refusal_codes import RefusalCode


def conflict_of(
    one: NewCancellation, row: Row[Any], seal: Seal
) -> InvalidRequestError | None:
    """Why ``one`` differs from ``row``, which has its key; ``None`` if it does not."""
    if not same_order(one, row):
        return _conflict(one, _of_order(one, row))
    if not same_params(one, row, seal):
        which = f" ({row.id})" if _may_read(one, row) else ""
        return _conflict(one, f"was submitted with other params{which}")
    return None


def _of_order(one: NewCancellation, row: Row[Any]) -> str:
    which = f"order {row.order_id!r}" if _may_read(one, row) else "another order"
    return f"stands for {which} already"


def _may_read(one: NewCancellation, row: Row[Any]) -> bool:
    """Whether the caller that submitted ``one`` may be told about ``row``."""
    return one.within.reads and sees(one.within, row)


def _conflict(one: NewCancellation, why: str) -> InvalidRequestError:
    key = one.within.shown_key(one.key)
    where = f"key {key!r} of {one.provider}/{one.account}"
    says = f"{where} {why}: use another key"
    return InvalidRequestError(says, RefusalCode.KEY_CONFLICT, "/key")
