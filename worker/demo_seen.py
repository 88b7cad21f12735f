"""The sandbox's record of an order, in the words of the oracle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from typing import Any

from worker.demo_oracle import Order, Seen

READABLE = (None, "row_missing", "slow_after", "slow_before")
"""Faults that leave an answer to be read, if its caller is still there."""
ITEMS = {100: "cancelled", 50: "cancelling"}
"""Akinon's codes of an item that is, or is being, cancelled."""


def seen(record: Any) -> Order:
    """``record`` is one of ``sandbox.client.Sandbox.orders``."""
    whole: Mapping[str, Any] = asdict(record) if is_dataclass(record) else record  # type: ignore[arg-type]
    items = whole.get("items") or {}
    return Order(
        provider=whole["provider"],
        order=whole.get("order", whole.get("id")),
        truth=whole["truth"],
        calls=tuple(map(_call, whole["events"])),
        items={str(item): ITEMS.get(code, str(code)) for item, code in items.items()},
    )


def _call(event: Mapping[str, Any]) -> Seen:
    readable = event["fault"] in READABLE
    active = event.get("active")
    return Seen(
        op=event["op"],
        acted=event["acted"],
        changed=event.get("changed", event["acted"] and event["op"] == "cancel"),
        told=bool(event["answered"]) and readable,
        status=event["status"],
        active=active,
    )
