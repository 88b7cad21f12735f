"""The recorded exchanges of one cancellation, as test cases for its provider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from providers.registry import provider_named
from rescind.ledger.reading.queries import rows_of
from rescind.ledger.storage.call_table import CALL
from rescind.ledger.storage.tables import TRANSITION
from rescind.provider.masking import LONGEST
from rescind.provider.outcomes import Order
from rescind.provider.recorded_exchange import case_of

C = CALL.c


def cases_of(connection: Connection, cancellation: Row[Any]) -> list[dict[str, Any]]:
    """A case for each call that its history names and whose reply was kept; the same
    case once. Replies are masked: no credential and no personal data is in them."""
    found: list[dict[str, Any]] = []
    for call in _calls(connection, cancellation.id):
        case = _case(connection, call)
        if case is not None and case not in found:
            found.append(case)
    return found


def _calls(connection: Connection, cancellation_id: str) -> Sequence[Row[Any]]:
    chosen = (
        select(CALL)
        .join(TRANSITION, TRANSITION.c.call_id == C.id)
        .where(TRANSITION.c.cancellation_id == cancellation_id)
        .where(C.status.is_not(None), C.body.is_not(None))
        .order_by(TRANSITION.c.seq)
    )
    return connection.execute(chosen).all()


def _case(connection: Connection, call: Row[Any]) -> dict[str, Any] | None:
    asked = rows_of(connection, call.cancellations)
    if len(asked) < len(call.cancellations):
        # Without its deleted orders, nobody can say which row was about which order.
        return None
    orders = [Order(row.order_id, row.params) for row in asked]
    operation = "cancel" if call.operation == "cancel" else "read"
    provider = provider_named(call.provider)
    case = case_of(provider, operation, orders, call.status, call.body)
    return {**case, "cut": True} if len(call.body) >= LONGEST else case
