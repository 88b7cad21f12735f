"""Converts the sandbox's record of an order into the oracle's form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rescind.demo.facts import Order, Seen

READABLE = (None, "row_missing", "row_dropped", "slow_after", "slow_before", "late")
"""Faults after which the caller still gets a readable answer, if it has waited."""


def seen(record: Mapping[str, Any]) -> Order:
    """The oracle's order of a record of ``Sandbox.orders`` (``rescind.sandbox``)."""
    return Order(
        provider=record["provider"],
        order=record["id"],
        truth=record["truth"],
        calls=tuple(map(_call, record["events"])),
        items=record.get("items") or {},
    )


def _call(event: Mapping[str, Any]) -> Seen:
    cancels = event["op"] == "cancel"
    return Seen(
        op=event["op"],
        # A cancel that the sandbox refused changed nothing, so it does not count.
        acted=cancels and event["acted"],
        changed=cancels and event["acted"],
        answered=event["answered"] and event["fault"] in READABLE,
        status=event["status"],
        active=event["active"],
    )
