"""The sandbox's record of an order, in the words of the oracle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rescind.demo.facts import Order, Seen

READABLE = (None, "row_missing", "row_dropped", "slow_after", "slow_before", "late")
"""Faults that leave an answer to be read, if its caller is still there."""


def seen(record: Mapping[str, Any]) -> Order:
    """``record`` is one of ``rescind.sandbox.sandbox_client.Sandbox.orders``."""
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
        # A cancel that it refused changed nothing, and may as well not have been.
        acted=cancels and event["acted"],
        changed=cancels and event["acted"],
        told=event["answered"] and event["fault"] in READABLE,
        status=event["status"],
        active=event["active"],
    )
