"""Access tokens that a login issues and that expire."""

from __future__ import annotations

from hashlib import sha256
from secrets import token_hex

STATIC = "sandbox-token"
"""A token that always works."""


class Tokens:
    def __init__(self, length: int) -> None:
        self._length = length
        self._ends: dict[str, float] = {}
        self.issued = 0

    def issue(self, ends: float, prefix: str = "") -> str:
        self.issued += 1
        random = sha256(token_hex().encode()).hexdigest()
        token = f"{prefix}{random}"[: self._length]
        self._ends[token] = ends
        return token

    def accepts(self, token: str, now: float) -> bool:
        return token == STATIC or self._ends.get(token, 0.0) > now

    def expire(self) -> int:
        """Expire every issued token; gives back how many there were."""
        count = len(self._ends)
        self._ends.clear()
        return count

    def reset(self) -> None:
        self.expire()
        self.issued = 0
