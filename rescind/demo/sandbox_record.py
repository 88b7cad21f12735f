"""Converts the sandbox's record of an order into the oracle's form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rescind.demo.facts import Order, Seen

READABLE = (
    *(None, "row_missing", "row_dropped", "row_contradicted"),
    *("slow_after", "slow_before", "late"),
)
"""Faults after which the caller still gets a readable answer, if it has waited."""


def seen(record: Mapping[str, Any]) -> Order:
    """The oracle's order of a record of ``Sandbox.orders`` (``rescind.sandbox``)."""
    events = record["events"]
    return Order(
        provider=record["provider"],
        order=record["id"],
        truth=record["truth"],
        calls=tuple(_call(event, under_way=_acts_late(record)) for event in events),
        items=record.get("items") or {},
    )


def _acts_late(record: Mapping[str, Any]) -> bool:
    """Whether each cancel that the provider processes late was certain to work.

    If the provider then finds the order cancelled, another cancel has worked meanwhile.
    """
    cancelled = record["truth"] in ("cancelled", "cancelling", "partial")
    return cancelled and record.get("was") == "active"


def _call(event: Mapping[str, Any], *, under_way: bool) -> Seen:
    cancels = event["op"] == "cancel"
    acted = event["acted"] or (event["fault"] == "late" and under_way)
    return Seen(
        op=event["op"],
        # A cancel that the sandbox refused changed nothing, so it does not count.
        acted=cancels and acted,
        changed=cancels and acted,
        answered=event["answered"] and event["fault"] in READABLE,
        status=event["status"],
        active=event["active"],
    )
