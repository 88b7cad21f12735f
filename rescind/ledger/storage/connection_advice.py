"""What an operator can do about an error while PostgreSQL is being connected to."""

from __future__ import annotations

ADVICE = {
    "unsupported startup parameter": (
        "a pooler refuses `options`: leave it out, and give the role its settings"
        " (ALTER ROLE ... SET search_path = ...)"
    ),
    "certificate verify failed": (
        "sslrootcert must name a file with the authority that issued the server's"
        " certificate"
    ),
    "does not match host name": (
        "RESCIND_DATABASE_URL must name the server as its certificate does"
    ),
    "does not support SSL": (
        "sslmode asks for TLS: switch it on in the server (or the pooler)"
    ),
    "session is read-only": (
        "no server of RESCIND_DATABASE_URL takes writes now: promote one, or wait"
    ),
}
"""By what the driver's sentence has in it."""


def advice_for(cause: str) -> str:
    """What to do about ``cause``, to be put behind it; empty if nothing is known."""
    found = [advice for words, advice in ADVICE.items() if words in cause]
    return f"; {found[0]}" if found else ""
