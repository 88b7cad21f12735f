"""Access tokens that a login issues: counted, and good for a while."""

from __future__ import annotations

from hashlib import blake2b

STATIC = "sandbox-token"
"""A token that always works."""


class Tokens:
    """The tokens one provider has issued."""

    def __init__(self) -> None:
        self.issued = 0
        self._live: dict[str, tuple[str, float]] = {}

    def issue(self, account: str, until: float, *, only: bool, size: int = 32) -> str:
        """A new token; with ``only``, the account's former ones are over."""
        self.issued += 1
        if only:
            for old in [t for t, (who, _) in self._live.items() if who == account]:
                del self._live[old]
        text = f"{account}/{self.issued}/{until}".encode("utf-8", "surrogatepass")
        token = blake2b(text, digest_size=size).hexdigest()
        self._live[token] = (account, until)
        return token

    def account(self, token: str, now: float) -> str | None:
        """Whose token it is, or None where it is not good, or no more."""
        if token == STATIC:
            return STATIC
        account, until = self._live.get(token, ("", 0.0))
        return account if now < until else None

    def expire(self) -> None:
        """End all that were issued."""
        self._live.clear()
