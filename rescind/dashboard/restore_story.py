"""Sentences for what may have been sent before the ledger was restored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rescind.dashboard.translation import _
from rescind.ledger.restored import RESTORED


def before_sending(step: Mapping[str, Any]) -> str:
    """It waited to be sent, and its provider is asked instead."""
    if step["evidence"] == RESTORED:
        return read_back()
    return _(
        "Its deadline passed. An earlier call may have worked, so the provider is asked"
        " for the order's status."
    )


def read_back() -> str:
    return _(
        "The ledger was restored from an older copy. The order may have been sent"
        " before, so the provider is asked for its status."
    )
