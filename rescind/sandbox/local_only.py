"""Keeps other sites' pages away from the sandbox's own addresses.

The sandbox listens on a loopback address and needs no password. A page of another site,
open in a browser on the same machine, could send requests to it all the same.
"""

from __future__ import annotations

from contextlib import suppress
from ipaddress import ip_address
from urllib.parse import urlsplit

from rescind.sandbox.raw_http import Reply, Request, json_reply


def refusal(request: Request) -> Reply | None:
    """An answer of status 403 if a page of another site sends ``request``."""
    host = request.headers.get("host", "localhost")
    if not _is_local(host):
        return _refused(f"{host!r} is not this machine: use localhost or 127.0.0.1")
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != host:
        return _refused("a page of another site may not use the sandbox")
    return None


def _is_local(host: str) -> bool:
    with suppress(ValueError):
        name = urlsplit(f"//{host}").hostname or ""
        if name == "localhost" or name.endswith(".localhost"):
            return True
        return ip_address(name).is_loopback
    return False


def _refused(says: str) -> Reply:
    return json_reply(403, {"error": says})
