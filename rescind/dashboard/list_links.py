"""Addresses of lists of cancellations, for links."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlencode

LIST = "/desk/cancellations"


def list_path(**fields: str | Sequence[str]) -> str:
    """The address of the list with these fields, such as ``state="failed"``; the fields
    are those of ``listing_filter``."""
    query = urlencode({k: v for k, v in fields.items() if v}, doseq=True)
    return f"{LIST}?{query}" if query else LIST
