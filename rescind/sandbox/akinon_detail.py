"""What Akinon shows of an order: its state, which its items' states make, and rows."""

from __future__ import annotations

from typing import Any

from rescind.sandbox.orders import Order

CODES = {
    "cancelling": "50",
    "cancelled": "100",
    "waiting": "200",
    "approved": "400",
    "preparing": "450",
    "shipped": "500",
    "delivered": "550",
}


def whole(order: Order) -> str:
    """The state that the order shows, computed from its items' states."""
    states = set((order.items or {}).values())
    if len(states) == 1:
        return states.pop()
    if states and states <= {"cancelling", "cancelled"}:
        return "cancelling"
    rest = sorted(states - {"cancelling", "cancelled"}, key=lambda s: int(CODES[s]))
    return rest[0] if rest else order.state


def document(order: Order) -> dict[str, Any]:
    """The order's detail, as the API answers it."""
    rows = [
        {"pk": int(item), "status": CODES[state], "price": "100.00", "quantity": 1}
        for item, state in (order.items or {}).items()
    ]
    return {
        "pk": int(order.id),
        "number": f"A{order.id}",
        "status": CODES[whole(order)],
        "currency": "try",
        "amount": f"{100 * len(rows)}.00",
        "orderitem_set": rows,
    }
