"""Ways in which a request proves who sends it, and the secrets that it then carries.

A provider puts these headers into its requests. What they hold is masked in every
reply, log and error, also where it is derived from an account's fields.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Mapping

from rescind.provider.http_messages import Request


def basic(user: str, password: str) -> dict[str, str]:
    """The header of HTTP Basic authentication (RFC 7617). ``user`` has no colon."""
    pair = b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def bearer(token: str) -> dict[str, str]:
    """The header of a bearer token (RFC 6750)."""
    return {"Authorization": f"Bearer {token}"}


def hmac_hex(key: str, message: bytes, digest: str = "sha256") -> str:
    """The HMAC of ``message`` in hexadecimal, as signatures are usually written.

    ``digest`` is a name that ``hashlib`` knows. Name the result in ``Request.secrets``
    unless it is in the Authorization header.
    """
    return hmac.digest(key.encode(), message, digest).hex()


def with_sent(request: Request, secrets: tuple[str, ...]) -> tuple[str, ...]:
    """``secrets``, and those that ``request`` itself carries."""
    found = dict.fromkeys((*secrets, *request.secrets, *_of_headers(request.headers)))
    return tuple(found)


def _of_headers(headers: Mapping[str, str]) -> list[str]:
    """The credentials in the Authorization header, without the name of the scheme."""
    values = (v for name, v in headers.items() if name.lower() == "authorization")
    return [value.partition(" ")[2].strip() or value for value in values if value]
