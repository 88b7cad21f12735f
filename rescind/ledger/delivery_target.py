"""The target of a webhook: the part of its address that may be shown and compared."""

from __future__ import annotations

from urllib.parse import urlsplit

NO_HOST = "?"
"""The target of an address that cannot be read."""


def target_of(url: str) -> str:
    """The host and port in a callback's address, as they are written there."""
    try:
        host = urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        host = ""
    # ``due_targets`` starts after "": it would never find a target of that name.
    return host or NO_HOST
