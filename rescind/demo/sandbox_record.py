"""The sandbox's record of an order, in the words of the oracle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rescind.demo.facts import Order, Seen

READABLE = (
    *(None, "row_missing", "row_dropped", "row_contradicted"),
    *("slow_after", "slow_before", "late"),
)
"""Faults that leave an answer to be read, if its caller is still there."""


def seen(record: Mapping[str, Any]) -> Order:
    """``record`` is one of ``rescind.sandbox.sandbox_client.Sandbox.orders``."""
    events = record["events"]
    return Order(
        provider=record["provider"],
        order=record["id"],
        truth=record["truth"],
        calls=tuple(_call(event, under_way=_acts_late(record)) for event in events),
        items=record.get("items") or {},
    )


def _acts_late(record: Mapping[str, Any]) -> bool:
    """Whether each cancel that the provider acts late on was sure to work: that it has
    found the order cancelled is then the work of another one, sent meanwhile."""
    cancelled = record["truth"] in ("cancelled", "cancelling", "partial")
    return cancelled and record.get("was") == "active"


def _call(event: Mapping[str, Any], *, under_way: bool) -> Seen:
    cancels = event["op"] == "cancel"
    acted = event["acted"] or (event["fault"] == "late" and under_way)
    return Seen(
        op=event["op"],
        # A cancel that it refused changed nothing, and may as well not have been.
        acted=cancels and acted,
        changed=cancels and acted,
        told=event["answered"] and event["fault"] in READABLE,
        status=event["status"],
        active=event["active"],
    )
