"""The messages that the producers of a world send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Message:
    """Entries that a producer sends ``at`` a time, and perhaps ``again`` at another."""

    at: float
    entries: tuple[Mapping[str, Any], ...]
    again: float | None = None
