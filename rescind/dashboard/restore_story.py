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


def waits_again() -> str:
    """It was read back, and is kept by its predecessors."""
    return _(
        "The provider shows the order as active: it is not cancelled. It waits for"
        " others again."
    )


def never_known() -> str:
    """Its predecessors do not want it, and no reading told what became of it."""
    return _(
        "Not sent: what it waited for did not end in the way that it needs. But it may"
        " have been sent before the ledger was restored, and the provider does not"
        " tell."
    )
