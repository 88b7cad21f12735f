"""notpanel's limit of calls a minute for each key, and the headers that tell of it."""

from __future__ import annotations

from rescind.sandbox.raw_http import Reply, json_reply

MINUTE = 60


class KeyLimit:
    """Counts the calls of each key in windows of one minute."""

    def __init__(self) -> None:
        self._windows: dict[str, tuple[int, int]] = {}

    def count(self, key: str, second: int) -> tuple[int, int]:
        """Count a call; gives back how many came before it, and the window's begin."""
        began, count = self._windows.get(key, (second, 0))
        if second - began >= MINUTE:
            began, count = second, 0
        self._windows[key] = (began, count + 1)
        return count, began

    def clear(self) -> None:
        self._windows.clear()


def left_headers(limit: int, count: int) -> tuple[tuple[str, str], ...]:
    """The headers of an answer, after ``count`` earlier calls; 0 is no limit."""
    left = max(0, limit - count - 1) if limit else 1_000_000
    return (
        ("X-RateLimit-Limit", str(limit or 1_000_000)),
        ("X-RateLimit-Remaining", str(left)),
    )


def throttled(limit: int, reset: int) -> Reply:
    """The answer to a call beyond the limit; ``reset`` is in seconds of Unix time."""
    return json_reply(
        429,
        {"error": "Rate limit exceeded"},
        ("X-RateLimit-Limit", str(limit)),
        ("X-RateLimit-Remaining", "0"),
        ("X-RateLimit-Reset", str(reset)),
        ("X-RateLimit-DeniedBy", "key"),
    )
