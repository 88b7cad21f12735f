"""The database and the options of a URL of Redis."""

from __future__ import annotations

import re
from difflib import get_close_matches

TLS = frozenset(
    {
        *("ssl_ca_certs", "ssl_ca_path", "ssl_cert_reqs", "ssl_certfile"),
        *("ssl_check_hostname", "ssl_keyfile", "ssl_password"),
    }
)
"""The options of TLS, as redis-py and Kombu name them."""
VERIFICATION = frozenset({"ssl_cert_reqs", "ssl_check_hostname"})
"""Those of them that could only switch verification off."""
DATABASE = ("db", "virtual_host")


def database_in(given: dict[str, str], path: str) -> str:
    """The database's number; removes it from ``given``.

    Raises ``ValueError`` if it is not a number.
    """
    named = [given.pop(name) for name in DATABASE if name in given]
    found = (named or [path or "0"])[0]
    if not (found.isascii() and found.isdigit()):
        raise ValueError("is not the URL of a Redis: the database must be a number")
    return found


def need_known(given: dict[str, str], known: frozenset[str]) -> None:
    """Raise ``ValueError`` if ``given`` has an option that is not ``known``."""
    for name in sorted(given.keys() - known):
        near = get_close_matches(name, known | {"db"}, 1)
        meant = f": did you mean {near[0]}?" if near else ""
        shown = name if re.fullmatch(r"\w{1,40}", name, re.ASCII) else "one"
        raise ValueError(f"has an option that cannot be used here, {shown}{meant}")
