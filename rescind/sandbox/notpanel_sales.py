"""What notpanel sells: balance, services, new orders, and refills of orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from rescind.sandbox.notpanel_services import (
    DEPOSIT,
    catalogue,
    new_id,
    options_of,
    spent,
)
from rescind.sandbox.orders import Order
from rescind.sandbox.raw_http import Reply, json_reply
from rescind.sandbox.simulation import Notes, Simulation

REFILLED = frozenset({"completed", "partial"})
"""The states of orders that a panel refills."""


class Sales:
    """Answers the calls of the panel that are not about cancelling."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._refills = Refills()
        self._added = 0

    def answer(self, form: Mapping[str, str], notes: Notes) -> Reply:
        """Answer a call that names no order; ``form`` has its ``action``."""
        if form["action"] == "balance":
            said = {"balance": str(self._balance()), "currency": "USD"}
            return json_reply(200, said)
        if form["action"] == "services":
            return json_reply(200, catalogue())
        try:
            if form["action"] == "add":
                return json_reply(200, {"order": self._add(form, notes)})
            status = self._refills.status(form.get("refill", ""), notes.now)
        except ValueError as error:
            return json_reply(400, {"error": str(error)})
        return json_reply(200, {"status": status})

    def refill(self, ids: Sequence[str], notes: Notes, *, single: bool) -> Reply:
        """Refill one order, or many with a row for each."""
        due = notes.now + self._simulation.settings.settle
        orders = [self._simulation.order(one, notes.now) for one in ids]
        rows = [self._refills.row(order, due) for order in orders]
        if not single:
            return json_reply(200, rows)
        said = rows[0]["refill"]
        refused = isinstance(said, dict)
        return json_reply(400, said) if refused else json_reply(200, {"refill": said})

    def clear(self) -> None:
        self._refills.clear()
        self._added = 0

    def _balance(self) -> Decimal:
        return DEPOSIT - spent(self._simulation.orders)

    def _add(self, form: Mapping[str, str], notes: Notes) -> str:
        options = options_of(form)
        if self._balance() < Decimal(options["charge"]):
            raise ValueError("Not enough funds on balance")
        self._added += 1
        order_id = new_id(self._simulation.settings.seed, self._added)
        self._simulation.seed(order_id, "pending", options)
        notes.active[order_id] = True
        return order_id


class Refills:
    """The refills that were asked for; each is complete some seconds later."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}

    def row(self, order: Order, due: float) -> dict[str, Any]:
        """The row of an order: the number of its refill, or why there can be none."""
        if order.state not in REFILLED:
            missing = order.state == "missing"
            why = f"Order cannot be refilled ({order.state})"
            error = "Order not found" if missing else why
            return {"order": order.id, "refill": {"error": error}}
        number = str(len(self._due) + 1)
        self._due[number] = due
        return {"order": order.id, "refill": number}

    def status(self, number: str, now: float) -> str:
        """Raises ``ValueError`` if there is no such refill."""
        if number not in self._due:
            raise ValueError("Refill not found")
        return "Completed" if now >= self._due[number] else "Pending"

    def clear(self) -> None:
        self._due.clear()
