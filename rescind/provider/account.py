"""The model of one account: its credentials, its address, and what must be masked."""

from __future__ import annotations

import re
from functools import cached_property
from urllib.parse import SplitResult, urlsplit

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
"""Host names of this machine. Any other name may point to another machine later."""
ADDRESS = re.compile(r"[^\s\\\x00-\x1f\x7f]+")
"""Programs disagree about the host of a URL with spaces, backslashes or controls."""


class Account(BaseModel):
    """One account's credentials and address. Subclasses add the credentials.

    Secrets are ``SecretStr``: logs, errors and ``repr`` do not show them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: str
    allow_plain_http: bool = False

    @field_validator("base_url")
    @classmethod
    def _is_a_base(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be a scheme and a host, such as https://host")
        if parts.query or parts.fragment or "@" in parts.netloc:
            raise ValueError("must have no query, fragment, user name or password")
        if not ADDRESS.fullmatch(value):
            raise ValueError("must have no spaces, backslashes or control characters")
        if not _has_good_port(parts):
            raise ValueError("must have a port from 1 to 65535, or none")
        return value.rstrip("/")

    def model_post_init(self, _context: object, /) -> None:
        parts = urlsplit(self.base_url)
        plain = parts.scheme == "http" and parts.hostname not in LOOPBACK
        if plain and not self.allow_plain_http:
            raise ValueError(
                "base_url is plain http: credentials would travel unencrypted;"
                " use https, or set allow_plain_http = true"
            )

    def secrets(self) -> tuple[str, ...]:
        """Every secret value of this account, for masking."""
        return self._secrets

    @cached_property
    def _secrets(self) -> tuple[str, ...]:
        values = (getattr(self, name) for name in type(self).model_fields)
        found = (v.get_secret_value() for v in values if isinstance(v, SecretStr))
        return tuple(value for value in found if value)


def _has_good_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False
