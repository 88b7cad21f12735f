"""Names orders in sentences that name cancellations by their ids."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Row

ID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


def with_orders(sentences: Iterable[str], rows: Iterable[Row[Any]]) -> list[str]:
    """``sentences`` with the orders of ``rows`` for their ids.

    A page shows orders; another id stays as it is.
    """
    orders = {row.id: row.order_id for row in rows}
    return [ID.sub(lambda id_: orders.get(id_[0], id_[0]), one) for one in sentences]
