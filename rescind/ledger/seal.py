"""Seals personal data and tokens: only the key can open them, or compute a digest.

``RESCIND_SEAL_KEY`` holds one key or several, separated by commas. The first one seals;
each of them opens. To rotate, put the new key in front.
"""

from __future__ import annotations

import hmac
import json
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

PURPOSE = b"rescind digest"


class SealError(RuntimeError):
    """The seal key is missing, malformed, or did not seal this value."""


class Seal:
    """Seals JSON values into text, and opens that text."""

    def __init__(self, keys: str) -> None:
        """``keys``: one Fernet key or several; raises ``SealError`` if malformed."""
        listed = [key.strip() for key in keys.split(",") if key.strip()]
        if not listed:
            raise SealError(
                "RESCIND_SEAL_KEY is not set: make a key with `rescind seal-key`,"
                " and give the same one to every worker and command"
            )
        try:
            self._fernet = MultiFernet([Fernet(key) for key in listed])
            # Derived, so that no digest tells of the key that encrypts.
            self._digest_key = hmac.digest(listed[0].encode(), PURPOSE, "sha256")
        except ValueError:
            raise SealError(
                "RESCIND_SEAL_KEY is not a key: each must be 32 bytes in URL-safe"
                " base64, as `rescind seal-key` prints them"
            ) from None

    def close(self, value: Any) -> str:
        return self._fernet.encrypt(json.dumps(value).encode()).decode()

    def open(self, sealed: str) -> Any:
        """The value; raises ``SealError`` if none of our keys sealed it."""
        try:
            return json.loads(self._fernet.decrypt(sealed.encode()))
        except (InvalidToken, ValueError):
            raise SealError(
                "RESCIND_SEAL_KEY is not the key that sealed this: put the former key"
                " behind the present one, separated by a comma"
            ) from None

    def digest(self, content: bytes) -> str:
        """A digest of content that may be personal data, made with the first key.

        A phone number or an IBAN could be guessed from a digest without a key: a
        computer tries all of them within hours. With another first key, the digest of
        the same content is another one.
        """
        return hmac.digest(self._digest_key, content, "sha256").hex()

    def renew(self, sealed: str) -> str:
        """The same value, sealed with the first key."""
        return self.close(self.open(sealed))


def new_key() -> str:
    """A new key for ``RESCIND_SEAL_KEY``."""
    return Fernet.generate_key().decode()
